#include "support/socket.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace weir::test {

namespace {

void set_deadlines(int fd) {
  const timeval limit{120, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

void send_at_once(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

sockaddr_in ipv4(std::uint16_t port, const std::string& address = "127.0.0.1") {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  return name;
}

SSL_CTX* client_context() {
  static SSL_CTX* const context = [] {
    std::signal(SIGPIPE, SIG_IGN);
    return SSL_CTX_new(TLS_client_method());
  }();
  return context;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

}  // namespace

Socket::Socket(Socket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      ahead_(std::move(other.ahead_)),
      was_reset_(other.was_reset_) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  close();
  fd_ = std::exchange(other.fd_, -1);
  ssl_ = std::exchange(other.ssl_, nullptr);
  ahead_ = std::move(other.ahead_);
  was_reset_ = other.was_reset_;
  return *this;
}

Socket::~Socket() {
  close();
}

Socket Socket::connect(std::uint16_t port, const std::string& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  set_deadlines(fd);
  send_at_once(fd);
  const auto name = ipv4(port, address);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    ::close(fd);
    return {};
  }
  return Socket(fd);
}

Socket Socket::connect_tls(std::uint16_t port, const std::string& server_name) {
  auto socket = connect(port);
  if (!socket.is_open()) return socket;
  socket.ssl_ = SSL_new(client_context());
  SSL_set_fd(socket.ssl_, socket.fd_);
  if (!server_name.empty()) SSL_set_tlsext_host_name(socket.ssl_, server_name.c_str());
  ERR_clear_error();
  if (SSL_connect(socket.ssl_) != 1) socket.close();
  return socket;
}

bool Socket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t sent = 0;
    if (ssl_ != nullptr) {
      if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent) != 1) return false;
    } else {
      const auto result = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (result < 0 && errno == EINTR) continue;
      if (result <= 0) return false;
      sent = static_cast<std::size_t>(result);
    }
    bytes.remove_prefix(sent);
  }
  return true;
}

std::string Socket::receive(std::size_t most) {
  if (!ahead_.empty()) {
    auto bytes = ahead_.substr(0, most);
    ahead_.erase(0, bytes.size());
    return bytes;
  }
  std::string bytes(most, '\0');
  for (;;) {
    std::size_t got = 0;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      if (SSL_read_ex(ssl_, bytes.data(), most, &got) != 1) {
        was_reset_ = SSL_get_error(ssl_, 0) != SSL_ERROR_ZERO_RETURN;
      }
    } else {
      const auto result = ::recv(fd_, bytes.data(), most, 0);
      if (result < 0 && errno == EINTR) continue;
      was_reset_ = result < 0;
      got = result > 0 ? static_cast<std::size_t>(result) : 0;
    }
    bytes.resize(got);
    return bytes;
  }
}

std::string Socket::receive_exactly(std::size_t size) {
  std::string all;
  all.reserve(size);
  while (all.size() < size) {
    const auto bytes = receive(std::min<std::size_t>(size - all.size(), 256 * 1024));
    if (bytes.empty()) break;
    all += bytes;
  }
  return all;
}

std::string Socket::receive_until(std::string_view end) {
  std::string all;
  for (;;) {
    if (const auto at = all.find(end); at != std::string::npos) {
      ahead_ = all.substr(at + end.size()) + ahead_;
      all.resize(at + end.size());
      return all;
    }
    const auto bytes = receive();
    if (bytes.empty()) return all;
    all += bytes;
  }
}

std::string Socket::receive_all() {
  std::string all;
  for (auto bytes = receive(); !bytes.empty(); bytes = receive()) all += bytes;
  return all;
}

void Socket::shutdown_write() {
  if (ssl_ != nullptr) SSL_shutdown(ssl_);
  ::shutdown(fd_, SHUT_WR);
}

void Socket::close() {
  if (ssl_ != nullptr) {
    // Without it, the session could not be resumed.
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(std::exchange(ssl_, nullptr));
  }
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::wait_sent() {
  eventually([this] {
    int unacknowledged = 0;
    return ::ioctl(fd_, SIOCOUTQ, &unacknowledged) != 0 || unacknowledged == 0;
  });
}

void Socket::reset() {
  // What the kernel has not passed on yet (it gathers small writes) would be thrown away.
  wait_sent();
  const linger hard{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

std::string Socket::peer_subject() const {
  X509* certificate = SSL_get1_peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  char text[512] = {};
  X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof text);
  X509_free(certificate);
  return text;
}

bool Socket::session_reused() const {
  return SSL_session_reused(ssl_) == 1;
}

std::string Response::field(std::string_view name) const {
  std::string_view lines = head;
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && same_name(line.substr(0, colon), name)) {
      auto value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      return std::string(value);
    }
  }
  return {};
}

Response receive_response(Socket& socket, bool head_request) {
  Response response;
  response.head = socket.receive_until("\r\n\r\n");
  if (response.head.size() < 12) return response;
  response.status = std::atoi(response.head.c_str() + 9);
  if (head_request || response.status < 200 || response.status == 204 || response.status == 304) {
    return response;
  }
  if (const auto length = response.field("Content-Length"); !length.empty()) {
    response.body = socket.receive_exactly(std::stoul(length));
  } else if (response.field("Transfer-Encoding") == "chunked") {
    for (;;) {
      const auto line = socket.receive_until("\r\n");
      const auto size = std::strtoul(line.c_str(), nullptr, 16);
      if (size == 0) break;
      response.body += socket.receive_exactly(size);
      socket.receive_until("\r\n");
    }
    while (socket.receive_until("\r\n").size() > 2) {
    }
  } else {
    response.body = socket.receive_all();
  }
  return response;
}

std::string receive_head(Socket& socket) {
  return socket.receive_until("\r\n\r\n");
}

Backend::Backend(Script script, const std::string& address) : script_(std::move(script)) {
  std::signal(SIGPIPE, SIG_IGN);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto name = ipv4(0, address);
  socklen_t size = sizeof name;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&name), size) != 0 ||
      ::listen(listener_, 1024) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    throw std::runtime_error("cannot listen on " + address);
  }
  port_ = ntohs(name.sin_port);
  acceptor_ = std::thread([this] { run(); });
}

Backend::~Backend() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  for (auto& thread : threads_) thread.join();
}

int Backend::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

void Backend::run() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    if (fd < 0) continue;
    send_at_once(fd);
    ++accepted_;
    open_.push_back(fd);
    threads_.emplace_back([this, fd] {
      Socket socket(fd);
      script_(socket);
      const std::lock_guard inner(mutex_);
      std::erase(open_, fd);
      socket.close();
    });
  }
}

Backend::Script always(std::string body) {
  return [body = std::move(body)](Socket& socket) {
    for (;;) {
      const auto head = receive_head(socket);
      if (!head.ends_with("\r\n\r\n")) return;
      Response request;
      request.head = head;
      if (const auto length = request.field("Content-Length"); !length.empty()) {
        socket.receive_exactly(std::stoul(length));
      }
      std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
      if (!head.starts_with("HEAD ")) answer += body;
      if (!socket.send(answer)) return;
    }
  };
}

std::uint16_t unused_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto name = ipv4(0);
  socklen_t size = sizeof name;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&name), size) != 0) return 0;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  ::close(fd);
  return ntohs(name.sin_port);
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

}  // namespace weir::test
