#include "proxy/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/tls_bio.h"

namespace weir::proxy {

namespace {

using Status = IoResult::Status;

/// One TLS record: what a gathered write is put together into before it is encrypted.
constexpr std::size_t kRecord = 16 * 1024;
/// A read decrypts about so much, so that what is sent on goes in few pieces.
constexpr std::size_t kDecryptAtOnce = 4 * kRecord;

}  // namespace

Stream::Stream(Stream&& other) noexcept
    : loop_(other.loop_),
      io_(std::exchange(other.io_, nullptr)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      end_(other.end_) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    loop_ = other.loop_;
    io_ = std::exchange(other.io_, nullptr);
    ssl_ = std::exchange(other.ssl_, nullptr);
    end_ = other.end_;
  }
  return *this;
}

IoResult Stream::try_read(std::span<char> into) {
  if (!io_->readable) return {};
  if (ssl_ != nullptr) return try_read_tls(into);
  for (;;) {
    const auto got = ::recv(io_->fd, into.data(), into.size(), 0);
    if (got > 0) {
      const auto bytes = static_cast<std::size_t>(got);
      // Less than asked for: the socket is empty, and what comes later is a new edge. A FIN that is
      // here already gives no further edge.
      if (bytes < into.size() && !io_->peer_closed) io_->readable = false;
      return {Status::Ok, bytes};
    }
    if (got == 0) return {Status::Eof, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      io_->readable = false;
      return {};
    }
    return {Status::Failed, 0};
  }
}

IoResult Stream::try_write(const iovec* parts, int count) {
  if (!io_->writable) return {};
  if (ssl_ != nullptr) return try_write_tls(parts, count);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  for (;;) {
    const auto sent = ::sendmsg(io_->fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) return {Status::Ok, static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      io_->writable = false;
      return {};
    }
    return {Status::Failed, 0};
  }
}

IoResult Stream::try_read_tls(std::span<char> into) {
  if (end_ != Status::Ok) return {end_, 0};
  into = into.first(std::min(into.size(), kDecryptAtOnce));
  std::size_t total = 0;
  ERR_clear_error();
  while (total < into.size()) {
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_, into.data() + total, into.size() - total, &bytes);
    if (result != 1) {
      const auto failure = tls_failure(result);
      if (total == 0) return failure;
      if (failure.status != Status::WouldBlock) end_ = failure.status;
      break;
    }
    total += bytes;
    if (io_->drained && SSL_has_pending(ssl_) == 0) {
      io_->readable = false;
      break;
    }
  }
  return {Status::Ok, total};
}

IoResult Stream::try_write_tls(const iovec* parts, int count) {
  thread_local std::array<char, kRecord> record;
  const char* data = nullptr;
  std::size_t size = 0;
  if (count == 1) {
    data = static_cast<const char*>(parts[0].iov_base);
    size = parts[0].iov_len;
  } else {
    for (int i = 0; i < count && size < record.size(); ++i) {
      const auto take = std::min(parts[i].iov_len, record.size() - size);
      if (take > 0) std::memcpy(record.data() + size, parts[i].iov_base, take);
      size += take;
    }
    data = record.data();
  }
  std::size_t total = 0;
  ERR_clear_error();
  while (total < size) {
    std::size_t bytes = 0;
    set_more_follows(ssl_, size - total > kRecord);
    const int result = SSL_write_ex(ssl_, data + total, size - total, &bytes);
    if (result != 1) {
      const auto failure = tls_failure(result);
      if (total > 0 && failure.status == Status::WouldBlock) break;
      return failure;
    }
    total += bytes;
  }
  return {Status::Ok, total};
}

IoResult Stream::tls_failure(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      io_->readable = false;
      return {};
    case SSL_ERROR_WANT_WRITE:
      io_->writable = false;
      return {};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::Eof, 0};
    default:
      // A FIN without close_notify is cut short on purpose or not: the HTTP framing above tells.
      ERR_clear_error();
      return {Status::Failed, 0};
  }
}

bool Stream::peer_has_left() const {
  if (!io_->peer_closed) return false;
  if (ssl_ != nullptr) return true;
  char byte = 0;
  const auto got = ::recv(io_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

bool Stream::is_quiet() const {
  if (ssl_ != nullptr && SSL_has_pending(ssl_) == 1) return false;
  char byte = 0;
  return ::recv(io_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool Stream::stays_idle() {
  if (ssl_ == nullptr) return false;
  char byte = 0;
  std::size_t size = 0;
  ERR_clear_error();
  const int result = SSL_peek_ex(ssl_, &byte, 1, &size);
  return result != 1 && tls_failure(result).status == Status::WouldBlock;
}

void Stream::shutdown_write() {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  ::shutdown(io_->fd, SHUT_WR);
}

void Stream::close(bool reset) {
  if (io_ == nullptr) return;
  if (ssl_ != nullptr) {
    // Else OpenSSL holds the session for broken, and would not resume it.
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  if (reset) {
    const linger hard{1, 0};
    ::setsockopt(io_->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  loop_->close(io_);
  io_ = nullptr;
}

}  // namespace weir::proxy
