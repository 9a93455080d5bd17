#include "ingress/cache_time.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <utility>

#include "ingress/annotation_values.h"
#include "table/describe_access.h"

namespace weir::ingress {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t ms;
};

constexpr std::uint64_t kDay = 24ULL * 3600 * 1000;
// Longer names first, as "ms" begins with "m".
constexpr Unit kUnits[] = {{"ms", 1},   {"s", 1000},     {"m", 60'000},    {"h", 3'600'000},
                           {"d", kDay}, {"w", 7 * kDay}, {"M", 30 * kDay}, {"y", 365 * kDay}};

/// "1h30m", "10m"; at most what the table takes. Nothing: that is no time.
std::optional<std::uint32_t> parse_time(std::string_view text) {
  std::uint64_t total = 0;
  while (!text.empty()) {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto* const unit =
        std::ranges::find_if(kUnits, [&](const Unit& each) { return text.starts_with(each.name); });
    if (unit == std::end(kUnits)) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total += count * unit->ms;
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(total, table::kMaxTunnelMilliseconds));
}

}  // namespace

std::optional<table::CacheTime> parse_cache_time(std::string_view text) {
  auto words = split_list(text, ' ');
  if (words.size() < 2) return std::nullopt;
  const auto time = parse_time(words.back());
  if (!time) return std::nullopt;
  words.pop_back();
  table::CacheTime parsed{{}, *time};
  for (const auto& word : words) {
    const auto status = parse_number(word);
    if (!status || *status < table::kLeastStatus || *status > table::kMostStatus) {
      return std::nullopt;
    }
    parsed.statuses.push_back(static_cast<std::uint16_t>(*status));
  }
  std::ranges::sort(parsed.statuses);
  parsed.statuses.erase(std::unique(parsed.statuses.begin(), parsed.statuses.end()),
                        parsed.statuses.end());
  if (parsed.statuses.size() > table::kMaxCacheStatuses) return std::nullopt;
  return parsed;
}

}  // namespace weir::ingress
