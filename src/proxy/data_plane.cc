#include "proxy/data_plane.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <utility>

#include "proxy/connection_limits.h"
#include "proxy/listener.h"
#include "proxy/server_certificate.h"
#include "proxy/ticket_keyring.h"
#include "proxy/worker.h"

namespace weir::proxy {

namespace {

/// Where weir listens at all; each address once.
std::vector<ListenAddress> addresses_of(const Options& options) {
  std::vector<ListenAddress> addresses;
  for (const auto* list : {&options.http, &options.https}) {
    for (const auto& each : *list) {
      if (std::ranges::find(addresses, each.address, &ListenAddress::address) == addresses.end()) {
        addresses.push_back(each);
      }
    }
  }
  return addresses;
}

}  // namespace

DataPlane::DataPlane(const Options& options)
    : options_(options),
      http_(options.http),
      https_(options.https),
      http_counters_(options.limits.metric_series) {}

DataPlane::~DataPlane() {
  passwords_.stop();  // it tells workers, which must be there
}

util::Result<std::unique_ptr<DataPlane>> DataPlane::start(const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  std::unique_ptr<DataPlane> plane(new DataPlane(options));
  if (auto& limit = plane->options_.limits.descriptors; limit == 0) {
    // The process itself, and what a worker has besides connections, need some as well.
    constexpr std::size_t kOthers = 128;
    const auto all = raise_descriptor_limit();
    limit = std::max(all, 2 * kOthers) - kOthers;
    limit /= options.threads;
  }
  const auto ticket_seed = TicketKeyring::make_seed();
  const auto self_signed = ServerCertificate::make_self_signed();
  for (unsigned i = 0; i < options.threads; ++i) {
    auto& worker = *plane->workers_.emplace_back(std::make_unique<Worker>(
        plane->options_, ticket_seed, self_signed, plane->tunnels_, plane->backends_,
        plane->passwords_, plane->client_use_, plane->http_counters_));
    // The first worker's bind settles a port that was 0; the others share it.
    for (auto& address : plane->http_) {
      const auto fd = bind_listener(address, /*first=*/i == 0);
      if (!fd) return fd.error();
      worker.listen(*fd, /*tls=*/false);
    }
    for (auto& address : plane->https_) {
      const auto fd = bind_listener(address, /*first=*/i == 0);
      if (!fd) return fd.error();
      worker.listen(*fd, /*tls=*/true);
    }
  }
  std::vector<Worker*> all;
  for (const auto& worker : plane->workers_) all.push_back(worker.get());
  all.front()->lead_tcp(addresses_of(options), all);
  unsigned index = 0;
  for (const auto& worker : plane->workers_) worker->start(index++);
  return plane;
}

void DataPlane::adopt(const std::shared_ptr<const Delta>& delta,
                      const std::function<void()>& done) {
  const auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (const auto& worker : workers_) {
    worker->adopt(delta, [left, done] {
      if (left->fetch_sub(1) == 1) done();
    });
  }
}

void DataPlane::stop_accepting() {
  for (const auto& worker : workers_) worker->stop_accepting();
}

void DataPlane::drain_tunnels(std::chrono::milliseconds window) {
  for (const auto& worker : workers_) worker->drain_tunnels(window);
}

void DataPlane::with_tunnels(const std::function<void(std::size_t, Tunnels&)>& use,
                             const std::function<void()>& done) {
  const auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->with_tunnels([i, use, left, done](Tunnels& tunnels) {
      use(i, tunnels);
      if (left->fetch_sub(1) == 1) done();
    });
  }
}

void DataPlane::close_all() {
  for (const auto& worker : workers_) worker->close_all();
}

void DataPlane::trim() {
  for (const auto& worker : workers_) worker->trim();
}

std::uint64_t DataPlane::most_connections() const {
  const auto& limits = options_.limits;
  std::uint64_t most = limits.descriptors - limits.descriptors / 4;
  if (limits.connections != 0) most = std::min<std::uint64_t>(most, limits.connections);
  return most * options_.threads;
}

std::uint64_t DataPlane::open_connections() const {
  std::uint64_t open = 0;
  for (const auto& worker : workers_) open += worker->counters().connections_open.read();
  return open;
}

std::vector<const Counters*> DataPlane::counters() const {
  std::vector<const Counters*> counters;
  for (const auto& worker : workers_) counters.push_back(&worker->counters());
  return counters;
}

}  // namespace weir::proxy
