#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/client_connection.h"

namespace weir::proxy {

namespace {

/// What a client gets that speaks plain HTTP to a TLS port.
constexpr std::string_view kPlainOnTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 40\r\n"
    "Connection: close\r\n\r\n400 Bad Request: this port speaks https\n";

}  // namespace

Task<bool> ClientConnection::handshake() {
  // The deadline has run since accept.
  const bool done = co_await try_handshake();
  (done ? worker_.counters.handshakes_ok : worker_.counters.handshakes_failed).add();
  if (!done) closes_for_ = CloseReason::TlsError;
  handshaken_ = done;
  co_return done;
}

Task<bool> ClientConnection::try_handshake() {
  auto* io = stream_.io();
  HandshakeGate::Place place(worker_.handshakes, io);
  while (!place.admitted()) {
    const auto wake = co_await wait();
    if (wake != Wake::Io) co_return false;
  }
  auto* ssl = worker_.tls.new_connection(*io, identity_);
  if (ssl == nullptr) co_return false;
  stream_.start_tls(ssl);
  for (;;) {
    while (!place.may_step()) {
      const auto turn = co_await yield(io);
      if (turn != Wake::Io) co_return false;
    }
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    if (result == 1) break;
    const int error = SSL_get_error(ssl, result);
    if (error == SSL_ERROR_WANT_READ) {
      io->readable = false;
    } else if (error == SSL_ERROR_WANT_WRITE) {
      io->writable = false;
    } else {
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
        ::send(io->fd, kPlainOnTls.data(), kPlainOnTls.size(), MSG_NOSIGNAL);
      }
      ERR_clear_error();
      co_return false;
    }
    const auto wake = co_await wait();
    if (wake != Wake::Io) co_return false;
  }
  worker_.tls.finish(ssl, identity_.get());
  co_return true;
}

}  // namespace weir::proxy
