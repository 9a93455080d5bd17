#include "ingress/connection_keys.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>

#include "ingress/annotation_values.h"
#include "ingress/nginx_time.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

using Settings = table::ConnectionSettings;
using Field = std::optional<std::uint32_t> Settings::*;

/// Of times in ms, written in seconds, or as a number.
struct Key {
  std::string_view name;
  Field field;
  bool is_time;
  std::uint32_t least;  // as written
  std::uint32_t most;
  const char* otherwise;
};

constexpr std::uint32_t kDay = table::kMaxMilliseconds / 1000;
constexpr auto kAny = std::numeric_limits<std::uint32_t>::max();
constexpr const char* kNoTime = "is no time from 1 s to a day, such as 60 or 1m";
constexpr const char* kNoNumber = "is no whole number in range";
constexpr std::string_view kHeadBuffers = "large-client-header-buffers";

constexpr Key kKeys[] = {
    {"client-body-timeout", &Settings::client_body_ms, true, 1, kDay, kNoTime},
    {"client-header-timeout", &Settings::client_head_ms, true, 1, kDay, kNoTime},
    {"keep-alive", &Settings::client_idle_ms, true, 0, kDay,
     "is no time of up to a day, such as 75"},
    {"keep-alive-requests", &Settings::client_requests, false, 0, kAny, kNoNumber},
    {"proxy-protocol-header-timeout", &Settings::client_proxy_header_ms, true, 1, kDay, kNoTime},
    {"upstream-keepalive-connections", &Settings::pool_size, false, 0, 1'000'000, kNoNumber},
    {"upstream-keepalive-requests", &Settings::pool_requests, false, 1, kAny, kNoNumber},
    {"upstream-keepalive-time", &Settings::pool_lifetime_ms, true, 1, kDay, kNoTime},
    {"upstream-keepalive-timeout", &Settings::pool_idle_ms, true, 1, kDay, kNoTime},
};

const Key* find_key(std::string_view name) {
  const auto* const found = std::ranges::find(kKeys, name, &Key::name);
  return found == std::end(kKeys) ? nullptr : found;
}

/// "8k", "16384".
std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t unit = 1;
  if (text.ends_with('k') || text.ends_with('K')) unit = 1024;
  if (text.ends_with('m') || text.ends_with('M')) unit = 1024 * 1024;
  if (unit != 1) text.remove_suffix(1);
  const auto number = parse_number(text);
  if (!number || *number > table::kMostHeadBytes) return std::nullopt;
  return *number * unit;
}

/// "4 8k": the request line fits into one of them, and the head into all.
const char* take_head_buffers(std::string_view value, Settings& settings) {
  const auto words = split_list(value, ' ');
  const auto count = words.size() == 2 ? parse_number(words[0]) : std::nullopt;
  const auto size = words.size() == 2 ? parse_size(words[1]) : std::nullopt;
  constexpr std::uint64_t kLeast = table::kLeastHeadBytes;
  constexpr std::uint64_t kMost = table::kMostHeadBytes;
  if (!count || !size || *count == 0 || *count > kMost || *size < kLeast || *size > kMost) {
    return "is no number of buffers with a size from 1k to 1m behind it, such as 4 8k";
  }
  settings.uri_bytes = static_cast<std::uint32_t>(*size);
  settings.head_bytes = static_cast<std::uint32_t>(std::min(*count * *size, kMost));
  return nullptr;
}

}  // namespace

bool is_connection_key(std::string_view key) {
  return key == kHeadBuffers || find_key(key) != nullptr;
}

const char* take_connection_key(std::string_view key, std::string_view value, Settings& settings) {
  const auto text = trimmed(value);
  if (key == kHeadBuffers) return take_head_buffers(text, settings);
  const auto& known = *find_key(key);
  std::optional<std::uint64_t> number;
  if (known.is_time) {
    if (const auto seconds = parse_seconds(text)) number = *seconds;
  } else {
    number = parse_number(text);
  }
  if (!number || *number < known.least || *number > known.most) return known.otherwise;
  settings.*known.field = static_cast<std::uint32_t>(known.is_time ? *number * 1000 : *number);
  return nullptr;
}

}  // namespace weir::ingress
