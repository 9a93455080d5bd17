#include "util/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace weir::util {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 4> kDurations = {
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 7> kSizes = {{{"", 1},
                                         {"k", 1U << 10},
                                         {"K", 1U << 10},
                                         {"m", 1U << 20},
                                         {"M", 1U << 20},
                                         {"g", 1U << 30},
                                         {"G", 1U << 30}}};

/// Digits and a unit, times its factor.
template <std::size_t N>
std::optional<std::uint64_t> scaled(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest.empty() && number == 0) return 0;
  for (const auto& unit : units) {
    if (rest != unit.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (const auto value = scaled(text, kDurations)) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
  }
  return malformed(fmt::format("\"{}\" is not a duration, like 250ms, 60s, 5m or 1h", text));
}

std::string to_string(std::chrono::milliseconds duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  if (count == 0) return "0s";
  for (const auto& unit : kDurations) {
    if (count % unit.factor == 0) return fmt::format("{}{}", count / unit.factor, unit.name);
  }
  return "";
}

Result<std::uint64_t> parse_size(std::string_view text) {
  if (const auto value = scaled(text, kSizes)) return *value;
  return malformed(fmt::format("\"{}\" is not a size, like 4096, 32k, 16m or 1g", text));
}

}  // namespace weir::util
