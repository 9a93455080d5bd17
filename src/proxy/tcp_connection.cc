#include "proxy/tcp_connection.h"

#include <utility>
#include <vector>

#include "proxy/proxy_header_io.h"
#include "proxy/tunnel.h"
#include "proxy/tunnel_group.h"
#include "proxy/upstream_connect.h"

namespace weir::proxy {

void TcpConnection::open(WorkerState& worker, int fd, Service service, std::string address,
                         AddressCounts::Place place) {
  auto* connection =
      new TcpConnection(worker, std::move(service), std::move(address), std::move(place));
  auto* io = worker.loop.open(fd, connection);
  if (io == nullptr) {
    worker.counters.accept_errors.add();
    delete connection;
    return;
  }
  connection->stream_ = Stream(worker.loop, io);
  connection->run();
}

TcpConnection::TcpConnection(WorkerState& worker, Service service, std::string address,
                             AddressCounts::Place place)
    : Fiber(worker.loop),
      worker_(worker),
      service_(std::move(service)),
      address_(std::move(address)),
      place_(std::move(place)) {
  worker_.open.push_back(*this);
  worker_.counters.connections_open.add();
}

TcpConnection::~TcpConnection() {
  if (tunnelled_) return;
  worker_.counters.connections_open.subtract();
  if (worker_.draining) worker_.counters.drained_connections.add();
}

void TcpConnection::cut(TunnelEnd why) {
  if (why == TunnelEnd::Drain) worker_.counters.drain_cut_connections.add();
  cancel();
}

Detached TcpConnection::run() {
  bool ready = true;
  if (service_->expects_proxy_protocol) ready = co_await take_proxy_header();
  if (ready) {
    auto backend = worker_.table.find_backend(service_->backend);
    bool reached = false;
    if (backend != nullptr) reached = co_await reach(std::move(backend));
    if (!reached && !cancelled()) worker_.counters.tcp_failures.add();
  }
  delete this;
}

Task<bool> TcpConnection::take_proxy_header() {
  start_timer(worker_.timeouts.proxy_header);
  const auto header = co_await receive_proxy_header(*this, worker_, *stream_.io());
  if (header.state != ProxyHeader::State::Complete) co_return false;
  if (believes_proxy_header(worker_, address_) && header.ends) {
    address_ = header.ends->source.text();
    told_ = std::make_unique<ConnectionEnds>(*header.ends);
  }
  if (worker_.by_address.take(address_, place_)) co_return true;
  worker_.counters.connections_refused_by_address.add();
  co_return false;
}

Task<bool> TcpConnection::reach(BackendRef backend) {
  std::vector<EndpointRef> tried;
  auto failure = AnswerReason::NoEndpoint;
  const table::RequestPolicy usual;
  const auto version = service_->proxy_protocol == table::ProxyProtocol::None
                           ? backend->policy().proxy_protocol
                           : service_->proxy_protocol;
  const auto begun = loop().now();
  const std::chrono::milliseconds window(service_->tries_window_ms);
  while (tried.size() < service_->tries) {
    if (!tried.empty() && window.count() != 0 && loop().now() - begun >= window) co_return false;
    Choosing choosing{loop().now(), worker_.random, std::nullopt, true, tried};
    choosing.tunnels = &worker_.tunnels.registry();
    auto endpoint = backend->choose(choosing);
    if (endpoint == nullptr) co_return false;
    auto stream = co_await connect_to(*this, worker_, *endpoint, usual, failure);
    if (cancelled()) co_return false;
    if (stream.is_open() && !send_proxy_header(version, address_, told_.get(), stream)) {
      stream.close();
    }
    if (stream.is_open()) {
      become_tunnel(std::move(endpoint), std::move(stream));
      co_return true;
    }
    tried.push_back(std::move(endpoint));
  }
  co_return false;
}

void TcpConnection::become_tunnel(EndpointRef endpoint, Stream stream) {
  stop_timer();
  tunnelled_ = true;
  worker_.counters.tcp_opened.add();
  auto& registry = worker_.tunnels.registry();
  TunnelStart start;
  start.request = {"", "", "tcp"};
  start.group = &worker_.tunnels.tcp_group(*service_);
  start.total_place = RoutePlace::take(registry.all(), 0);
  start.endpoint_place = EndpointPlace::take(endpoint->shared(registry), 0);
  start.endpoint = std::move(endpoint);
  start.websocket = false;
  start.client = util::IpAddress::parse(address_).value_or(util::IpAddress{});
  start.place = std::move(place_);
  Tunnel::open(worker_, std::move(stream_), std::move(stream), std::move(start));
}

}  // namespace weir::proxy
