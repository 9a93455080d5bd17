#include "proxy/socket_options.h"

#include <linux/tcp.h>  // and not glibc's, whose tcp_info ends early
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace weir::proxy {

void keep_alive(int fd) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

std::uint64_t bytes_acknowledged(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  constexpr auto kEnd = offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked;
  return size < kEnd ? 0 : info.tcpi_bytes_acked;
}

void give_up_after(int fd, std::chrono::milliseconds time) {
  const auto ms = static_cast<unsigned>(time.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

}  // namespace weir::proxy
