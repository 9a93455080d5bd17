#include "ingress/annotation_values.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace weir::ingress {

namespace {

constexpr std::size_t kMostQuoted = 100;  // bytes
constexpr std::string_view kWhiteSpace = " \t\r\n";

struct Unit {
  std::string_view name;
  std::uint64_t ms;
};
/// "ms" before "m".
constexpr Unit kUnits[] = {
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

/// The digits in front of `text`, which are cut off.
std::optional<std::uint64_t> cut_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = cut_number(text);
  if (!number) return std::nullopt;
  int shift = 0;
  if (text == "k" || text == "K") {
    shift = 10;
  } else if (text == "m" || text == "M") {
    shift = 20;
  } else if (text == "g" || text == "G") {
    shift = 30;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  if (*number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

enum class Taken : std::uint8_t {
  Yes,
  Wrong,  ///< not of the type, or out of bounds
  Later,  ///< Choice::later
};

struct Taker {
  std::string_view text;
  Policies& policies;

  Taken operator()(const Flag& flag) const {
    std::optional<bool> value;
    if (flag.words == Flag::Words::TrueFalse) {
      value = parse_bool(text);
    } else if (text == "on" || text == "off") {
      value = text == "on";
    }
    if (!value) return Taken::Wrong;
    flag.set(policies, *value);
    return Taken::Yes;
  }

  Taken operator()(const Number& number) const {
    const auto value = parse_number(text);
    if (!value || *value < number.least || *value > number.most ||
        (number.fits && !number.fits(*value))) {
      return Taken::Wrong;
    }
    number.set(policies, *value);
    return Taken::Yes;
  }

  Taken operator()(const Duration& duration) const {
    const auto value = parse_duration_ms(text);
    if (!value || *value < duration.least_ms || *value > duration.most_ms) return Taken::Wrong;
    duration.set(policies, *value);
    return Taken::Yes;
  }

  Taken operator()(const Size& size) const {
    const auto value = parse_size(text);
    if (!value || *value > size.most) return Taken::Wrong;
    size.set(policies, *value);
    return Taken::Yes;
  }

  Taken operator()(const List& list) const {
    auto items = split_list(list.any_case ? lower(text) : std::string(text), list.separator);
    if (items.empty() || items.size() > list.most) return Taken::Wrong;
    for (const auto& item : items) {
      if (list.fits && !list.fits(item)) return Taken::Wrong;
    }
    list.set(policies, std::move(items));
    return Taken::Yes;
  }

  Taken operator()(const Choice& choice) const {
    const auto is_text = [&](std::string_view word) {
      return choice.any_case ? lower(word) == lower(text) : word == text;
    };
    const auto found = std::ranges::find_if(choice.words, is_text);
    if (found == choice.words.end()) {
      return std::ranges::any_of(choice.later, is_text) ? Taken::Later : Taken::Wrong;
    }
    choice.set(policies, static_cast<std::size_t>(found - choice.words.begin()));
    return Taken::Yes;
  }

  Taken operator()(const Text& type) const {
    if (text.size() > type.most || !is_plain(text) || (type.fits && !type.fits(text))) {
      return Taken::Wrong;
    }
    type.set(policies, std::string(text));
    return Taken::Yes;
  }
};

std::string format_size(std::uint64_t bytes) {
  constexpr std::string_view kNames[] = {"", "k", "m", "g"};
  std::size_t name = 0;
  while (name + 1 < std::size(kNames) && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++name;
  }
  return fmt::format("{}{}", bytes, kNames[name]);
}

struct Describer {
  std::string_view mark;

  std::string operator()(const Flag& flag) const {
    return flag.words == Flag::Words::OnOff ? any_of({"on", "off"}) : any_of({"true", "false"});
  }

  std::string operator()(const Number& number) const {
    std::string what =
        number.unit.empty() ? "a whole number" : fmt::format("a whole number of {}", number.unit);
    if (number.most == std::numeric_limits<std::uint32_t>::max() && number.least == 0) return what;
    return fmt::format("{} from {} to {}{}{}", what, number.least, number.most,
                       number.but.empty() ? "" : " ", number.but);
  }

  std::string operator()(const Duration& duration) const {
    return fmt::format("a time such as {0}30s{0} or {0}1h30m{0}, from {1} to {2}", mark,
                       format_duration(duration.least_ms), format_duration(duration.most_ms));
  }

  std::string operator()(const Size& size) const {
    return fmt::format("a size such as {0}64k{0} or {0}1m{0}, at most {1}", mark,
                       format_size(size.most));
  }

  std::string operator()(const List& list) const {
    return fmt::format("a list with {} between, at most {}; each is {}",
                       list.separator == ' ' ? "blanks" : "commas", list.most, list.item);
  }

  std::string operator()(const Choice& choice) const { return any_of(choice.words); }

  std::string operator()(const Text& type) const { return std::string(type.what); }

 private:
  std::string any_of(const std::vector<std::string_view>& words) const {
    std::string all;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (i > 0) all += i + 1 < words.size() ? ", " : " or ";
      all += fmt::format("{0}{1}{0}", mark, words[i]);
    }
    return all;
  }
};

}  // namespace

std::optional<bool> parse_bool(std::string_view text) {
  for (const auto* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const auto* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const auto value = cut_number(text);
  return text.empty() ? value : std::nullopt;
}

std::optional<std::uint32_t> parse_duration_ms(std::string_view text) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (const auto seconds = parse_number(text)) {
    if (*seconds > kMost / 1'000) return std::nullopt;
    return static_cast<std::uint32_t>(*seconds * 1'000);
  }
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto count = cut_number(text);
    if (!count) return std::nullopt;
    const auto* unit = std::ranges::find_if(
        kUnits, [&](const Unit& candidate) { return text.starts_with(candidate.name); });
    if (unit == std::end(kUnits) || *count > kMost / unit->ms) return std::nullopt;
    total += *count * unit->ms;
    if (total > kMost) return std::nullopt;
    text.remove_prefix(unit->name.size());
  }
  return static_cast<std::uint32_t>(total);
}

std::string format_duration(std::uint32_t ms) {
  if (ms == 0) return "0";
  std::string text;
  std::uint64_t rest = ms;
  for (const std::string_view name : {"d", "h", "m", "s", "ms"}) {
    const auto* unit =
        std::ranges::find_if(kUnits, [&](const Unit& one) { return one.name == name; });
    if (rest >= unit->ms) text += fmt::format("{}{}", rest / unit->ms, name);
    rest %= unit->ms;
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kWhiteSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) + 1 - begin);
}

std::vector<std::string> split_list(std::string_view text, char separator) {
  const std::string_view separators =
      separator == ' ' ? kWhiteSpace : std::string_view(&separator, 1);
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(separators), text.size());
    const auto item = trimmed(text.substr(0, end));
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

std::string describe(const ValueType& type, std::string_view mark) {
  return std::visit(Describer{mark}, type);
}

std::string_view shortened(std::string_view text) {
  if (text.size() <= kMostQuoted) return text;
  auto end = kMostQuoted;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

std::optional<Complaint> take_value(const Annotation& annotation, std::string_view text,
                                    Policies& policies) {
  const auto taken = std::visit(Taker{text, policies}, annotation.type);
  if (taken == Taken::Yes) return std::nullopt;
  Complaint complaint{
      taken == Taken::Later,
      taken == Taken::Later
          ? fmt::format("\"{}\" has no effect yet", shortened(text))
          : fmt::format("\"{}\" is not {}", shortened(text), describe(annotation.type, "\"")),
      annotation.usual.empty() ? std::string("it counts as not there")
                               : fmt::format("the default, {}, counts", annotation.usual)};
  if (annotation.close != nullptr) {
    annotation.close(policies);
    complaint.instead = kClosed;
  } else if (!annotation.if_wrong.empty()) {
    std::visit(Taker{annotation.if_wrong, policies}, annotation.type);
    complaint.instead = fmt::format("{} counts", annotation.if_wrong);
  }
  return complaint;
}

}  // namespace weir::ingress
