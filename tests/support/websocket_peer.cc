#include "support/websocket_peer.h"

#include <algorithm>

namespace weir::test {

namespace {

constexpr std::size_t kMaxControlPayload = 125;
constexpr std::uint64_t kMaxPayload = 256 << 20;  // more is a length that was misread

/// RFC 6455 §7.4, and what IANA has listed since (1012 to 1014).
bool may_be_sent(unsigned code) {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

std::string name_of(std::uint8_t opcode) {
  switch (opcode) {
    case Frame::kContinuation:
      return "continuation";
    case Frame::kText:
      return "text";
    case Frame::kBinary:
      return "binary";
    case Frame::kClose:
      return "Close";
    case Frame::kPing:
      return "Ping";
    case Frame::kPong:
      return "Pong";
    default:
      return "opcode " + std::to_string(opcode);
  }
}

}  // namespace

const std::string_view kSwitchingProtocols =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

std::string websocket_handshake(const std::string& host, const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

bool open_websocket(Socket& socket, const std::string& host, const std::string& path) {
  return socket.is_open() && socket.send(websocket_handshake(host, path)) &&
         receive_response(socket).status == 101;
}

void websocket_echo(Socket& socket, const std::string& body) {
  for (;;) {
    const auto head = receive_head(socket);
    if (!head.ends_with("\r\n\r\n")) return;
    if (head.find("\r\nUpgrade: websocket\r\n") != std::string::npos) break;
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                body);
  }
  socket.send(kSwitchingProtocols);
  for (auto bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
    if (!socket.send(bytes)) return;
  }
}

bool WebSocketPeer::open(const std::string& host, std::string_view behind) {
  return socket_.is_open() && send_raw(websocket_handshake(host).append(behind)) &&
         receive_response(socket_).status == 101;
}

bool WebSocketPeer::accept(std::string_view behind) {
  const auto head = receive_head(socket_);
  return head.find("\r\nUpgrade: websocket\r\n") != std::string::npos &&
         send_raw(std::string(kSwitchingProtocols).append(behind));
}

std::string WebSocketPeer::bytes_to_send(Frame frame) {
  if (role_ == Role::Client && !frame.mask) {
    frame.mask.emplace();
    for (auto& byte : *frame.mask) byte = static_cast<unsigned char>(random_());
  }
  return bytes_of(frame);
}

bool WebSocketPeer::send_fragments(const std::vector<std::string>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto opcode = i == 0 ? Frame::kText : Frame::kContinuation;
    if (!send({opcode, parts[i], i + 1 == parts.size()})) return false;
  }
  return true;
}

bool WebSocketPeer::send_half(const Frame& frame, std::size_t size, std::string* rest) {
  const auto bytes = bytes_to_send(frame);
  if (rest != nullptr) *rest = bytes.substr(size);
  return send_raw(std::string_view(bytes).substr(0, size));
}

/// Exactly `size` bytes, or false at the end.
bool WebSocketPeer::receive_some(std::size_t size, std::string& bytes) {
  bytes = socket_.receive_exactly(size);
  if (bytes.size() == size) return true;
  end_ = socket_.was_reset() ? End::Reset : End::Fin;
  return false;
}

std::optional<std::uint64_t> WebSocketPeer::receive_number(std::size_t size) {
  std::string bytes;
  if (!receive_some(size, bytes)) return {};
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::optional<Frame> WebSocketPeer::receive_frame() {
  const auto cut_off = [this] {
    violation("the connection ends within a frame");
    return std::nullopt;
  };
  std::string bytes;
  if (!receive_some(1, bytes)) return {};
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = receive_number(1);
  if (!second) return cut_off();

  Frame frame;
  frame.fin = (first & 0x80) != 0;
  frame.reserved = first >> 4 & 0x7;
  frame.opcode = first & 0x0f;
  auto length = *second & 0x7f;
  frame.length_bits = length < 126 ? 7 : length == 126 ? 16 : 64;
  if (frame.length_bits > 7) {
    const auto number = receive_number(frame.length_bits / 8);
    if (!number) return cut_off();
    length = *number;
  }
  if ((*second & 0x80) != 0) {
    if (!receive_some(4, bytes)) return cut_off();
    frame.mask.emplace();
    std::copy(bytes.begin(), bytes.end(), frame.mask->begin());
  }
  if (length > kMaxPayload) {
    violation("a frame of " + std::to_string(length) + " bytes");
    return {};
  }
  if (!receive_some(length, frame.payload)) return cut_off();
  if (frame.mask) apply_mask(frame.payload, *frame.mask);
  check(frame);
  return frame;
}

/// Takes down what RFC 6455 has against it, and what it changes for those that follow.
void WebSocketPeer::check(const Frame& frame) {
  const auto name = name_of(frame.opcode);
  const auto size = frame.payload.size();
  if (role_ == Role::Server && !frame.mask) violation("§5.1: a client's frame is not masked");
  if (role_ == Role::Client && frame.mask) violation("§5.1: a server's frame is masked");
  if (frame.reserved != 0) violation("§5.2: reserved bits without an extension: " + name);
  if (frame.opcode > Frame::kPong || (frame.opcode > Frame::kBinary && frame.opcode < 8)) {
    violation("§5.2: reserved " + name);
  }
  if ((frame.length_bits == 16 && size < 126) || (frame.length_bits == 64 && size < 65536)) {
    violation("§5.2: a length in more bytes than it needs: " + name);
  }
  if (frame.is_control()) {
    if (!frame.fin) violation("§5.5: fragmented " + name);
    if (size > kMaxControlPayload) violation("§5.5: more than 125 bytes: " + name);
  } else {
    const bool continues = frame.opcode == Frame::kContinuation;
    if (continues && !within_message_) violation("§5.4: a continuation of nothing");
    if (!continues && within_message_) violation("§5.4: a message within a message: " + name);
    if (closes_ > 0) violation("§5.5.1: data behind a Close frame: " + name);
    within_message_ = !frame.fin;
  }
  if (frame.opcode == Frame::kPing) ++pings_;
  if (frame.opcode == Frame::kPong) ++pongs_;
  if (frame.opcode == Frame::kClose) note_close(frame.payload);
}

void WebSocketPeer::note_close(const std::string& payload) {
  if (++closes_ > 1) violation("§5.5.1: a Close frame behind a Close frame");
  if (payload.size() == 1) violation("§5.5.1: half a status code");
  if (payload.size() < 2) return;
  const auto code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                               static_cast<unsigned char>(payload[1]));
  if (!may_be_sent(code)) violation("§7.4: status code " + std::to_string(code));
  if (closes_ > 1) return;
  close_code_ = code;
  close_reason_ = payload.substr(2);
}

std::optional<std::string> WebSocketPeer::receive_message() {
  std::string message;
  while (auto frame = receive_frame()) {
    if (frame->is_control()) continue;
    message += frame->payload;
    if (frame->fin) return message;
  }
  return {};
}

std::vector<Frame> WebSocketPeer::receive_to_end() {
  std::vector<Frame> frames;
  while (auto frame = receive_frame()) frames.push_back(std::move(*frame));
  return frames;
}

void WebSocketPeer::echo() {
  while (auto frame = receive_frame()) {
    frame->mask.reset();
    if (frame->opcode == Frame::kPong) continue;
    if (frame->opcode == Frame::kPing) frame->opcode = Frame::kPong;
    if (!send(*frame) || frame->opcode == Frame::kClose) return;
  }
}

}  // namespace weir::test
