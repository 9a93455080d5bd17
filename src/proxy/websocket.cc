#include "proxy/websocket.h"

#include <array>

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace weir::proxy {

namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// 16 bytes in base64 are 22 characters and "==".
bool valid_key(std::string_view key) {
  if (key.size() != 24 || key.substr(22) != "==") return false;
  for (const char c : key.substr(0, 22)) {
    const bool base64 = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                        (c >= '0' && c <= '9') || c == '+' || c == '/';
    if (!base64) return false;
  }
  return true;
}

std::string accept_for(std::string_view key) {
  std::string input(key);
  input += kGuid;
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest.data());
  std::array<unsigned char, 32> text{};
  const int size = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size)};
}

/// The only field of that name; nullptr if there is none or more than one.
const Field* only(const MessageHead& head, FieldName id) {
  const Field* found = nullptr;
  for (const auto& field : head.fields) {
    if (field.id != id) continue;
    if (found != nullptr) return nullptr;
    found = &field;
  }
  return found;
}

}  // namespace

bool read_websocket_handshake(const RequestHead& head, WebSocketHandshake& handshake) {
  if (!equal_ignoring_case(head.upgrade, kWebSocket) || head.method != "GET" ||
      head.version != 11 || head.framing.kind != Framing::Kind::None ||
      head.find(FieldName::ContentLength) != nullptr) {
    return false;
  }
  const auto* key = only(head, FieldName::SecWebSocketKey);
  const auto* version = only(head, FieldName::SecWebSocketVersion);
  if (key == nullptr || !valid_key(key->value) || version == nullptr || version->value != "13") {
    return false;
  }
  handshake.accept = accept_for(key->value);
  handshake.protocols.clear();
  for (const auto& field : head.fields) {
    if (field.id != FieldName::SecWebSocketProtocol) continue;
    if (!handshake.protocols.empty()) handshake.protocols += ',';
    handshake.protocols += field.value;
  }
  return true;
}

std::string_view read_upgrade(const RequestHead& head, const std::vector<std::string>& others,
                              WebSocketHandshake& handshake) {
  if (head.upgrade.empty()) return {};
  if (read_websocket_handshake(head, handshake)) return kWebSocket;
  if (head.version != 11 || head.framing.kind != Framing::Kind::None) return {};
  for (const auto& other : others) {
    if (equal_ignoring_case(head.upgrade, other)) return other;
  }
  return {};
}

std::string make_websocket_answer(const WebSocketHandshake& handshake) {
  std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      handshake.accept + "\r\n";
  for_each_token(handshake.protocols, [&](std::string_view offered) {
    answer += "Sec-WebSocket-Protocol: ";
    answer += offered;
    answer += "\r\n";
    return false;  // the first is enough
  });
  return answer + "\r\n";
}

std::string_view check_websocket_answer(const ResponseHead& head,
                                        const WebSocketHandshake& handshake) {
  if (!equal_ignoring_case(head.upgrade, kWebSocket)) return "101 without Upgrade: websocket";
  const auto* accept = only(head, FieldName::SecWebSocketAccept);
  if (accept == nullptr || accept->value != handshake.accept) {
    return "101 with a wrong Sec-WebSocket-Accept";
  }
  std::size_t protocols = 0;
  for (const auto& field : head.fields) {
    if (field.id != FieldName::SecWebSocketProtocol) continue;
    const bool unknown = for_each_token(
        handshake.protocols, [&](std::string_view offered) { return offered != field.value; });
    if (unknown || ++protocols > 1) return "101 with a subprotocol that was not offered";
  }
  return {};
}

}  // namespace weir::proxy
