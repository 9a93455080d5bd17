#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "util/result.h"

/// Amounts as people write them, in flags and in operators' requests.
namespace weir::util {

/// "250ms", "60s", "5m", "1h", "0"; a number and one unit.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "500ms", "90s", "1h": the largest unit without a rest.
std::string to_string(std::chrono::milliseconds duration);

/// "4096", "32k", "16m", "1g" bytes, of 1024; capital letters too.
Result<std::uint64_t> parse_size(std::string_view text);

}  // namespace weir::util
