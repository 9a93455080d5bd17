#include "connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace weir::bench {

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(host);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

ClientTls::ClientTls(std::string server_name)
    : server_name_(std::move(server_name)), context_(SSL_CTX_new(TLS_client_method())) {
  static constexpr unsigned char kAlpn[] = "\x08http/1.1";
  SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
  SSL_CTX_set_alpn_protos(context_, kAlpn, sizeof kAlpn - 1);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_, keep_ticket);
  SSL_CTX_set_app_data(context_, this);
}

ClientTls::~ClientTls() {
  SSL_SESSION_free(ticket_);
  SSL_CTX_free(context_);
}

int ClientTls::keep_ticket(SSL* ssl, ssl_session_st* session) {
  auto* self = static_cast<ClientTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  SSL_SESSION_free(self->ticket_);
  self->ticket_ = SSL_SESSION_dup(session);
  return 0;
}

SSL* ClientTls::new_connection(int fd, bool resume) {
  auto* ssl = SSL_new(context_);
  SSL_set_fd(ssl, fd);
  SSL_set_connect_state(ssl);
  SSL_set_tlsext_host_name(ssl, server_name_.c_str());
  if (resume && ticket_ != nullptr) {
    // A copy: OpenSSL lets a client use each TLS 1.3 session once (RFC 8446 §C.4).
    auto* session = SSL_SESSION_dup(ticket_);
    SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
  }
  return ssl;
}

void Connection::open(int epoll, std::uint16_t port, std::uint32_t source, void* tag,
                      ClientTls* tls, bool resume) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail("socket");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // The port is chosen at connect, when it only has to be free towards that destination.
  ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const auto from = address_of(source, 0);
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) fail("bind");
  const auto to = address_of(INADDR_LOOPBACK, port);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
      errno != EINPROGRESS) {
    fail("connect");
  }
  if (tls != nullptr) ssl_ = tls->new_connection(fd_, resume);
  add_to(epoll, tag);
}

void Connection::adopt(int epoll, int fd, void* tag) {
  fd_ = fd;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  add_to(epoll, tag);
}

void Connection::add_to(int epoll, void* tag) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = tag;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd_, &event) != 0) fail("epoll_ctl");
}

void Connection::close() {
  if (fd_ < 0) return;
  if (ssl_ != nullptr) {
    ERR_clear_error();
    SSL_shutdown(ssl_);  // else OpenSSL forgets the session that its ticket is for
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  ::close(fd_);
  fd_ = -1;
}

bool Connection::was_resumed() const {
  return ssl_ != nullptr && SSL_session_reused(ssl_) == 1;
}

Io Connection::read(std::span<char> into, std::size_t& size) {
  size = 0;
  if (ssl_ != nullptr) {
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_, into.data(), into.size(), &size);
    return result == 1 ? Io::Done : tls_failure(result);
  }
  const auto got = ::recv(fd_, into.data(), into.size(), 0);
  if (got == 0) return Io::Ended;
  if (got < 0) return errno == EAGAIN || errno == ENOTCONN ? Io::Later : Io::Failed;
  size = static_cast<std::size_t>(got);
  return Io::Done;
}

Io Connection::write(std::string_view bytes, std::size_t& size) {
  size = 0;
  if (ssl_ != nullptr) {
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &size);
    return result == 1 ? Io::Done : tls_failure(result);
  }
  const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == ENOTCONN ? Io::Later : Io::Failed;
  size = static_cast<std::size_t>(sent);
  return Io::Done;
}

Io Connection::tls_failure(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Io::Later;
    case SSL_ERROR_ZERO_RETURN:
      return Io::Ended;
    case SSL_ERROR_SYSCALL:
      return errno == ENOTCONN ? Io::Later : Io::Failed;
    default:
      return Io::Failed;
  }
}

int listen_on(const std::string& address, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto local = address_of(0, port);
  if (::inet_pton(AF_INET, address.c_str(), &local.sin_addr) != 1) {
    throw std::runtime_error(address + " is no IPv4 address");
  }
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) fail("bind");
  if (::listen(fd, 4096) != 0) fail("listen");
  return fd;
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

std::string frame_head(std::size_t payload) {
  std::string head = "\x82";
  const auto add = [&](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
      head += static_cast<char>(payload >> shift & 0xff);
    }
  };
  if (payload < 126) {
    add(1);
  } else if (payload < 65536) {
    head += '\x7e';
    add(2);
  } else {
    head += '\x7f';
    add(8);
  }
  return head;
}

std::uint64_t cpu_time_ns(std::span<const int> pids) {
  std::uint64_t sum = 0;
  for (const int pid : pids) {
    const auto tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      std::ifstream in(task.path() / "schedstat");
      std::uint64_t ran = 0;
      in >> ran;
      sum += ran;
    }
  }
  return sum;
}

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

}  // namespace weir::bench
