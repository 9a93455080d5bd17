#include "proxy/tls_bio.h"

#include <sys/socket.h>

#include <cerrno>

#include <openssl/bio.h>
#include <openssl/ssl.h>

namespace weir::proxy {

namespace {

/// A flag of ours on the BIO; OpenSSL's own end below it.
constexpr int kMoreFollows = 0x10000;

IoHandle& io_of(BIO* bio) {
  return *static_cast<IoHandle*>(BIO_get_data(bio));
}

int read_socket(BIO* bio, char* into, std::size_t size, std::size_t* read) {
  auto& io = io_of(bio);
  BIO_clear_retry_flags(bio);
  if (io.drained) {
    BIO_set_retry_read(bio);
    return 0;
  }
  for (;;) {
    const auto got = ::recv(io.fd, into, size, 0);
    if (got > 0) {
      *read = static_cast<std::size_t>(got);
      // As for plain reads (Stream::try_read).
      io.drained = *read < size && !io.peer_closed;
      return 1;
    }
    if (got == 0) {
      BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
      return 0;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_read(bio);
    return 0;
  }
}

int write_socket(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  const int more = BIO_test_flags(bio, kMoreFollows) != 0 ? MSG_MORE : 0;
  for (;;) {
    const auto sent = ::send(io_of(bio).fd, data, size, MSG_NOSIGNAL | more);
    if (sent >= 0) {
      *written = static_cast<std::size_t>(sent);
      return 1;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_write(bio);
    return 0;
  }
}

long control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

const BIO_METHOD* method() {
  static const BIO_METHOD* const made = [] {
    auto* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    if (fresh == nullptr) return fresh;
    BIO_meth_set_read_ex(fresh, read_socket);
    BIO_meth_set_write_ex(fresh, write_socket);
    BIO_meth_set_ctrl(fresh, control);
    return fresh;
  }();
  return made;
}

}  // namespace

BIO* new_tls_bio(IoHandle& io) {
  auto* bio = BIO_new(method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &io);
  BIO_set_init(bio, 1);
  return bio;
}

void set_more_follows(SSL* ssl, bool more) {
  auto* bio = SSL_get_wbio(ssl);
  if (more) {
    BIO_set_flags(bio, kMoreFollows);
  } else {
    BIO_clear_flags(bio, kMoreFollows);
  }
}

}  // namespace weir::proxy
