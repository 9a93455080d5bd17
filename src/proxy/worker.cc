#include "proxy/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "proxy/client_connection.h"
#include "proxy/refused_connection.h"
#include "proxy/tcp_connection.h"

namespace weir::proxy {

Worker::Worker(const Options& options, std::string ticket_seed,
               std::shared_ptr<const ServerCertificate> self_signed, TunnelRegistry& registry,
               SharedBackends& backends, PasswordChecker& passwords, ClientUse& client_use,
               HttpRegistry& http)
    : state_(options, std::move(ticket_seed), registry, backends, passwords, client_use, http) {
  state_.table.set_self_signed(std::move(self_signed));
}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  close_all();
  state_.loop.stop();
  thread_.join();
}

void Worker::listen(int fd, bool tls) {
  listeners_.push_back(
      std::make_unique<Listener>(state_, fd, [this, tls](int accepted, std::string address) {
        accept(accepted, std::move(address), tls);
      }));
}

void Worker::lead_tcp(std::vector<ListenAddress> addresses, std::vector<Worker*> workers) {
  tcp_ports_ = std::make_unique<TcpPorts>(state_, std::move(addresses), std::move(workers));
}

void Worker::listen_tcp(std::uint16_t port, std::vector<int> descriptors) {
  state_.loop.post([this, port, descriptors = std::move(descriptors)] {
    if (state_.draining) {
      for (const int fd : descriptors) ::close(fd);
      return;
    }
    auto& listeners = tcp_listeners_[port];
    for (const int fd : descriptors) {
      listeners.push_back(
          std::make_unique<Listener>(state_, fd, [this, port](int accepted, std::string address) {
            accept_tcp(accepted, std::move(address), port);
          }));
    }
  });
}

void Worker::close_tcp(std::uint16_t port) {
  state_.loop.post([this, port] {
    const auto found = tcp_listeners_.find(port);
    if (found == tcp_listeners_.end()) return;
    const auto listeners = std::move(found->second);
    tcp_listeners_.erase(found);
    for (const auto& listener : listeners) listener->close();
  });
}

void Worker::start(unsigned index) {
  thread_ = std::thread([this, index] {
    pthread_setname_np(pthread_self(), ("worker-" + std::to_string(index)).c_str());
    state_.loop.run();
  });
}

bool Worker::has_room() {
  const auto& limits = state_.options.limits;
  auto& counters = state_.counters;
  if (limits.connections != 0 && counters.connections_open.read() >= limits.connections) {
    return false;
  }
  return state_.loop.open_handles() < limits.descriptors - limits.descriptors / 4;
}

void Worker::accept(int fd, std::string address, bool tls) {
  auto& counters = state_.counters;
  (tls ? counters.connections_accepted_https : counters.connections_accepted_http).add();
  AddressCounts::Place place;
  if (!has_room()) {
    counters.connections_refused.add();
  } else if (!state_.table.settings().forwarded.use_proxy_protocol &&
             !state_.by_address.take(address, place)) {
    counters.connections_refused_by_address.add();
  } else {
    ClientConnection::open(state_, fd, tls, std::move(address), std::move(place));
    return;
  }
  RefusedConnection::open(state_, fd, tls);
}

void Worker::accept_tcp(int fd, std::string address, std::uint16_t port) {
  auto& counters = state_.counters;
  counters.connections_accepted_tcp.add();
  AddressCounts::Place place;
  const auto service = tcp_services_.find(port);
  if (service == tcp_services_.end()) {
    ::close(fd);  // its port is about to be
  } else if (!has_room()) {
    counters.connections_refused.add();
    ::close(fd);
  } else if (!service->second->expects_proxy_protocol && !state_.by_address.take(address, place)) {
    counters.connections_refused_by_address.add();
    ::close(fd);
  } else {
    TcpConnection::open(state_, fd, service->second, std::move(address), std::move(place));
  }
}

void Worker::adopt(std::shared_ptr<const Delta> delta, std::function<void()> done) {
  state_.loop.post([this, delta = std::move(delta), done = std::move(done)] {
    state_.table.adopt(*delta);
    if (delta->settings) state_.take_settings(delta->settings->connections);
    state_.tls.adopt(*delta);
    state_.upstream_tls.adopt(*delta);
    state_.tunnels.adopt(*delta);
    for (const auto& service : delta->tcp_services) tcp_services_[service->port] = service;
    for (const auto& port : delta->removed_tcp_services) {
      std::erase_if(tcp_services_, [&](const auto& e) { return std::to_string(e.first) == port; });
    }
    if (tcp_ports_ != nullptr && !state_.draining) tcp_ports_->adopt(*delta);
    for (auto& turn : state_.waiting) turn.look_again();
    done();
  });
}

void Worker::close_listeners() {
  if (tcp_ports_ != nullptr) tcp_ports_->stop();
  for (const auto& listener : listeners_) listener->close();
  for (const auto& [port, listeners] : tcp_listeners_) {
    for (const auto& listener : listeners) listener->close();
  }
  state_.draining = true;
}

void Worker::stop_accepting() {
  state_.loop.post([this] {
    close_listeners();
    for (auto it = state_.open.begin(); it != state_.open.end();) (it++)->stop_accepting();
  });
}

void Worker::drain_tunnels(std::chrono::milliseconds window) {
  state_.loop.post([this, window] { state_.tunnels.drain(window); });
}

void Worker::with_tunnels(std::function<void(Tunnels&)> use) {
  state_.loop.post([this, use = std::move(use)] { use(state_.tunnels); });
}

void Worker::trim() {
  state_.loop.post([this] { state_.trim(); });
}

void Worker::close_all() {
  state_.loop.post([this] {
    close_listeners();
    while (!state_.open.empty()) state_.open.front().cut(TunnelEnd::Drain);
    state_.endpoints.close_idle();
  });
}

}  // namespace weir::proxy
