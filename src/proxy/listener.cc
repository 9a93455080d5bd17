#include "proxy/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace weir::proxy {

namespace {

constexpr int kAcceptsPerTurn = 16;
constexpr std::chrono::milliseconds kRetry{100};

std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
  }
  return text;
}

/// True, with errno, if somebody listens there: SO_REUSEPORT alone would share it with them.
bool is_taken(const sockaddr_storage& address, socklen_t size) {
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool taken = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return taken;
}

}  // namespace

util::Result<int> bind_listener(ListenAddress& address, bool first) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  const auto failed = [&](const char* what) {
    return util::unavailable(fmt::format("cannot {} {}:{}: {}", what, address.address, address.port,
                                         std::strerror(errno)));
  };
  if (::inet_pton(AF_INET, address.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, address.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    size = sizeof *v6;
  } else {
    return util::malformed(fmt::format("{} is no IP address", address.address));
  }
  const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("open a socket for");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  // Accepted sockets inherit it: one setsockopt less a connection.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (storage.ss_family == AF_INET6) {
    // "[::]" takes IPv4, too, whatever net.ipv6.bindv6only says.
    const int off = 0;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (first && is_taken(storage, size)) {
    const auto error = failed("listen on");
    ::close(fd);
    return error;
  }
  if (::bind(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 ||
      ::listen(fd, SOMAXCONN) != 0) {
    const auto error = failed("listen on");
    ::close(fd);
    return error;
  }
  if (address.port == 0) {
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
    address.port = ntohs(storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
  }
  return fd;
}

Listener::Listener(WorkerState& worker, int fd, Accepted accepted)
    : worker_(worker),
      accepted_(std::move(accepted)),
      retry_(*this),
      io_(worker.loop.open(fd, this)) {}

Listener::~Listener() {
  if (io_ != nullptr) worker_.loop.close(io_);
}

void Listener::close() {
  if (io_ == nullptr) return;
  while (accept_one()) {
  }
  worker_.loop.close(std::exchange(io_, nullptr));
}

void Listener::on_io(IoHandle& io) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (!accept_one()) return;
  }
  worker_.loop.call_again(&io);
}

void Listener::on_timer(Timer&) {
  if (io_ != nullptr) on_io(*io_);
}

bool Listener::accept_one() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int fd = ::accept4(io_->fd, reinterpret_cast<sockaddr*>(&address), &size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    accepted_(fd, text_of(address));
    return true;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case EINTR:
    case ECONNABORTED:
      return true;
    default:
      // EMFILE, ENFILE, ENOBUFS, ENOMEM: the clients wait in the kernel's queue meanwhile.
      worker_.counters.accept_errors.add();
      worker_.loop.timers().set(retry_, kRetry);
      return false;
  }
}

}  // namespace weir::proxy
