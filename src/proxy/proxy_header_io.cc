#include "proxy/proxy_header_io.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace weir::proxy {

namespace {

void read_end(const sockaddr_storage& storage, util::IpAddress& address, std::uint16_t& port) {
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    address = util::IpAddress::from_v4(reinterpret_cast<const std::uint8_t*>(&v4.sin_addr));
    port = ntohs(v4.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    address = util::IpAddress::from_v6(v6.sin6_addr.s6_addr);
    port = ntohs(v6.sin6_port);
  }
}

ConnectionEnds ends_of(int fd) {
  ConnectionEnds ends;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    read_end(storage, ends.source, ends.source_port);
  }
  size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    read_end(storage, ends.destination, ends.destination_port);
  }
  return ends;
}

}  // namespace

Task<ProxyHeader> receive_proxy_header(Fiber& fiber, WorkerState& worker, IoHandle& io) {
  auto& counters = worker.counters;
  ProxyHeader none;
  for (;;) {
    const auto scratch = worker.scratch().first(ProxyHeader::kMostBytes);
    const auto got = ::recv(io.fd, scratch.data(), scratch.size(), MSG_PEEK);
    // A look at the port, as of a load balancer's check.
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return none;
    const auto size = got > 0 ? static_cast<std::size_t>(got) : 0;
    const auto header = read_proxy_header({scratch.data(), size});
    if (header.state == ProxyHeader::State::Malformed) {
      counters.proxy_headers_malformed.add();
      co_return header;
    }
    if (header.state == ProxyHeader::State::Complete) {
      const auto taken = ::recv(io.fd, scratch.data(), header.length, 0);
      if (taken != static_cast<ssize_t>(header.length)) co_return none;
      co_return header;
    }
    auto wake = Wake::Timeout;
    if (!io.peer_closed) wake = co_await fiber.wait();
    if (wake != Wake::Io) {
      counters.proxy_headers_incomplete.add();
      co_return none;
    }
  }
}

bool believes_proxy_header(WorkerState& worker, std::string_view peer) {
  const bool trusted = worker.table.forwarded().trusts(peer);
  auto& counters = worker.counters;
  (trusted ? counters.proxy_headers_ok : counters.proxy_headers_untrusted).add();
  return trusted;
}

bool send_proxy_header(table::ProxyProtocol version, std::string_view client,
                       const ConnectionEnds* told, Stream& stream) {
  if (version == table::ProxyProtocol::None) return true;
  auto ends = told != nullptr ? *told : ends_of(stream.io()->fd);
  if (const auto address = util::IpAddress::parse(client); address && *address != ends.source) {
    ends.source = *address;
    ends.source_port = 0;  // nobody has told it
  }
  const auto header = make_proxy_header(version, ends);
  // A new connection's buffer is empty: it takes these few bytes, or is broken.
  return stream.try_write(header.data(), header.size()).bytes == header.size();
}

}  // namespace weir::proxy
