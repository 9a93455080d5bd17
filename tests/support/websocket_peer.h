#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/socket.h"
#include "support/websocket_frames.h"

namespace weir::test {

/// A valid opening handshake (the key of RFC 6455 §1.3).
std::string websocket_handshake(const std::string& host, const std::string& path = "/");

/// The whole answer to it.
extern const std::string_view kSwitchingProtocols;

/// Opens a tunnel over `socket`; false if the answer is not 101.
bool open_websocket(Socket& socket, const std::string& host, const std::string& path = "/");

/// For Backend: answers a handshake, then sends back every byte. Plain requests get 200 and `body`.
void websocket_echo(Socket& socket, const std::string& body = "hello");

/// One end of a WebSocket, over a socket that outlives it. It sends what the test wants, right or
/// wrong, and takes what comes by the letter of RFC 6455: no extension, every wrong frame is
/// written down. Text is not checked for UTF-8. Blocking, as Socket is; one thread's.
class WebSocketPeer {
 public:
  enum class Role : std::uint8_t { Client, Server };
  WebSocketPeer(Socket& socket, Role role) : socket_(socket), role_(role) {}
  WebSocketPeer(const WebSocketPeer&) = delete;
  WebSocketPeer& operator=(const WebSocketPeer&) = delete;

  /// A client's opening handshake; `behind` goes out with it in one write. False: no 101.
  bool open(const std::string& host, std::string_view behind = {});
  /// A server's; `behind` goes out with the 101. False: no handshake came.
  bool accept(std::string_view behind = {});

  /// A frame as this role sends it: a client's has a mask, a fresh one if `frame` has none.
  std::string bytes_to_send(Frame frame);
  /// False, here and below: the other side is gone.
  bool send(const Frame& frame) { return send_raw(bytes_to_send(frame)); }
  bool send_text(const std::string& text) { return send({Frame::kText, text}); }
  bool send_binary(const std::string& bytes) { return send({Frame::kBinary, bytes}); }
  /// One message, a frame a part.
  bool send_fragments(const std::vector<std::string>& parts);
  bool send_ping(const std::string& payload = "") { return send({Frame::kPing, payload}); }
  bool send_pong(const std::string& payload = "") { return send({Frame::kPong, payload}); }
  bool send_close(std::uint16_t code, const std::string& reason = "") {
    return send({Frame::kClose, close_payload(code, reason)});
  }
  /// Only the frame's first `size` bytes; `rest` is for send_raw, if it is to be ended.
  bool send_half(const Frame& frame, std::size_t size, std::string* rest = nullptr);
  bool send_raw(std::string_view bytes) { return socket_.send(bytes); }

  /// The next frame, of any kind; nothing at the end. Control frames are noted, not answered.
  std::optional<Frame> receive_frame();
  /// The next whole message of data; control frames around its fragments are noted.
  std::optional<std::string> receive_message();
  /// All frames up to the end.
  std::vector<Frame> receive_to_end();
  /// Sends frames back as they come, a Ping as a Pong. Ends behind a Close that was answered.
  void echo();

  /// What was wrong with the frames so far, a sentence each.
  const std::vector<std::string>& violations() const { return violations_; }
  int pings() const { return pings_; }
  int pongs() const { return pongs_; }
  /// Close frames received.
  int closes() const { return closes_; }
  /// Of the first of them; 1005: it had no code, or none came.
  std::uint16_t close_code() const { return close_code_; }
  const std::string& close_reason() const { return close_reason_; }

  /// How the other side's bytes ended. Over TLS, Reset is any end without close_notify.
  enum class End : std::uint8_t { None, Fin, Reset };
  End end() const { return end_; }

 private:
  bool receive_some(std::size_t size, std::string& bytes);
  std::optional<std::uint64_t> receive_number(std::size_t size);
  void check(const Frame& frame);
  void note_close(const std::string& payload);
  void violation(const std::string& what) { violations_.push_back(what); }

  Socket& socket_;
  const Role role_;
  std::mt19937 random_{1};  // of masks: a test's are the same each time
  std::vector<std::string> violations_;
  bool within_message_ = false;
  int pings_ = 0;
  int pongs_ = 0;
  int closes_ = 0;
  std::uint16_t close_code_ = 1005;
  std::string close_reason_;
  End end_ = End::None;
};

}  // namespace weir::test
