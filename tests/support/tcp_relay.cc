#include "support/tcp_relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace weir::test {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return name;
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto name = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) return fd;
  ::close(fd);
  return -1;
}

bool send_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const auto sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

/// Until one of the two ends.
void pump(int one, int other) {
  char bytes[64 * 1024];
  pollfd ready[2] = {{one, POLLIN, 0}, {other, POLLIN, 0}};
  for (;;) {
    if (::poll(ready, 2, -1) < 0) return;
    for (int i = 0; i < 2; ++i) {
      if (ready[i].revents == 0) continue;
      const auto got = ::recv(ready[i].fd, bytes, sizeof bytes, 0);
      if (got <= 0 || !send_all(ready[1 - i].fd, bytes, static_cast<std::size_t>(got))) return;
    }
  }
}

}  // namespace

TcpRelay::TcpRelay(std::uint16_t target) : target_(target) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto name = loopback(0);
  socklen_t size = sizeof name;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&name), size) != 0 ||
      ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(name.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

TcpRelay::~TcpRelay() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  for (auto& thread : threads_) thread.join();
}

void TcpRelay::cut() {
  const std::lock_guard lock(mutex_);
  is_cut_ = true;
  for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
}

void TcpRelay::restore() {
  const std::lock_guard lock(mutex_);
  is_cut_ = false;
}

int TcpRelay::passed() const {
  const std::lock_guard lock(mutex_);
  return passed_;
}

void TcpRelay::accept_all() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (is_ending_ || is_cut_ || client < 0) {
      if (client >= 0) ::close(client);
      if (is_ending_) return;
      continue;
    }
    open_.insert(client);
    threads_.emplace_back([this, client] { pass_on(client); });
  }
}

void TcpRelay::pass_on(int client) {
  const int server = connect_to(target_);
  const bool is_open = server >= 0;
  {
    const std::lock_guard lock(mutex_);
    // Cut meanwhile: the client's end is shut down already.
    if (is_open) open_.insert(server);
    if (is_open && !is_cut_) ++passed_;
  }
  if (is_open) pump(client, server);
  const std::lock_guard lock(mutex_);
  for (const int fd : {client, server}) {
    open_.erase(fd);
    if (fd >= 0) ::close(fd);
  }
}

}  // namespace weir::test
