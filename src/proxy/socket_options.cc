#include "proxy/socket_options.h"

#include <linux/tcp.h>  // and not glibc's, whose tcp_info ends early
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace weir::proxy {

namespace {

constexpr int kAskedAfter = 30;  // seconds of silence
constexpr int kNotAsked = 60;    // for so long
constexpr int kAskedAgain = 10;

void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

void keep_alive(int fd) {
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kNotAsked);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kAskedAgain);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

// Linux starts its timer anew, with what is left of the time, whenever this option is set.
void ask_if_there(int fd) {
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kAskedAfter);
}
void need_not_ask(int fd) {
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kNotAsked);
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
