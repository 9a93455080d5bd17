#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "proxy/answer.h"
#include "proxy/client_connection.h"

namespace weir::proxy {

namespace {

constexpr std::uint16_t kHttps = 443;

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

Arrival ClientConnection::arrival() const {
  const auto& settings = worker_.table.settings();
  // As in ingress-nginx: TLS ended in front of us.
  const bool https = stream_.is_tls() || (told_ != nullptr && told_->destination_port == kHttps);
  return {address_, https, https ? settings.public_https_port : settings.public_http_port};
}

/// Leaves what stands behind the header in the kernel, for whoever comes next.
Task<bool> ClientConnection::take_proxy_header() {
  auto* io = stream_.io();
  auto& counters = worker_.counters;
  for (;;) {
    const auto scratch = worker_.scratch().first(ProxyHeader::kMostBytes);
    const auto got = ::recv(io->fd, scratch.data(), scratch.size(), MSG_PEEK);
    // A look at the port, as of a load balancer's check.
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return false;
    const auto size = got > 0 ? static_cast<std::size_t>(got) : 0;
    const auto header = read_proxy_header({scratch.data(), size});
    if (header.state == ProxyHeader::State::Malformed) {
      counters.proxy_headers_malformed.add();
      co_return false;
    }
    if (header.state == ProxyHeader::State::Complete) {
      const auto taken = ::recv(io->fd, scratch.data(), header.length, 0);
      if (taken != static_cast<ssize_t>(header.length)) co_return false;
      believe(header);
      if (worker_.by_address.take(address_, place_)) break;
      counters.connections_refused_by_address.add();
      co_await refuse();
      co_return false;
    }
    auto wake = Wake::Timeout;
    if (!io->peer_closed) wake = co_await wait();
    if (wake != Wake::Io) {
      counters.proxy_headers_incomplete.add();
      co_return false;
    }
  }
  proxy_header_due_ = false;
  const auto& timeouts = worker_.options.timeouts;
  start_timer(handshaken_ ? timeouts.head : timeouts.handshake);
  co_return true;
}

Task<bool> ClientConnection::refuse() {
  if (handshaken_) {
    AnswerRequest how;
    how.retry_after = worker_.retry_after();
    worker_.counters.answers[static_cast<std::size_t>(AnswerReason::TooManyConnections)].add();
    const bool written = co_await write_all(make_answer(AnswerReason::TooManyConnections, how));
    if (!written) co_return false;
  }
  co_return co_await linger();
}

void ClientConnection::believe(const ProxyHeader& header) {
  if (!worker_.table.forwarded().trusts(address_)) {
    worker_.counters.proxy_headers_untrusted.add();
    return;
  }
  worker_.counters.proxy_headers_ok.add();
  if (!header.ends) return;
  address_ = header.ends->source.text();
  told_ = std::make_unique<ConnectionEnds>(*header.ends);
}

bool ClientConnection::announce(std::string_view client, const Backend& backend, Stream& stream) {
  const auto version = backend.policy().proxy_protocol;
  if (version == table::ProxyProtocol::None) return true;
  auto ends = told_ != nullptr ? *told_ : ends_of(stream_.io()->fd);
  if (const auto address = util::IpAddress::parse(client); address && *address != ends.source) {
    ends.source = *address;
    ends.source_port = 0;  // nobody has told it
  }
  const auto header = make_proxy_header(version, ends);
  // A new connection's buffer is empty: it takes these few bytes, or is broken.
  return stream.try_write(header.data(), header.size()).bytes == header.size();
}

}  // namespace weir::proxy
