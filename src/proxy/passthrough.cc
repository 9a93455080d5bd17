#include <sys/socket.h>

#include <cerrno>

#include "proxy/client_connection.h"
#include "proxy/client_hello.h"
#include "proxy/target.h"
#include "proxy/tunnel_group.h"

namespace weir::proxy {

/// Looks at the ClientHello and leaves it in the kernel: it is OpenSSL's, or the endpoint's.
Task<ClientConnection::Peeked> ClientConnection::peek_server_name(std::string& name) {
  auto* io = stream_.io();
  for (;;) {
    const auto scratch = worker_.scratch().first(ClientHello::kMostBytes);
    const auto got = ::recv(io->fd, scratch.data(), scratch.size(), MSG_PEEK);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return Peeked::Gone;
    const auto size = got > 0 ? static_cast<std::size_t>(got) : 0;
    if (size > 0) {
      auto hello = read_client_hello({reinterpret_cast<const std::uint8_t*>(scratch.data()), size});
      if (hello.state == ClientHello::State::NotTls) co_return Peeked::Other;
      if (hello.state == ClientHello::State::Complete) {
        name = std::move(hello.server_name);
        co_return Peeked::Name;
      }
    }
    if (io->peer_closed) co_return Peeked::Gone;  // it will never be whole
    const auto wake = co_await wait();
    if (wake != Wake::Io) co_return Peeked::Gone;
  }
}

Task<ClientConnection::Way> ClientConnection::find_way() {
  // Without such a host, nobody pays for a look.
  if (!worker_.table.any_passthrough()) co_return Way::Handshake;
  std::string sent;
  const auto peeked = co_await peek_server_name(sent);
  if (peeked == Peeked::Gone) co_return Way::Close;
  if (peeked == Peeked::Other || sent.empty()) co_return Way::Handshake;
  std::string storage;
  const auto name = normalize_host(sent, storage);
  const auto* host = name ? worker_.table.find_host(*name) : nullptr;
  if (host == nullptr || host->policy().passthrough.empty()) co_return Way::Handshake;
  auto backend = worker_.table.find_backend(host->policy().passthrough);
  bool open = false;
  if (backend != nullptr) open = co_await pass_through(std::move(backend), HostRef(host), *name);
  if (!open) worker_.counters.passthrough_failures.add();
  co_return Way::Close;
}

Task<bool> ClientConnection::pass_through(BackendRef backend, HostRef host, std::string_view name) {
  std::vector<EndpointRef> tried;
  auto failure = AnswerReason::NoEndpoint;
  const table::RequestPolicy usual;
  for (;;) {
    Choosing choosing{loop().now(), worker_.random, std::nullopt, true, tried};
    choosing.tunnels = &worker_.tunnels.registry();
    auto endpoint = backend->choose(choosing);
    if (endpoint == nullptr) co_return false;
    auto stream = co_await connect(*endpoint, usual, failure);
    if (cancelled()) co_return false;
    if (stream.is_open() && !announce(address_, *backend, stream)) stream.close();
    if (stream.is_open()) {
      stop_timer();
      tunnelled_ = true;
      worker_.counters.passthrough_opened.add();
      TunnelStart start;
      start.request = {name, "", "tls"};
      start.group = &worker_.tunnels.passthrough_group(host->policy());
      start.total_place = RoutePlace::take(worker_.tunnels.registry().all(), 0);
      start.endpoint_place = EndpointPlace::take(endpoint->shared(worker_.tunnels.registry()), 0);
      start.endpoint = std::move(endpoint);
      start.websocket = false;
      start.client = util::IpAddress::parse(address_).value_or(util::IpAddress{});
      start.place = std::move(place_);
      Tunnel::open(worker_, std::move(stream_), std::move(stream), std::move(start));
      co_return true;
    }
    if (client_has_left()) co_return false;
    tried.push_back(std::move(endpoint));
  }
}

}  // namespace weir::proxy
