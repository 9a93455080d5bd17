#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <openssl/types.h>

struct ssl_session_st;

/// What the load tools share. One thread, non-blocking sockets on loopback, one epoll set.
namespace weir::bench {

/// The TLS side of a client: TLS 1.3 only, no verification, and the last ticket that a server sent.
class ClientTls {
 public:
  explicit ClientTls(std::string server_name);
  ~ClientTls();
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;

  /// With `resume`, the last ticket is offered, if there is one.
  SSL* new_connection(int fd, bool resume);

 private:
  static int keep_ticket(SSL* ssl, ssl_session_st* session);

  const std::string server_name_;
  SSL_CTX* context_;
  ssl_session_st* ticket_ = nullptr;
};

enum class Io : std::uint8_t {
  Done,    ///< something moved
  Later,   ///< nothing did; an event will come
  Ended,   ///< the peer's orderly end
  Failed,  ///< reset, or a TLS error
};

/// A socket in an epoll set, edge-triggered both ways, plain or TLS. Closes when it goes.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }

  /// Begins to connect to 127.0.0.1:`port` from `source` (host order); `tls`: through TLS, if not
  /// nullptr. Events carry `tag`. Throws std::system_error.
  void open(int epoll, std::uint16_t port, std::uint32_t source, void* tag, ClientTls* tls,
            bool resume);
  /// Takes an accepted socket over.
  void adopt(int epoll, int fd, void* tag);
  void close();

  bool is_open() const { return fd_ >= 0; }
  /// True once a TLS handshake is complete that a ticket was good for.
  bool was_resumed() const;

  /// Reads once; `size` is what came. A handshake under way goes on first.
  Io read(std::span<char> into, std::size_t& size);
  /// Writes once; `size` is what went.
  Io write(std::string_view bytes, std::size_t& size);

 private:
  Io tls_failure(int result);
  void add_to(int epoll, void* tag);

  int fd_ = -1;
  SSL* ssl_ = nullptr;
};

/// A listening socket on `address`:`port`, non-blocking. Throws std::system_error.
int listen_on(const std::string& address, std::uint16_t port);

/// Raises RLIMIT_NOFILE as far as it may and gives it.
std::uint64_t raise_descriptor_limit();

constexpr std::size_t kMaskBytes = 4;  ///< in a client's frame, between head and payload

/// The head of a WebSocket frame with a whole binary message, as a server sends it (RFC 6455 §5.2).
std::string frame_head(std::size_t payload);

/// What processes have run so far, in nanoseconds: the sum of /proc/PID/task/*/schedstat.
std::uint64_t cpu_time_ns(std::span<const int> pids);

/// Monotonic, in nanoseconds.
std::uint64_t now_ns();

}  // namespace weir::bench
