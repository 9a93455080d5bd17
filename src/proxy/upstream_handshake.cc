#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/client_connection.h"
#include "util/log.h"

namespace weir::proxy {

void ClientConnection::log_upstream_tls(const std::string& backend, const std::string& endpoint,
                                        const std::string& reason) {
  const auto left_out = worker_.log_limiter.take(backend, loop().now());
  if (!left_out) return;
  util::log::warning("backend {}: no TLS with {}: {}{}", backend, endpoint, reason,
                     *left_out == 0 ? "" : fmt::format(" ({} such lines left out)", *left_out));
}

Task<bool> ClientConnection::start_upstream_tls(Stream& stream, const Endpoint& endpoint,
                                                const std::string& backend, UpstreamLane& lane,
                                                AnswerReason& failure) {
  auto* io = stream.io();
  auto* ssl = lane.new_connection(*io, endpoint);
  failure = AnswerReason::UpstreamTls;
  if (ssl == nullptr) {
    worker_.counters.upstream_handshakes_failed.add();
    co_return false;
  }
  stream.start_tls(ssl);
  // The deadline has run since the connect began.
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    if (result == 1) break;
    const int error = SSL_get_error(ssl, result);
    if (error == SSL_ERROR_WANT_READ) {
      io->readable = false;
    } else if (error == SSL_ERROR_WANT_WRITE) {
      io->writable = false;
    } else {
      worker_.counters.upstream_handshakes_failed.add();
      lane.forget_session(endpoint);
      log_upstream_tls(backend, endpoint.id(), UpstreamLane::failure_of(ssl));
      co_return false;
    }
    const auto wake = co_await wait();
    if (wake == Wake::Timeout) {
      worker_.counters.upstream_handshakes_failed.add();
      failure = AnswerReason::ConnectTimeout;
      log_upstream_tls(backend, endpoint.id(), "the handshake took too long");
    }
    if (wake != Wake::Io || client_has_left()) co_return false;
  }
  worker_.counters.upstream_handshakes_ok.add();
  if (SSL_session_reused(ssl) == 1) worker_.counters.upstream_handshakes_resumed.add();
  co_return true;
}

}  // namespace weir::proxy
