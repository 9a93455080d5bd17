#include "ingress/text_template.h"

#include <algorithm>

#include "ingress/names.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

using table::TextPart;
using Source = TextPart::Source;

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The name that follows '$', cut off; empty: there is none.
std::string_view cut_variable(std::string_view& text) {
  const bool braced = text.starts_with('{');
  if (braced) text.remove_prefix(1);
  const auto end = static_cast<std::size_t>(
      std::find_if_not(text.begin(), text.end(), is_name_byte) - text.begin());
  const auto name = text.substr(0, end);
  text.remove_prefix(end);
  if (!braced) return name;
  if (!text.starts_with('}')) return {};
  text.remove_prefix(1);
  return name;
}

std::optional<TextPart> part_of(std::string_view variable) {
  if (variable == "remote_addr" || variable == "binary_remote_addr") {
    return TextPart{Source::ClientAddress, {}};
  }
  if (variable == "host") return TextPart{Source::Host, {}};
  if (variable == "request_uri") return TextPart{Source::RequestUri, {}};
  const auto rest = [&](std::string_view prefix) {
    return variable.size() > prefix.size() && variable.starts_with(prefix)
               ? std::string(variable.substr(prefix.size()))
               : std::string();
  };
  if (auto name = rest("http_"); !name.empty()) {
    std::ranges::replace(name, '_', '-');
    return TextPart{Source::Header, lower_case(name)};
  }
  if (auto name = rest("cookie_"); !name.empty()) return TextPart{Source::Cookie, std::move(name)};
  if (auto name = rest("arg_"); !name.empty()) return TextPart{Source::Argument, std::move(name)};
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<TextPart>> parse_text_template(std::string_view text) {
  std::vector<TextPart> parts;
  while (!text.empty()) {
    if (text.front() == '$') {
      text.remove_prefix(1);
      auto part = part_of(cut_variable(text));
      if (!part) return std::nullopt;
      parts.push_back(*std::move(part));
    } else {
      const auto end = static_cast<std::size_t>(
          std::find_if_not(text.begin(), text.end(),
                           [](char c) { return is_name_byte(c) || c == '-'; }) -
          text.begin());
      if (end == 0) return std::nullopt;
      parts.push_back({Source::Literal, std::string(text.substr(0, end))});
      text.remove_prefix(end);
    }
    if (parts.size() > table::kMaxTextParts) return std::nullopt;
  }
  return parts;
}

}  // namespace weir::ingress
