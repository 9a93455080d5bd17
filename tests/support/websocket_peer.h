#pragma once

#include <cstdint>
#include <string>

#include "support/socket.h"

namespace weir::test {

/// A valid opening handshake (the key of RFC 6455 §1.3).
std::string websocket_handshake(const std::string& host, const std::string& path = "/");

/// Opens a tunnel over `socket`; false if the answer is not 101.
bool open_websocket(Socket& socket, const std::string& host, const std::string& path = "/");

/// For Backend: answers a handshake, then sends back every byte. Plain requests get 200 and `body`.
void websocket_echo(Socket& socket, const std::string& body = "hello");

}  // namespace weir::test
