#include "proxy/http_head.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <boost/beast/http/basic_parser.hpp>

namespace weir::proxy {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

bool is_control_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/// Field values and start lines: no control byte but HTAB (RFC 9110 §5.5).
bool has_control_byte(std::string_view text) {
  // Eight at a time: below 0x20, or 0x7f? Whichever says yes is looked at byte by byte, for HTAB.
  constexpr std::uint64_t kEach = 0x0101010101010101;
  for (std::uint64_t eight = 0; text.size() >= sizeof eight; text.remove_prefix(sizeof eight)) {
    std::memcpy(&eight, text.data(), sizeof eight);
    const auto below = (eight - kEach * 0x20) & ~eight;
    const auto without_7f = eight ^ (kEach * 0x7f);
    const auto is_7f = (without_7f - kEach) & ~without_7f;
    if (((below | is_7f) & (kEach * 0x80)) != 0 &&
        std::ranges::any_of(text.substr(0, sizeof eight), is_control_byte)) {
      return true;
    }
  }
  return std::ranges::any_of(text, is_control_byte);
}

FieldName field_name(http::field field) {
  switch (field) {
    case http::field::connection:
      return FieldName::Connection;
    case http::field::content_length:
      return FieldName::ContentLength;
    case http::field::cookie:
      return FieldName::Cookie;
    case http::field::expect:
      return FieldName::Expect;
    case http::field::host:
      return FieldName::Host;
    case http::field::keep_alive:
      return FieldName::KeepAlive;
    case http::field::proxy_connection:
      return FieldName::ProxyConnection;
    case http::field::sec_websocket_accept:
      return FieldName::SecWebSocketAccept;
    case http::field::sec_websocket_extensions:
      return FieldName::SecWebSocketExtensions;
    case http::field::sec_websocket_key:
      return FieldName::SecWebSocketKey;
    case http::field::sec_websocket_protocol:
      return FieldName::SecWebSocketProtocol;
    case http::field::sec_websocket_version:
      return FieldName::SecWebSocketVersion;
    case http::field::server:
      return FieldName::Server;
    case http::field::strict_transport_security:
      return FieldName::StrictTransportSecurity;
    case http::field::te:
      return FieldName::Te;
    case http::field::trailer:
      return FieldName::Trailer;
    case http::field::transfer_encoding:
      return FieldName::TransferEncoding;
    case http::field::upgrade:
      return FieldName::Upgrade;
    default:
      return FieldName::Other;
  }
}

/// "ssl-client-verify" and its like. With "_", too: many programs cannot tell the two apart.
bool is_ssl_client_name(std::string_view name) {
  static constexpr std::string_view kNames[] = {"ssl-client-verify", "ssl-client-subject-dn",
                                                "ssl-client-issuer-dn", "ssl-client-cert"};
  const auto same = [](char have, char want) {
    return have == want || (have == '_' && want == '-') || (have | 0x20) == want;
  };
  return std::ranges::any_of(kNames, [&](std::string_view want) {
    return std::equal(name.begin(), name.end(), want.begin(), want.end(), same);
  });
}

/// Names that Beast's list does not have.
FieldName other_name(std::string_view name) {
  if (name.size() >= 15 && (name[0] | 0x20) == 's') {
    return is_ssl_client_name(name) ? FieldName::SslClient : FieldName::Other;
  }
  if (name.size() < 5 || (name[0] | 0x20) != (name.size() == 5 ? 'p' : 'x')) {
    return FieldName::Other;
  }
  if (equal_ignoring_case(name, "Proxy")) return FieldName::Proxy;
  if (equal_ignoring_case(name, "X-Real-IP")) return FieldName::XRealIp;
  if (equal_ignoring_case(name, "X-Request-ID")) return FieldName::XRequestId;
  if (equal_ignoring_case(name, "X-Forwarded-For")) return FieldName::XForwardedFor;
  if (equal_ignoring_case(name, "X-Forwarded-Host")) return FieldName::XForwardedHost;
  if (equal_ignoring_case(name, "X-Forwarded-Port")) return FieldName::XForwardedPort;
  if (equal_ignoring_case(name, "X-Forwarded-Proto")) return FieldName::XForwardedProto;
  if (equal_ignoring_case(name, "X-Forwarded-Scheme") || equal_ignoring_case(name, "X-Scheme") ||
      equal_ignoring_case(name, "X-Original-Forwarded-For") ||
      equal_ignoring_case(name, "X-Original-Forwarded-Host")) {
    return FieldName::XForwardedOther;
  }
  return FieldName::Other;
}

bool is_odd(std::string_view name) {
  return !std::ranges::all_of(name, [](char c) {
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool always_hop_by_hop(FieldName id) {
  switch (id) {
    case FieldName::Connection:
    case FieldName::KeepAlive:
    case FieldName::ProxyConnection:
    case FieldName::Te:
    case FieldName::Upgrade:
      return true;
    default:
      return false;
  }
}

/// Collects views of the lines while Beast checks their syntax.
template <bool IsRequest, class Head>
class ViewParser final : public http::basic_parser<IsRequest> {
 public:
  ViewParser(std::string_view bytes, const Limits& limits, Head& head)
      : bytes_(bytes), limits_(limits), head_(head) {
    this->header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
    this->skip(true);  // the framing is decided here, not by Beast
  }

  HeadError parse() {
    beast::error_code ec;
    const auto used = this->put(boost::asio::buffer(bytes_.data(), bytes_.size()), ec);
    if (error_ != HeadError::None) return error_;
    if (ec) return ec == http::error::bad_version ? version_error() : HeadError::Malformed;
    if (!this->is_header_done() || used != bytes_.size()) return HeadError::Malformed;
    // Every line was looked at: behind the last one stands the empty line alone.
    return end_ + 2 == bytes_.data() + bytes_.size() ? HeadError::None : HeadError::Malformed;
  }

 private:
  using View = beast::string_view;

  static std::string_view std_view(View view) { return {view.data(), view.size()}; }

  /// A well-formed HTTP version that weir does not speak is 505, anything else 400.
  HeadError version_error() const {
    const auto line = bytes_.substr(0, bytes_.find('\r'));
    const auto at = IsRequest ? line.find(' ', line.find(' ') + 1) : std::string_view::npos;
    if (at == std::string_view::npos) return HeadError::Malformed;
    const auto version = line.substr(at + 1);
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") &&
                             digit(version[5]) && version[6] == '.' && digit(version[7]);
    const bool spoken = version == "HTTP/1.1" || version == "HTTP/1.0";
    return well_formed && !spoken ? HeadError::Version : HeadError::Malformed;
  }

  void stop(HeadError error, beast::error_code& ec) {
    error_ = error;
    ec = http::error::bad_field;
  }

  void on_request_impl(http::verb, View method, View target, int version,
                       beast::error_code& ec) override {
    if constexpr (IsRequest) {
      head_.method = std_view(method);
      head_.target = std_view(target);
      if (target.size() > limits_.uri_bytes) return stop(HeadError::UriTooLong, ec);
    }
    start_line(version);
  }
  void on_response_impl(int status, View reason, int version, beast::error_code& ec) override {
    if constexpr (!IsRequest) head_.status = status;
    if (has_control_byte(std_view(reason))) return stop(HeadError::Malformed, ec);
    start_line(version);
  }
  void start_line(int version) {
    head_.version = version;
    head_.start_line = bytes_.substr(0, bytes_.find('\n') + 1);
    end_ = head_.start_line.data() + head_.start_line.size();
  }

  void on_field_impl(http::field name, View name_text, View value, beast::error_code& ec) override {
    if (head_.fields.size() == limits_.head_fields) return stop(HeadError::TooManyFields, ec);
    Field field;
    field.name = std_view(name_text);
    field.value = std_view(value);
    const char* const after = field.name.data() + field.name.size();
    const auto* newline = static_cast<const char*>(
        std::memchr(after, '\n', static_cast<std::size_t>(bytes_.data() + bytes_.size() - after)));
    // Beast reads on in folded lines (RFC 9112 §5.2) and joins them in a buffer of its own; a proxy
    // may refuse them.
    const bool folded = !value.empty() && (value.data() < after || value.data() > newline);
    if (field.name.data() != end_ || folded || has_control_byte(field.value)) {
      return stop(HeadError::Malformed, ec);
    }
    end_ = newline + 1;
    field.line = {field.name.data(), static_cast<std::size_t>(end_ - field.name.data())};
    if (name == http::field::unknown) {
      field.id = other_name(field.name);
      field.odd = is_odd(field.name);
    } else {
      field.id = field_name(name);
    }
    field.hop_by_hop = always_hop_by_hop(field.id);
    head_.fields.push_back(field);
  }

  // Never called: the parser stops after the head.
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, beast::error_code&) override {}
  std::size_t on_body_impl(View, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, View, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View, beast::error_code&) override { return 0; }
  void on_finish_impl(beast::error_code&) override {}

  std::string_view bytes_;
  const Limits& limits_;
  Head& head_;
  const char* end_ = nullptr;  // where the next line begins
  HeadError error_ = HeadError::None;
};

/// Fills `keep_alive`, `upgrade` and marks the fields that Connection names (RFC 9110
/// §7.6.1).
void read_connection(MessageHead& head) {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  for (const auto& field : head.fields) {
    if (field.id != FieldName::Connection) continue;
    for_each_token(field.value, [&](std::string_view token) {
      if (equal_ignoring_case(token, "close")) {
        close = true;
      } else if (equal_ignoring_case(token, "keep-alive")) {
        keep_alive = true;
      } else if (equal_ignoring_case(token, "upgrade")) {
        upgrade = true;
      } else {
        for (auto& other : head.fields) {
          // Framing and routing stay what they are, whatever Connection claims about them.
          const bool fixed = other.id == FieldName::Host || other.id == FieldName::ContentLength ||
                             other.id == FieldName::TransferEncoding;
          if (!fixed && equal_ignoring_case(other.name, token)) other.hop_by_hop = true;
        }
      }
      return true;
    });
  }
  head.keep_alive = !close && (head.version >= 11 || keep_alive);
  if (!upgrade) return;
  const Field* only = nullptr;
  for (const auto& field : head.fields) {
    if (field.id != FieldName::Upgrade) continue;
    if (only != nullptr) return;
    only = &field;
  }
  if (only != nullptr) head.upgrade = only->value;
}

/// Content-Length and Transfer-Encoding, as strictly as RFC 9112 §6 allows.
HeadError read_framing(MessageHead& head, Framing::Kind otherwise) {
  const Field* length = nullptr;
  const Field* encoding = nullptr;
  for (const auto& field : head.fields) {
    if (field.id == FieldName::ContentLength) {
      if (length != nullptr) return HeadError::Malformed;
      length = &field;
    } else if (field.id == FieldName::TransferEncoding) {
      if (encoding != nullptr) return HeadError::Malformed;
      encoding = &field;
    }
  }
  if (encoding != nullptr) {
    if (length != nullptr || head.version < 11) return HeadError::Malformed;
    if (!equal_ignoring_case(encoding->value, "chunked")) return HeadError::Malformed;
    head.framing = {Framing::Kind::Chunked, 0};
    return HeadError::None;
  }
  if (length != nullptr) {
    std::uint64_t value = 0;
    const auto text = length->value;
    if (text.empty() || text.size() > 18) return HeadError::Malformed;
    for (const char c : text) {
      if (c < '0' || c > '9') return HeadError::Malformed;
    }
    std::from_chars(text.data(), text.data() + text.size(), value);
    head.framing = {value == 0 ? Framing::Kind::None : Framing::Kind::Length, value};
    return HeadError::None;
  }
  head.framing = {otherwise, 0};
  return HeadError::None;
}

/// Splits the target (RFC 9112 §3.2) into `host` and `path`.
HeadError read_target(RequestHead& head) {
  const Field* host = nullptr;
  for (const auto& field : head.fields) {
    if (field.id != FieldName::Host) continue;
    if (host != nullptr) return HeadError::Malformed;
    host = &field;
  }
  if (host == nullptr && head.version >= 11) return HeadError::Malformed;
  head.host = host == nullptr ? std::string_view{} : host->value;

  const auto target = head.target;
  // Not in the grammar, and read in more than one way: a fragment, "\\" as "/".
  if (target.find('#') != std::string_view::npos ||
      target.substr(0, target.find('?')).find('\\') != std::string_view::npos ||
      head.method == "CONNECT") {
    return HeadError::Malformed;
  }
  if (target.starts_with('/')) {
    head.path = target;
    return HeadError::None;
  }
  if (target == "*") {
    head.path = target;
    return head.method == "OPTIONS" ? HeadError::None : HeadError::Malformed;
  }
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return HeadError::Malformed;
  const auto scheme = target.substr(0, scheme_end);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")) {
    return HeadError::Malformed;
  }
  const auto rest = target.substr(scheme_end + 3);
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.empty() || authority.find('@') != std::string_view::npos) {
    return HeadError::Malformed;
  }
  head.host = authority;
  head.path = rest.substr(authority.size());
  return HeadError::None;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto lower = [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" ||
         method == "PUT" || method == "DELETE";
}

const Field* MessageHead::find(FieldName id) const {
  for (const auto& field : fields) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  while (scanned_ < bytes.size()) {
    const auto* newline = static_cast<const char*>(
        std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_));
    if (newline == nullptr) {
      scanned_ = bytes.size();
      return State::Incomplete;
    }
    const auto at = static_cast<std::size_t>(newline - bytes.data());
    if (at == line_start_ || bytes[at - 1] != '\r') return State::Malformed;
    const bool empty = at == line_start_ + 1;
    scanned_ = line_start_ = at + 1;
    if (empty) return start_line_ ? State::Complete : State::Malformed;
    start_line_ = true;
  }
  return State::Incomplete;
}

HeadError parse_request_head(std::string_view bytes, const Limits& limits, RequestHead& head) {
  head.fields.clear();
  head.upgrade = {};
  ViewParser<true, RequestHead> parser(bytes, limits, head);
  if (const auto error = parser.parse(); error != HeadError::None) return error;
  read_connection(head);
  if (const auto error = read_framing(head, Framing::Kind::None); error != HeadError::None) {
    return error;
  }
  return read_target(head);
}

HeadError parse_response_head(std::string_view bytes, std::string_view request_method,
                              const Limits& limits, ResponseHead& head) {
  head.fields.clear();
  head.upgrade = {};
  ViewParser<false, ResponseHead> parser(bytes, limits, head);
  if (const auto error = parser.parse(); error != HeadError::None) return error;
  if (head.status < 100 || head.status > 599) return HeadError::Malformed;
  read_connection(head);
  const auto error = read_framing(head, Framing::Kind::UntilClose);
  // RFC 9112 §6.3: these end with their head, whatever their fields say.
  if (head.status < 200 || head.status == 204 || head.status == 304 || request_method == "HEAD") {
    if (error == HeadError::None && head.status < 200 &&
        head.framing.kind != Framing::Kind::UntilClose) {
      return HeadError::Malformed;
    }
    head.framing = {};
  }
  return error;
}

}  // namespace weir::proxy
