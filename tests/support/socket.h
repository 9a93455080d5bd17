#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct ssl_st;

namespace weir::test {

/// A blocking TCP connection on loopback, plain or TLS, for scripted peers. Every call ends within
/// two minutes: what takes longer is a failed test, not a slow one. That of a Backend ends with it.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  static Socket connect(std::uint16_t port, const std::string& address = "127.0.0.1");
  /// No verification; `server_name` is the SNI, none if empty.
  static Socket connect_tls(std::uint16_t port, const std::string& server_name);

  /// All bytes go through `ssl`, which is taken over, from now on.
  void start_tls(ssl_st* ssl) { ssl_ = ssl; }

  ssl_st* ssl() const { return ssl_; }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  /// False when the peer is gone.
  bool send(std::string_view bytes);
  /// Up to `most` bytes, at least 1; empty: the peer ended or reset, or two minutes are over.
  std::string receive(std::size_t most = 64 * 1024);
  /// Exactly `size` bytes, fewer when the peer ends.
  std::string receive_exactly(std::size_t size);
  /// Up to and with `end`; what came behind it stays for the next call.
  std::string receive_until(std::string_view end);
  /// All until the peer's end.
  std::string receive_all();
  /// True if the peer's orderly end comes next.
  bool at_end() { return receive(1).empty() && !was_reset_; }
  bool was_reset() const { return was_reset_; }
  /// Waits until the other side's kernel has all that was sent.
  void wait_sent();
  void shutdown_write();
  void close();
  /// Close with RST, once the peer has all that was sent before.
  void reset();
  /// "subject" line of the peer's certificate; TLS only.
  std::string peer_subject() const;
  bool session_reused() const;

 private:
  int fd_ = -1;
  ssl_st* ssl_ = nullptr;
  std::string ahead_;
  bool was_reset_ = false;
};

/// A status line, fields and body as received.
struct Response {
  int status = 0;
  std::string head;
  std::string body;
  /// The value of a field, empty if there is none.
  std::string field(std::string_view name) const;
};

/// Reads one response with Content-Length or chunked coding or until close; chunks are decoded.
Response receive_response(Socket& socket, bool head_request = false);

/// Reads a request head, up to its empty line.
std::string receive_head(Socket& socket);

/// Accepts on a port of its own, one thread a connection, each running `script`. Its end closes all
/// of them and waits for the scripts.
class Backend {
 public:
  using Script = std::function<void(Socket&)>;
  explicit Backend(Script script, const std::string& address = "127.0.0.1");
  ~Backend();

  std::uint16_t port() const { return port_; }
  /// Connections so far.
  int accepted() const;

 private:
  void run();

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  int accepted_ = 0;
  bool stopping_ = false;
  std::thread acceptor_;
};

/// Answers every request with 200 and `body`, keep-alive. Reads request bodies by Content-Length.
Backend::Script always(std::string body);

/// A port on which nothing listens.
std::uint16_t unused_port();

/// Waits until `condition` holds; false after 60 s. For what has no event to wait on (counters).
bool eventually(const std::function<bool()>& condition);

}  // namespace weir::test
