#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "table/table.h"
#include "util/ip_address.h"

/// What a proxy says of a connection's client before the connection's own first byte (HAProxy's
/// "The PROXY protocol", versions 1 and 2).
namespace weir::proxy {

/// The two ends of a client's connection.
struct ConnectionEnds {
  util::IpAddress source;
  std::uint16_t source_port = 0;
  util::IpAddress destination;
  std::uint16_t destination_port = 0;
};

/// A header, by the bytes of a connection from its first one on.
struct ProxyHeader {
  enum class State : std::uint8_t {
    Incomplete,  ///< more bytes are needed
    Complete,
    Malformed,  ///< none, or one that is longer than allowed
  };
  static constexpr std::size_t kMostText = 107;           ///< version 1, CRLF included
  static constexpr std::size_t kMostAttached = 4 * 1024;  ///< version 2, behind its 16 fixed bytes
  static constexpr std::size_t kMostBytes = 16 + kMostAttached;

  State state = State::Incomplete;
  std::size_t length = 0;  ///< of the header, if Complete
  /// nullopt: the proxy speaks for itself, or of what is no TCP connection; the socket's ends hold.
  std::optional<ConnectionEnds> ends;
};

/// What is attached behind the addresses of version 2 (TLVs) is passed over.
ProxyHeader read_proxy_header(std::string_view bytes);

/// `version` is not None. If one of the addresses is IPv6, both are written so.
std::string make_proxy_header(table::ProxyProtocol version, const ConnectionEnds& ends);

}  // namespace weir::proxy
