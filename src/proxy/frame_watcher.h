#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// WebSocket frames (RFC 6455 §5.2) as a passer-by sees them: headers only.
namespace weir::proxy {

enum class Opcode : std::uint8_t {
  Continuation = 0x0,
  Text = 0x1,
  Binary = 0x2,
  Close = 0x8,
  Ping = 0x9,
  Pong = 0xa,
};

struct FrameHeader {
  std::uint64_t length = 0;  ///< of the payload, bytes
  std::array<unsigned char, 4> mask{};
  Opcode opcode = Opcode::Continuation;
  bool fin = false;
  bool masked = false;

  bool is_control() const { return static_cast<std::uint8_t>(opcode) >= 8; }
};

/// How many frames have passed, by what they are.
struct FrameCounts {
  std::uint64_t data = 0;      ///< text, binary and continuation frames
  std::uint64_t messages = 0;  ///< data frames that end a message
  std::uint64_t pings = 0;
  std::uint64_t pongs = 0;
  std::uint64_t closes = 0;
};

/// One more frame like that.
void count_frame(const FrameHeader& frame, FrameCounts& counts);

/// Follows the frames of one direction of a tunnel. It never alters, delays or keeps payload, it
/// only knows where a frame ends. RSV bits and reserved opcodes mean nothing to it: extensions
/// pass. What cannot be a frame of that sender (RFC 6455 §5.1, §5.2, §5.5: masked the wrong way, a
/// length of 2^63 and more, a control frame that is longer than 125 bytes or fragmented) it cannot
/// follow: from then on it is lost, for good.
class FrameWatcher {
 public:
  enum class Sender : std::uint8_t { Client, Server };
  explicit FrameWatcher(Sender sender) : sender_(sender) {}

  enum class Event : std::uint8_t {
    More,    ///< all bytes are used, nothing has ended
    Header,  ///< `used` ends with a frame's header; `frame()` is that one
    End,     ///< `used` ends with a frame's last byte
    Lost,    ///< nothing more can be said
  };
  struct Step {
    Event event = Event::More;
    std::size_t used = 0;
  };
  /// Goes on to the next event in `bytes`. An empty frame's Header is followed by an End that uses
  /// no byte.
  Step next(std::span<const char> bytes);

  /// All of `bytes` at once: for whoever needs no events. Adds to `counts`.
  void pass(std::span<const char> bytes, FrameCounts& counts);

  bool lost() const { return phase_ == Phase::Lost; }
  /// What was passed so far ends with a frame's last byte, or is empty.
  bool at_boundary() const { return phase_ == Phase::Header && kept_ == 0; }
  /// What was passed so far ends within a frame's header.
  bool amid_header() const { return phase_ == Phase::Header && kept_ > 0; }
  /// The frame whose header was passed last.
  const FrameHeader& frame() const { return frame_; }
  /// A whole Close frame has passed.
  bool closed() const { return closed_; }
  /// The first one's status code as sent, valid or not; 1005 if it had none (RFC 6455 §7.1.5).
  std::uint16_t close_code() const { return close_code_; }

 private:
  /// In Payload with nothing left, the End of an empty frame is still to be told.
  enum class Phase : std::uint8_t { Header, Payload, Lost };
  static constexpr std::size_t kMaxHeader = 14;

  Step next_of_header(std::span<const char> bytes);
  Step next_of_kept_header(std::span<const char> bytes);
  Step next_of_payload(std::span<const char> bytes);
  std::size_t read_header(std::span<const char> bytes);
  void keep_code(std::span<const char> bytes);

  FrameHeader frame_;
  std::uint64_t left_ = 0;               // bytes of payload to come
  std::array<char, kMaxHeader> keep_{};  // a header's first bytes, or the code of a Close frame
  std::uint8_t kept_ = 0;                // bytes of a header in it
  Sender sender_;
  Phase phase_ = Phase::Header;
  bool closed_ = false;
  std::uint16_t close_code_ = 1005;
};

}  // namespace weir::proxy
