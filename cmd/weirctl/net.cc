#include "weirctl/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace weir::weirctl {

namespace {

/// An IP address and port as the kernel takes them. Size 0: the text is no IP address.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress to_socket_address(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
  }
  return address;
}

}  // namespace

std::uint16_t find_free_port(const std::string& host) {
  auto address = to_socket_address(host, 0);
  if (address.size == 0) return 0;
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  std::uint16_t port = 0;
  if (::bind(fd, address.get(), address.size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) == 0) {
    port = ntohs(address.storage.ss_family == AF_INET
                     ? reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port
                     : reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port);
  }
  ::close(fd);
  return port;
}

bool answers_ready(const cmd::Address& admin) {
  const bool any = admin.host == "0.0.0.0";
  const auto address =
      to_socket_address(any ? "127.0.0.1" : (admin.host == "::" ? "::1" : admin.host), admin.port);
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const timeval patience{0, 250'000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  static constexpr std::string_view kRequest = "GET /readyz HTTP/1.0\r\n\r\n";
  static constexpr std::string_view kReady = "HTTP/1.0 200 ";
  std::array<char, kReady.size()> answer{};
  const bool ready = ::connect(fd, address.get(), address.size) == 0 &&
                     ::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) ==
                         static_cast<ssize_t>(kRequest.size()) &&
                     ::recv(fd, answer.data(), answer.size(), MSG_WAITALL) ==
                         static_cast<ssize_t>(answer.size()) &&
                     std::string_view(answer.data(), answer.size()) == kReady;
  ::close(fd);
  return ready;
}

}  // namespace weir::weirctl
