#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

/// An address to listen on, as given: "0.0.0.0:80", "[::]:443", "127.0.0.1:0".
struct ListenAddress {
  std::string address;  ///< without brackets
  std::uint16_t port = 0;
};

/// How long the data plane waits, for clients above all: routes say how long for endpoints. Each
/// has a flag of the same name (cmd/weir-proxy).
struct Timeouts {
  std::chrono::milliseconds proxy_header{5'000};    ///< PROXY header, from accept
  std::chrono::milliseconds handshake{10'000};      ///< TLS handshake, from accept
  std::chrono::milliseconds head{60'000};           ///< request head, from its first byte → 408
  std::chrono::milliseconds body{60'000};           ///< between two reads of a request body → 408
  std::chrono::milliseconds body_grace{30'000};     ///< of Limits::…_bytes_per_second
  std::chrono::milliseconds send{60'000};           ///< between two writes to a client
  std::chrono::milliseconds keep_alive{75'000};     ///< idle client connection
  std::chrono::milliseconds upstream_idle{55'000};  ///< idle pooled connection to an endpoint
  std::chrono::milliseconds upstream_lifetime{3'600'000};  ///< pooled connection, from connect
};

/// What one client may make a worker hold.
struct Limits {
  std::size_t head_bytes = 32 * 1024;  ///< request line and fields → 431
  std::size_t uri_bytes = 16 * 1024;   ///< request target → 414
  std::size_t head_fields = 128;       ///< fields of a head → 431
  std::size_t response_head_bytes = 64 * 1024;
  /// Request body, on average over the time that weir waits for it, behind `Timeouts::body_grace`
  /// → 408; 0: any rate.
  std::uint64_t body_bytes_per_second = 0;
  /// Response, on average over the time that bytes of it wait for the client, behind
  /// `Timeouts::body_grace`; slower ones are cut. 0: any rate.
  std::uint64_t response_bytes_per_second = 0;
  /// Per worker, of unsent bytes and unfinished heads; over it who holds most is cut.
  std::size_t held_bytes = 128 * 1024 * 1024;
  std::size_t pool_idle_per_endpoint = 64;  ///< idle upstream connections per worker and endpoint
  std::uint64_t requests_per_upstream_connection = 10'000;
  /// Client connections per worker, tunnels included → 503; 0: only what `descriptors` leaves.
  std::size_t connections = 0;
  std::size_t connections_per_address = 0;  ///< per worker and client address → 503; 0: no limit
  /// Per worker. With three quarters in use no client is taken: the rest is for endpoints. 0: an
  /// equal share of what the process may have.
  std::size_t descriptors = 0;
  std::uint64_t requests_per_connection = 1'000;  ///< of a client; then it is closed
  std::size_t handshakes = 512;  ///< TLS handshakes under way, per worker; others wait
  /// Series of metrics of routes, by method and status; further routes count as one.
  std::size_t metric_series = 10'000;
};

class AccessLog;

/// What time it is for people: of session tickets, OCSP responses and log lines. Called on any
/// thread.
using WallClock = std::function<std::chrono::system_clock::time_point()>;

/// What the data plane needs to start. Immutable afterwards.
struct Options {
  std::vector<ListenAddress> http;
  std::vector<ListenAddress> https;
  unsigned threads = 1;
  Timeouts timeouts;
  Limits limits;
  WallClock wall_clock = std::chrono::system_clock::now;
  AccessLog* access_log = nullptr;  ///< outlives the data plane; nullptr: none
};

}  // namespace weir::proxy
