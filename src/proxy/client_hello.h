#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

/// The first message of a TLS connection, looked at before any of it is taken (RFC 8446 §4.1.2).
namespace weir::proxy {

/// The host name of a server_name extension's content (RFC 6066 §3), as sent; none if there is none
/// or it is malformed.
std::optional<std::string> read_server_name(std::span<const std::uint8_t> extension);

/// What the bytes of a connection, from its first one, say so far.
struct ClientHello {
  enum class State : std::uint8_t {
    Incomplete,  ///< more bytes are needed
    Complete,
    NotTls,  ///< no ClientHello, or one that is malformed or longer than kMostBytes
  };
  /// Of the message and its records.
  static constexpr std::size_t kMostBytes = 16 * 1024;

  State state = State::Incomplete;
  std::string server_name;  ///< empty: none sent
};

/// Takes a ClientHello in any number of records.
ClientHello read_client_hello(std::span<const std::uint8_t> bytes);

}  // namespace weir::proxy
