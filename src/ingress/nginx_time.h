#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::ingress {

/// As nginx writes times, in seconds: "300", "10m", "1h 30m".
std::optional<std::uint32_t> parse_seconds(std::string_view text);

}  // namespace weir::ingress
