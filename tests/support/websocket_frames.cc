#include "support/websocket_frames.h"

#include <cstddef>

namespace weir::test {

namespace {

int shortest_length(std::size_t size) {
  if (size < 126) return 7;
  return size < 65536 ? 16 : 64;
}

void append_big(std::string& bytes, std::uint64_t value, int bits) {
  for (int shift = bits - 8; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> shift & 0xff);
  }
}

}  // namespace

std::string bytes_of(const Frame& frame) {
  const std::size_t size = frame.payload.size();
  const int bits = frame.length_bits != 0 ? frame.length_bits : shortest_length(size);
  std::string bytes;
  bytes += static_cast<char>((frame.fin ? 0x80 : 0) | frame.reserved << 4 | frame.opcode);
  const auto masked = frame.mask ? std::size_t{0x80} : 0;
  bytes += static_cast<char>(masked | (bits == 7 ? size : bits == 16 ? 126 : 127));
  if (bits > 7) append_big(bytes, size, bits);
  auto payload = frame.payload;
  if (frame.mask) {
    bytes.append(frame.mask->begin(), frame.mask->end());
    apply_mask(payload, *frame.mask);
  }
  return bytes + payload;
}

void apply_mask(std::string& payload, const Frame::Mask& mask) {
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]);
  }
}

std::string close_payload(std::uint16_t code, const std::string& reason) {
  std::string payload;
  append_big(payload, code, 16);
  return payload + reason;
}

}  // namespace weir::test
