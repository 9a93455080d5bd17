#include "proxy/upstream_connect.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "util/log.h"

namespace weir::proxy {

Task<Stream> connect_to(Fiber& fiber, WorkerState& worker, const Endpoint& endpoint,
                        const table::RequestPolicy& policy, AnswerReason& failure,
                        ConnectFailure* why) {
  worker.counters.upstream_connects.add();
  failure = AnswerReason::ConnectFailed;
  const auto failed = [&worker, why](int error) {
    worker.counters.upstream_connect_failures.add();
    if (why != nullptr) *why = connect_failure_of(error);
    return Stream();
  };
  const auto open = [&] {
    return ::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  };
  int fd = open();
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    worker.endpoints.close_idle();  // a request goes before what is kept for later ones
    fd = open();
  }
  if (fd < 0) co_return failed(errno);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, endpoint.address(), endpoint.address_size()) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(fd);
    co_return failed(error);
  }
  auto* io = worker.loop.open(fd, &fiber);
  if (io == nullptr) co_return failed(EMFILE);
  Stream stream(worker.loop, io);
  fiber.start_timer(std::chrono::milliseconds(policy.connect_timeout_ms));
  while (!io->writable) {
    const auto wake = co_await fiber.wait();
    if (wake == Wake::Timeout) failure = AnswerReason::ConnectTimeout;
    if (wake != Wake::Io || fiber.is_abandoned()) {
      if (wake == Wake::Timeout) co_return failed(ETIMEDOUT);
      co_return Stream();
    }
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return failed(error);
  co_return stream;
}

void log_upstream_tls(WorkerState& worker, const std::string& backend, const std::string& endpoint,
                      const std::string& reason) {
  const auto left_out = worker.log_limiter.take(backend, worker.loop.now());
  if (!left_out) return;
  util::log::warning("backend {}: no TLS with {}: {}{}", backend, endpoint, reason,
                     *left_out == 0 ? "" : fmt::format(" ({} such lines left out)", *left_out));
}

Task<bool> start_upstream_tls(Fiber& fiber, WorkerState& worker, Stream& stream,
                              const Endpoint& endpoint, const std::string& backend,
                              UpstreamLane& lane, AnswerReason& failure) {
  auto* io = stream.io();
  auto* ssl = lane.new_connection(*io, endpoint);
  failure = AnswerReason::UpstreamTls;
  if (ssl == nullptr) {
    worker.counters.upstream_handshakes_failed.add();
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
      worker.counters.upstream_handshakes_failed.add();
      lane.forget_session(endpoint);
      log_upstream_tls(worker, backend, endpoint.id(), UpstreamLane::failure_of(ssl));
      co_return false;
    }
    const auto wake = co_await fiber.wait();
    if (wake == Wake::Timeout) {
      worker.counters.upstream_handshakes_failed.add();
      failure = AnswerReason::ConnectTimeout;
      log_upstream_tls(worker, backend, endpoint.id(), "the handshake took too long");
    }
    if (wake != Wake::Io || fiber.is_abandoned()) co_return false;
  }
  worker.counters.upstream_handshakes_ok.add();
  if (SSL_session_reused(ssl) == 1) worker.counters.upstream_handshakes_resumed.add();
  co_return true;
}

}  // namespace weir::proxy
