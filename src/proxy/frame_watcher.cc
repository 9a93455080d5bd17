#include "proxy/frame_watcher.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::proxy {

// A tunnel has two.
static_assert(sizeof(FrameWatcher) <= 48);

namespace {

constexpr std::size_t kMaxControlPayload = 125;
constexpr std::size_t kCodeSize = 2;

unsigned char byte(char c) {
  return static_cast<unsigned char>(c);
}

std::uint64_t load_big(const char* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | byte(bytes[i]);
  return value;
}

}  // namespace

void count_frame(const FrameHeader& frame, FrameCounts& counts) {
  switch (frame.opcode) {
    case Opcode::Continuation:
    case Opcode::Text:
    case Opcode::Binary:
      ++counts.data;
      counts.messages += frame.fin ? 1 : 0;
      break;
    case Opcode::Ping:
      ++counts.pings;
      break;
    case Opcode::Pong:
      ++counts.pongs;
      break;
    case Opcode::Close:
      ++counts.closes;
      break;
  }
}

/// Takes the header that `bytes` begin with into `frame_`, and returns its size. 0: it is not
/// whole, or none of that sender, and then it is lost.
inline std::size_t FrameWatcher::read_header(std::span<const char> bytes) {
  if (bytes.size() < 2) return 0;
  const unsigned first = byte(bytes[0]);
  const unsigned second = byte(bytes[1]);
  const auto opcode = Opcode(first & 0x0f);
  const bool fin = (first & 0x80) != 0;
  const bool masked = (second & 0x80) != 0;
  const std::size_t length = second & 0x7f;
  if (masked != (sender_ == Sender::Client) ||
      ((first & 0x08) != 0 && (!fin || length > kMaxControlPayload))) {
    phase_ = Phase::Lost;
    return 0;
  }
  const std::size_t extended = length < 126 ? 0 : length == 126 ? 2 : 8;
  const std::size_t size = 2 + extended + (masked ? frame_.mask.size() : 0);
  if (bytes.size() < size) return 0;
  const auto full = extended == 0 ? length : load_big(bytes.data() + 2, extended);
  if (full >> 63 != 0) {
    phase_ = Phase::Lost;
    return 0;
  }
  frame_.length = full;
  frame_.opcode = opcode;
  frame_.fin = fin;
  frame_.masked = masked;
  if (masked) std::memcpy(frame_.mask.data(), bytes.data() + 2 + extended, frame_.mask.size());
  phase_ = Phase::Payload;
  left_ = full;
  return size;
}

inline FrameWatcher::Step FrameWatcher::next_of_header(std::span<const char> bytes) {
  if (kept_ > 0) return next_of_kept_header(bytes);
  if (const auto size = read_header(bytes); size > 0) return {Event::Header, size};
  if (phase_ == Phase::Lost) return {Event::Lost, 0};
  std::copy(bytes.begin(), bytes.end(), keep_.begin());
  kept_ = static_cast<std::uint8_t>(bytes.size());
  return {Event::More, bytes.size()};
}

/// A span ended within the header. What follows the header is copied as well as far as it fits, and
/// is used when its turn comes.
FrameWatcher::Step FrameWatcher::next_of_kept_header(std::span<const char> bytes) {
  const auto copied = std::min(bytes.size(), keep_.size() - kept_);
  std::copy_n(bytes.begin(), copied, keep_.begin() + kept_);
  const auto size = read_header(std::span(keep_).first(kept_ + copied));
  if (phase_ == Phase::Lost) return {Event::Lost, 0};
  if (size == 0) {
    kept_ = static_cast<std::uint8_t>(kept_ + copied);
    return {Event::More, copied};
  }
  return {Event::Header, size - std::exchange(kept_, std::uint8_t{0})};
}

inline FrameWatcher::Step FrameWatcher::next_of_payload(std::span<const char> bytes) {
  const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  if (frame_.opcode == Opcode::Close) keep_code(bytes.first(used));
  left_ -= used;
  if (left_ > 0) return {Event::More, used};
  phase_ = Phase::Header;
  if (frame_.opcode == Opcode::Close && !closed_) {
    closed_ = true;
    if (frame_.length >= kCodeSize) {
      close_code_ = static_cast<std::uint16_t>(load_big(keep_.data(), kCodeSize));
    }
  }
  return {Event::End, used};
}

/// Of the next `bytes` of a Close frame's payload, what belongs to the code.
void FrameWatcher::keep_code(std::span<const char> bytes) {
  const auto passed = frame_.length - left_;
  for (auto at = passed; at < kCodeSize && at - passed < bytes.size(); ++at) {
    keep_[at] = static_cast<char>(byte(bytes[at - passed]) ^ frame_.mask[at]);
  }
}

FrameWatcher::Step FrameWatcher::next(std::span<const char> bytes) {
  switch (phase_) {
    case Phase::Header:
      return next_of_header(bytes);
    case Phase::Payload:
      return next_of_payload(bytes);
    case Phase::Lost:
      break;
  }
  return {Event::Lost, 0};
}

void FrameWatcher::pass(std::span<const char> bytes, FrameCounts& counts) {
  while (phase_ != Phase::Lost) {
    if (phase_ == Phase::Header) {
      const auto step = next_of_header(bytes);
      if (step.event != Event::Header) return;
      bytes = bytes.subspan(step.used);
    }
    const auto step = next_of_payload(bytes);
    if (step.event != Event::End) return;
    bytes = bytes.subspan(step.used);
    count_frame(frame_, counts);
  }
}

}  // namespace weir::proxy
