#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include <openssl/types.h>

#include "proxy/event_loop.h"

namespace weir::proxy {

/// What one try to read or write gave.
struct IoResult {
  enum class Status {
    Ok,          ///< `bytes` moved, at least 1
    WouldBlock,  ///< nothing moved; wait for the handle's readable or writable (whichever is false)
    Eof,         ///< the peer's orderly end; reads only
    Failed,      ///< reset or protocol error; close. errno is that of the socket, if it was that
  };
  Status status = Status::WouldBlock;
  std::size_t bytes = 0;

  bool ok() const { return status == Status::Ok; }
};

/// A connection's bytes, plain or through TLS: the one narrow interface between sockets and
/// everything that moves bytes. Never blocks, never waits. Owns the handle and the SSL object.
///
/// TLS is OpenSSL straight on the non-blocking descriptor with released buffers: 14.5 kB an idle
/// connection.
class Stream {
 public:
  Stream() = default;
  Stream(EventLoop& loop, IoHandle* io) : loop_(&loop), io_(io) {}
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream() { close(); }

  bool is_open() const { return io_ != nullptr; }
  bool is_tls() const { return ssl_ != nullptr; }
  IoHandle* io() const { return io_; }
  SSL* ssl() const { return ssl_; }
  /// All bytes go through `ssl`, which is taken over, from now on. Its handshake is the caller's.
  void start_tls(SSL* ssl) { ssl_ = ssl; }
  /// Who hears of its events from now on.
  void listen(IoListener& listener) { io_->listener = &listener; }

  IoResult try_read(std::span<char> into);
  /// Gathers. After WouldBlock the next write begins with the same bytes (TLS has encrypted some).
  IoResult try_write(const iovec* parts, int count);
  IoResult try_write(const char* data, std::size_t size) {
    const iovec part{const_cast<char*>(data), size};
    return try_write(&part, 1);
  }

  /// True if the peer ended its side and nothing it sent before is unread. Costs a syscall, but
  /// only after the kernel has told of the end. For TLS the end of the TCP side counts.
  bool peer_has_left() const;
  /// True if nothing has arrived that is not read yet, the peer's end included. Costs a syscall.
  bool is_quiet() const;
  /// After an event while nobody reads: true if only TLS itself had something to say (a ticket, new
  /// keys), and has been heard.
  bool stays_idle();
  /// Sends the end of our side: close_notify and FIN.
  void shutdown_write();
  /// Closes; what is unsent is lost. With `reset` the peer gets RST instead of FIN.
  void close(bool reset = false);

 private:
  IoResult try_read_tls(std::span<char> into);
  IoResult try_write_tls(const iovec* parts, int count);
  IoResult tls_failure(int result);

  EventLoop* loop_ = nullptr;
  IoHandle* io_ = nullptr;
  SSL* ssl_ = nullptr;
  /// How reading through TLS ended, right behind bytes that were given first.
  IoResult::Status end_ = IoResult::Status::Ok;
};

}  // namespace weir::proxy
