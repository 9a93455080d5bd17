#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http_head.h"

/// The opening handshake of RFC 6455 §4, as the one door to a tunnel.
namespace weir::proxy {

/// What the answer to a valid handshake must show.
struct WebSocketHandshake {
  std::string accept;     ///< Sec-WebSocket-Accept
  std::string protocols;  ///< offered subprotocols, as sent
};

/// True if `head` is a valid handshake: GET, HTTP/1.1, no body, one Upgrade: websocket, version 13,
/// one key of 16 bytes. Anything else is an ordinary request.
bool read_websocket_handshake(const RequestHead& head, WebSocketHandshake& handshake);

/// The protocol that `head` asks to go on with: "websocket" for a valid handshake, one of `others`
/// (lower case, docs/tunnels.md) for its token without a body; empty for an ordinary request.
std::string_view read_upgrade(const RequestHead& head, const std::vector<std::string>& others,
                              WebSocketHandshake& handshake);
inline constexpr std::string_view kWebSocket = "websocket";

/// The answer of weir itself to a valid handshake, up to its empty line: for whoever is to hear of
/// a refusal in a Close frame. Of subprotocols the first offered one, for browsers insist on one.
std::string make_websocket_answer(const WebSocketHandshake& handshake);

/// Why the 101 is no right answer to `handshake`; empty when it is one.
std::string_view check_websocket_answer(const ResponseHead& head,
                                        const WebSocketHandshake& handshake);

}  // namespace weir::proxy
