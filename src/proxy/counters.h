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
  std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Why weir answered a request itself. Closed list; `reason_name` gives the label.
enum class AnswerReason : std::uint8_t {
  HttpsRedirect,    // 308
  BadRequest,       // 400: the head or the framing is wrong
  NoRoute,          // 404
  HeadTimeout,      // 408
  BodyTimeout,      // 408
  BodyTooLarge,     // 413
  UriTooLong,       // 414
  HeadTooLarge,     // 431
  ConnectFailed,    // 502: no endpoint took the connection
  UpstreamReset,    // 502: closed or reset before a whole response head
  BadResponse,      // 502: the response breaks RFC 9112, or a 101 that was not asked for
  NoEndpoint,       // 503
  NoTable,          // 503: no complete table yet
  ConnectTimeout,   // 504
  ResponseTimeout,  // 504
  HttpVersion,      // 505
  Count,
};
const char* reason_name(AnswerReason reason);

/// Why a tunnel ended. Closed list.
enum class TunnelEnd : std::uint8_t {
  ClientClosed,   // the client's FIN came first
  BackendClosed,  // the backend's FIN came first
  ClientReset,
  BackendReset,
  IdleTimeout,
  SendTimeout,  // a side that does not read
  Drain,        // weir itself ends
  Count,
};
const char* tunnel_end_name(TunnelEnd end);

/// One worker's numbers, on cache lines of its own. Written by that worker, summed when scraped.
struct alignas(64) Counters {
  Cell connections_accepted_http;
  Cell connections_accepted_https;
  Cell connections_open;  // gauge, tunnels included
  Cell accept_errors;
  Cell handshakes_ok;
  Cell handshakes_failed;
  /// Index: status code - 100, answers of backends and weir's own alike.
  std::array<Cell, 500> requests_by_code;
  std::array<Cell, static_cast<std::size_t>(AnswerReason::Count)> answers;
  Cell requests_aborted;  // client gone before the whole response was sent
  Cell upstream_connects;
  Cell upstream_connect_failures;
  Cell upstream_reuses;
  Cell upstream_retries;
  Cell endpoint_ejections;
  Cell tunnels_opened;
  Cell tunnels_open;  // gauge
  std::array<Cell, static_cast<std::size_t>(TunnelEnd::Count)> tunnels_ended;
  Cell tunnel_bytes_to_backend;
  Cell tunnel_bytes_to_client;
};

}  // namespace weir::proxy
