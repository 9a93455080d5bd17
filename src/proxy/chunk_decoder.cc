#include "proxy/chunk_decoder.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace weir::proxy {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

bool is_token(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && std::strchr("\"(),/:;<=>?@[\\]{}", c) == nullptr;
}

}  // namespace

ChunkDecoder::Step ChunkDecoder::feed(std::span<char> bytes, bool strip) {
  Step step_result;
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::Done) {
    if (state_ == State::Data) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      if (strip && step_result.decoded != at) {
        std::memmove(bytes.data() + step_result.decoded, bytes.data() + at, take);
      }
      step_result.decoded += take;
      at += take;
      left_ -= take;
      if (left_ == 0) state_ = State::DataCr;
      continue;
    }
    if (!step(bytes[at])) {
      step_result.malformed = true;
      break;
    }
    ++at;
  }
  step_result.used = at;
  step_result.done = state_ == State::Done;
  return step_result;
}

/// One byte outside of chunk data; false: malformed.
bool ChunkDecoder::step(char c) {
  switch (state_) {
    case State::Size: {
      const int digit = hex_value(c);
      if (digit < 0) return false;
      left_ = static_cast<std::uint64_t>(digit);
      line_ = 0;
      state_ = State::SizeMore;
      return true;
    }
    case State::SizeMore: {
      if (const int digit = hex_value(c); digit >= 0) {
        if (left_ >> 56 != 0) return false;  // beyond 2^60 bytes: nobody means it
        left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
        return ++line_ < 32;  // leading zeros are digits, too
      }
      line_ = 0;
      if (c == '\r') {
        state_ = State::SizeLf;
        return true;
      }
      state_ = State::Extension;
      return c == ';';
    }
    case State::Extension:
      if (c == '\r') {
        state_ = State::SizeLf;
        return true;
      }
      return is_text(c) && ++line_ <= kMaxExtension;
    case State::SizeLf:
      line_ = 0;
      state_ = left_ == 0 ? State::TrailerStart : State::Data;
      return c == '\n';
    case State::DataCr:
      state_ = State::DataLf;
      return c == '\r';
    case State::DataLf:
      state_ = State::Size;
      return c == '\n';
    case State::TrailerStart:
      if (c == '\r') {
        state_ = State::EndLf;
        return true;
      }
      name_size_ = 0;
      state_ = State::TrailerName;
      [[fallthrough]];
    case State::TrailerName:
      if (++line_ > kMaxTrailers) return false;
      if (c == ':') {
        state_ = State::TrailerValue;
        return name_size_ > 0 && trailer_name_allowed();
      }
      if (name_size_ < sizeof name_) {
        name_[name_size_++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      }
      return is_token(c);
    case State::TrailerValue:
      if (c == '\r') {
        state_ = State::TrailerLf;
        return true;
      }
      return is_text(c) && ++line_ <= kMaxTrailers;
    case State::TrailerLf:
      state_ = State::TrailerStart;
      return c == '\n';
    case State::EndLf:
      state_ = State::Done;
      return c == '\n';
    case State::Data:
    case State::Done:
      break;
  }
  return false;
}

/// RFC 9110 §6.5.1: what frames or routes the message has no place behind its body. Nor has what
/// weir itself says about the client: some backends take trailers for fields of the head.
bool ChunkDecoder::trailer_name_allowed() const {
  const std::string_view name(name_, name_size_);
  if (name.starts_with("x-forwarded-") || name.starts_with("x-original-forwarded") ||
      name == "x-scheme" || name == "x-real-ip") {
    return false;
  }
  for (const std::string_view refused :
       {"content-length", "transfer-encoding", "host", "connection", "upgrade", "te", "trailer",
        "authorization", "cookie", "set-cookie", "content-encoding", "content-type",
        "content-range", "expect"}) {
    if (name == refused) return false;
  }
  return true;
}

}  // namespace weir::proxy
