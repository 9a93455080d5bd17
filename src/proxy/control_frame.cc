#include "proxy/control_frame.h"

#include <array>
#include <cassert>

#include <openssl/rand.h>

namespace weir::proxy {

namespace {

constexpr std::size_t kMaxPayload = 125;
constexpr std::uint16_t kNoCode = 1005;

/// At most `most` bytes of UTF-8, whole characters.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

std::string make_frame(FrameWatcher::Sender as, Opcode opcode, std::string_view payload) {
  assert(payload.size() <= kMaxPayload);
  const bool masked = as == FrameWatcher::Sender::Client;
  std::string frame;
  frame.reserve(2 + 4 + payload.size());
  frame += static_cast<char>(0x80 | static_cast<unsigned>(opcode));
  frame += static_cast<char>((masked ? 0x80 : 0) | payload.size());
  if (!masked) return frame.append(payload);

  std::array<unsigned char, 4> key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) return {};
  frame.append(key.begin(), key.end());
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ key[i % key.size()]);
  }
  return frame;
}

}  // namespace

std::string make_close_frame(FrameWatcher::Sender as, std::uint16_t code, std::string_view reason) {
  std::string payload;
  if (code != kNoCode) {
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xff);
    payload += cut(reason, kMaxPayload - payload.size());
  }
  return make_frame(as, Opcode::Close, payload);
}

std::string make_ping_frame(FrameWatcher::Sender as, std::string_view payload) {
  return make_frame(as, Opcode::Ping, payload);
}

}  // namespace weir::proxy
