#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::util {

/// The first 16 bytes of SHA-256: equal hashes mean equal content, also where an attacker chose it.
using ContentHash = std::array<std::uint8_t, 16>;

ContentHash hash_content(std::span<const std::uint8_t> bytes);

/// FNV-1a over pieces: for spreading, the same on every machine and in every version; no guard
/// against who wants collisions.
class Hash64 {
 public:
  void add(std::string_view piece) {
    for (const char c : piece) {
      value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

/// 32 lower-case hex digits.
std::string to_hex(const ContentHash& hash);

}  // namespace weir::util
