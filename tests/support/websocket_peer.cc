#include "support/websocket_peer.h"

namespace weir::test {

namespace {

constexpr const char* kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

}  // namespace

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
  socket.send(kSwitching);
  for (auto bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
    if (!socket.send(bytes)) return;
  }
}

}  // namespace weir::test
