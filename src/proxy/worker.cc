#include "proxy/worker.h"

#include <pthread.h>

#include <string>
#include <utility>

#include "proxy/client_connection.h"
#include "proxy/refused_connection.h"

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

void Worker::adopt(std::shared_ptr<const Delta> delta, std::function<void()> done) {
  state_.loop.post([this, delta = std::move(delta), done = std::move(done)] {
    state_.table.adopt(*delta);
    state_.tls.adopt(*delta);
    state_.upstream_tls.adopt(*delta);
    state_.tunnels.adopt(*delta);
    for (auto& turn : state_.waiting) turn.look_again();
    done();
  });
}

void Worker::stop_accepting() {
  state_.loop.post([this] {
    for (const auto& listener : listeners_) listener->close();
    state_.draining = true;
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
  state_.loop.post([this] { state_.loop.trim(); });
}

void Worker::close_all() {
  state_.loop.post([this] {
    for (const auto& listener : listeners_) listener->close();
    state_.draining = true;
    while (!state_.open.empty()) state_.open.front().cut(TunnelEnd::Drain);
    state_.endpoints.close_idle();
  });
}

}  // namespace weir::proxy
