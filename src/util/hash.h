#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace weir::util {

/// The first 16 bytes of SHA-256: equal hashes mean equal content, also where an attacker chose it.
using ContentHash = std::array<std::uint8_t, 16>;

ContentHash hash_content(std::span<const std::uint8_t> bytes);

/// 32 lower-case hex digits.
std::string to_hex(const ContentHash& hash);

}  // namespace weir::util
