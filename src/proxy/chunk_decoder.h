#pragma once

#include <cstdint>
#include <span>

namespace weir::proxy {

/// Follows the chunked coding (RFC 9112 §7.1) of one body as its bytes come, strictly: sizes are
/// plain hex digits, lines end in CRLF, extensions and trailers are bounded and hold no control
/// byte, and trailers name no framing or routing field.
class ChunkDecoder {
 public:
  static constexpr std::size_t kMaxExtension = 256;      ///< bytes a chunk
  static constexpr std::size_t kMaxTrailers = 8 * 1024;  ///< bytes a body

  struct Step {
    std::size_t used = 0;     ///< bytes that belong to this body
    std::size_t decoded = 0;  ///< of them, bytes of content
    bool done = false;        ///< the last byte of the body was used
    bool malformed = false;
  };

  /// Takes the next bytes. With `strip`, the content is moved together at the front of `bytes`.
  Step feed(std::span<char> bytes, bool strip);

 private:
  enum class State : std::uint8_t {
    Size,          // first digit
    SizeMore,      // further digits, or what follows them
    Extension,     // up to CR
    SizeLf,        // the LF after size and extension
    Data,          // `left_` bytes
    DataCr,        // the CR after them
    DataLf,        //
    TrailerStart,  // first byte of a trailer line, or the CR of the empty line
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
  };
  bool step(char c);
  bool trailer_name_allowed() const;

  State state_ = State::Size;
  std::uint64_t left_ = 0;
  std::uint32_t line_ = 0;  // bytes of extension, or of all trailers
  std::uint8_t name_size_ = 0;
  char name_[20] = {};  // the trailer's name, lower case, as far as it fits
};

}  // namespace weir::proxy
