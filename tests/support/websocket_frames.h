#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace weir::test {

/// A WebSocket frame (RFC 6455 §5.2), right or wrong.
struct Frame {
  static constexpr std::uint8_t kContinuation = 0;
  static constexpr std::uint8_t kText = 1;
  static constexpr std::uint8_t kBinary = 2;
  static constexpr std::uint8_t kClose = 8;
  static constexpr std::uint8_t kPing = 9;
  static constexpr std::uint8_t kPong = 10;
  using Mask = std::array<unsigned char, 4>;

  std::uint8_t opcode = kText;
  std::string payload;  ///< as meant, not masked
  bool fin = true;
  std::optional<Mask> mask = std::nullopt;
  std::uint8_t reserved = 0;  ///< RSV1 is 4, RSV3 is 1
  int length_bits = 0;        ///< 7, 16 or 64; 0: the shortest

  bool is_control() const { return opcode >= 8; }
  bool operator==(const Frame&) const = default;
};

/// As it is on the wire.
std::string bytes_of(const Frame& frame);

/// XORs `payload` with `mask`, from its first byte on.
void apply_mask(std::string& payload, const Frame::Mask& mask);

/// A Close frame's payload (RFC 6455 §5.5.1).
std::string close_payload(std::uint16_t code, const std::string& reason = "");

}  // namespace weir::test
