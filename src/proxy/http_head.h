#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/options.h"

/// The heads of HTTP/1.x messages (RFC 9112), parsed strictly and in place: every string_view
/// points into the caller's buffer. What the RFC calls an error, or what two parsers could read two
/// ways, is refused; docs/http.md has the list.
namespace weir::proxy {

/// Field names that weir acts on; all others are Other.
enum class FieldName : std::uint8_t {
  Other,
  Connection,
  ContentLength,
  Cookie,
  Expect,
  Host,
  KeepAlive,
  Proxy,
  ProxyConnection,
  SecWebSocketAccept,
  SecWebSocketExtensions,
  SecWebSocketKey,
  SecWebSocketProtocol,
  SecWebSocketVersion,
  Server,
  SslClient,  ///< ssl-client-cert, -verify, -subject-dn, -issuer-dn, with "_" for "-" as well
  StrictTransportSecurity,
  Te,
  Trailer,
  TransferEncoding,
  Upgrade,
  XForwardedFor,
  XForwardedHost,
  XForwardedOther,  ///< X-Forwarded-Scheme, X-Scheme, X-Original-Forwarded-For and -Host
  XForwardedPort,
  XForwardedProto,
  XRealIp,
  XRequestId,
};

struct Field {
  FieldName id = FieldName::Other;
  bool hop_by_hop = false;  ///< named by Connection, or so by RFC 9110 §7.6.1: not forwarded
  bool odd = false;         ///< the name has another sign than letters, digits, "-" and "_"
  std::string_view name;
  std::string_view value;  ///< without the white space around it
  std::string_view line;   ///< the whole line, CRLF included
};

/// How a message's body ends (RFC 9112 §6.3).
struct Framing {
  enum class Kind : std::uint8_t { None, Length, Chunked, UntilClose };
  Kind kind = Kind::None;
  std::uint64_t length = 0;  ///< with Kind::Length; never 0
};

/// What is common to requests and responses.
struct MessageHead {
  int version = 11;             ///< 10 or 11
  std::string_view start_line;  ///< CRLF included
  std::vector<Field> fields;    ///< in the order received
  Framing framing;
  bool keep_alive = true;    ///< by version and Connection
  std::string_view upgrade;  ///< the only Upgrade field, if Connection has "upgrade"; or empty

  /// The first field of that name, else nullptr.
  const Field* find(FieldName id) const;
};

struct RequestHead : MessageHead {
  std::string_view method;
  std::string_view target;  ///< as received
  std::string_view host;    ///< of the absolute-form target, else of the Host field; port included
  /// Of the target, query included; "*" for OPTIONS *. Without its "/" where an absolute-form
  /// target has none: "" or "?query".
  std::string_view path;
};

struct ResponseHead : MessageHead {
  int status = 0;
};

/// Looks for the end of a head as its bytes come.
class HeadScanner {
 public:
  enum class State { Incomplete, Complete, Malformed };
  /// `bytes` is the head from its first byte, longer with each call. Malformed: a line that does
  /// not end in CRLF.
  State scan(std::string_view bytes);
  /// Bytes of the head, the empty line included; after Complete.
  std::size_t length() const { return line_start_; }
  /// True once the first line's end is here.
  bool has_start_line() const { return start_line_; }
  void reset() { *this = {}; }

 private:
  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  bool start_line_ = false;
};

enum class HeadError : std::uint8_t {
  None,
  Malformed,      // 400
  UriTooLong,     // 414
  TooManyFields,  // 431
  Version,        // 505
};

/// `bytes` is exactly one head. `head` is overwritten; its vectors keep their capacity.
HeadError parse_request_head(std::string_view bytes, const Limits& limits, RequestHead& head);
/// `request_method` decides whether there is a body (HEAD).
HeadError parse_response_head(std::string_view bytes, std::string_view request_method,
                              const Limits& limits, ResponseHead& head);

/// Calls `each(token)` for the members of a comma list without white space; false when `each` does.
template <class F>
bool for_each_token(std::string_view list, F each) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    auto token = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t'))
      token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (!token.empty() && !each(token)) return false;
  }
  return true;
}

/// RFC 9110 §9.2.2: asking twice is as good as once.
bool is_idempotent(std::string_view method);

/// ASCII letters only (RFC 9110 §5.1).
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace weir::proxy
