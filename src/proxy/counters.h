#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::proxy {

/// A number that one thread writes and any thread reads: a plain add, no locked instruction.
class Cell {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Why weir answered a request itself. Closed list; `reason_name` gives the label.
enum class AnswerReason : std::uint8_t {
  HttpsRedirect,             // 308
  BadRequest,                // 400: the head or the framing is wrong
  NoRoute,                   // 404
  HeadTimeout,               // 408
  BodyTimeout,               // 408
  BodyTooLarge,              // 413
  UriTooLong,                // 414
  HeadTooLarge,              // 431
  ConnectFailed,             // 502: no endpoint took the connection
  UpstreamReset,             // 502: closed or reset before a whole response head
  BadResponse,               // 502: the response breaks RFC 9112, or a 101 that was not asked for
  NoEndpoint,                // 503
  NoTable,                   // 503: no complete table yet
  ConnectTimeout,            // 504
  ResponseTimeout,           // 504
  HttpVersion,               // 505
  ClientCertificateMissing,  // 400
  ClientCertificateBad,      // 400: the host's trust does not verify it
  NoClientTrust,             // 403: the host's trust bundle is not there
  ClientSubjectDenied,       // 403: the certificate's subject is not one that the host takes
  MisdirectedRequest,        // 421: the connection was made under another host's policy
  TooManyConnections,        // 503: over a limit, before any request
  UpstreamTls,               // 502: no endpoint's TLS could be agreed on or verified
  WebSocketOff,              // 403: the route takes no WebSockets
  OriginDenied,              // 403: by the route's rules about the Origin of handshakes
  TunnelLimit,               // 503: the route, client or endpoints have as many as they may
  TunnelTotalLimit,          // 503: the process has as many as it may
  TunnelRate,                // 503: too many handshakes for the route's rate
  Draining,                  // 503: no new tunnels, for the process ends
  QueueFull,                 // 503: all endpoints have as much to do as they may, and so many wait
  QueueTimeout,              // 503: has waited for one of them for too long
  AddressDenied,             // 403: by the route's lists of addresses
  AccessUnsettled,           // 503: what protects the route is not to be had
  AuthRequired,              // 401: says the auth service
  AuthRedirect,              // 302: to where one signs in
  AuthForbidden,             // 403: says the auth service
  AuthFailed,                // 500: the auth service gave no answer, or none that counts
  PasswordRequired,          // 401: no user's name and password came along
  PasswordsBusy,             // 503: too many passwords are being checked
  CorsPreflight,             // 204: what a page of another origin may do
  Redirect,                  // 300 to 308: by the route or the host
  PatternLimit,              // 500: which route it is takes too long to find out
  RateLimit,                 // 503, or what settings say: a client asks too often
  ConnectionLimit,           // 503, or what settings say: a client has too much open
  Blocked,                   // 403: by the settings' lists of whom nobody wants
  LengthRequired,            // 411: the endpoint speaks HTTP/1.0, which has no chunks
  Count,
};
const char* reason_name(AnswerReason reason);

/// Why a client's connection that is no tunnel has ended. Closed list.
enum class CloseReason : std::uint8_t {
  Client,         // it hung up, or asked for the end
  Idle,           // no request for too long
  MaxRequests,    // it has carried as many as it may
  Drain,          // the process ends
  ProtocolError,  // what came was not HTTP, or not in time
  TlsError,       // no handshake
  ProxyHeader,    // none that can be read
  Memory,         // it held most of too much
  Count,
};
const char* reason_name(CloseReason reason);

/// One worker's numbers, on cache lines of its own. Written by that worker, summed when scraped.
struct alignas(64) Counters {
  /// 1000 to 1015 each, then 3000 to 3999, 4000 to 4999, and what is none.
  static constexpr std::size_t kCloseCodes = 16 + 3;

  Cell connections_accepted_http;
  Cell connections_accepted_https;
  Cell connections_accepted_tcp;  // on ports of TCP services
  Cell connections_open;          // gauge, tunnels included
  std::array<Cell, static_cast<std::size_t>(CloseReason::Count)> connections_closed;
  Cell requests_in_flight;  // gauge
  Cell accept_errors;
  Cell connections_refused;             // over the worker's limit, or for want of descriptors
  Cell connections_refused_by_address;  // over that of their address
  Cell connections_used_up;             // closed after as many requests as one may carry
  Cell bytes_held;                      // gauge: HeldBytes
  Cell connections_cut_for_memory;      // tunnels among them
  Cell proxy_headers_ok;                // of the PROXY protocol, and believed
  Cell proxy_headers_untrusted;         // taken off, and not believed
  Cell proxy_headers_malformed;
  Cell proxy_headers_incomplete;  // not whole in time, or before the client's end
  Cell handshakes_ok;
  Cell handshakes_failed;
  Cell handshakes_resumed;       // of those that were ok
  Cell handshakes_unknown_name;  // refused, of those that failed
  Cell handshakes_under_way;     // gauge
  Cell handshakes_waiting;       // gauge: for one of those to end
  Cell handshakes_delayed;       // had to wait
  Cell staples_sent;
  Cell staples_expired;  // not sent: outside of its time
  /// Index: status code - 100, answers of backends and weir's own alike.
  std::array<Cell, 500> requests_by_code;
  std::array<Cell, static_cast<std::size_t>(AnswerReason::Count)> answers;
  Cell requests_aborted;  // client gone before the whole response was sent
  Cell slow_readers_cut;  // of those: by the rate at which they took it
  Cell upstream_connects;
  Cell upstream_connect_failures;
  Cell upstream_reuses;
  Cell upstream_retries;
  Cell endpoint_ejections;
  // Handshakes of WebSockets and other upgrades that became no tunnel.
  std::array<Cell, static_cast<std::size_t>(AnswerReason::Count)> handshakes_refused;
  Cell handshakes_refused_by_backend;
  // Since the process began to end.
  Cell drained_connections;  // all that closed, the cut ones as well
  Cell drain_cut_connections;
  Cell drained_tunnels;  // likewise
  Cell drain_cut_tunnels;
  Cell requests_waiting;           // gauge: for an endpoint with room
  Cell requests_queued;            // had to wait so
  Cell limited_clients_forgotten;  // ClientUse::may_ask
  Cell upstream_handshakes_ok;
  Cell upstream_handshakes_failed;
  Cell upstream_handshakes_resumed;  // of those that were ok
  Cell tunnel_auth_yes;              // of auth services asked about open tunnels
  Cell tunnel_auth_no;
  Cell tunnel_auth_unknown;   // no answer, or another one
  Cell tcp_opened;            // tunnels of TCP services
  Cell tcp_failures;          // no endpoint took the connection
  Cell tcp_listen_failures;   // a port of theirs could not be opened
  Cell tcp_ports_shut;        // gauge: ports of theirs that are not open yet
  Cell mirrored;              // copies of requests that were answered
  Cell mirrored_failed;       // … and those that were not
  Cell mirrored_left_out;     // … and those that were not sent: too many, too large, or to nobody
  Cell auth_cache_hits;       // requests for which no auth service was asked
  Cell passthrough_opened;    // tunnels of undecrypted TLS
  Cell passthrough_failures;  // no endpoint took the connection
  /// First Close frames of tunnels, by whose it was: a client's, a backend's, weir's.
  std::array<std::array<Cell, kCloseCodes>, 3> tunnel_close_codes;
};

}  // namespace weir::proxy
