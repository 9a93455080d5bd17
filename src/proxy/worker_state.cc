#include "proxy/worker_state.h"

#include <random>
#include <utility>

#include "proxy/exchange.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kSpareExchanges = 64;
constexpr std::size_t kSpareHeadBuffers = 32;

}  // namespace

WorkerState::WorkerState(const Options& with, std::string ticket_seed, TunnelRegistry& registry,
                         SharedBackends& backends, PasswordChecker& checker,
                         ClientUse& use_by_clients, HttpRegistry& http_registry)
    : options(with),
      http(http_registry),
      endpoints(loop, backends),
      tls(table, std::move(ticket_seed), with.wall_clock, counters),
      handshakes(loop, with.limits.handshakes, counters),
      tunnels(*this, registry),
      access_log(with.access_log == nullptr ? nullptr : &with.access_log->add_worker()),
      scratch_memory(std::make_unique_for_overwrite<char[]>(kScratch)),
      pool_limits{with.limits.pool_idle_per_endpoint, with.timeouts.upstream_idle,
                  with.limits.requests_per_upstream_connection},
      by_address(with.limits.connections_per_address),
      held(loop, with.limits.held_bytes, counters),
      passwords(checker),
      client_use(use_by_clients),
      random(std::random_device{}() | 1U) {}

WorkerState::~WorkerState() = default;

std::unique_ptr<Exchange> WorkerState::take_exchange() {
  if (spare_exchanges_.empty()) return std::make_unique<Exchange>();
  auto exchange = std::move(spare_exchanges_.back());
  spare_exchanges_.pop_back();
  return exchange;
}

void WorkerState::give_back(std::unique_ptr<Exchange> exchange) {
  exchange->reset();
  if (spare_exchanges_.size() < kSpareExchanges) spare_exchanges_.push_back(std::move(exchange));
}

std::unique_ptr<char[]> WorkerState::take_head_buffer() {
  if (spare_head_buffers_.empty()) return std::make_unique_for_overwrite<char[]>(kHeadBuffer);
  auto buffer = std::move(spare_head_buffers_.back());
  spare_head_buffers_.pop_back();
  return buffer;
}

void WorkerState::give_back_head_buffer(std::unique_ptr<char[]> buffer) {
  if (spare_head_buffers_.size() < kSpareHeadBuffers) {
    spare_head_buffers_.push_back(std::move(buffer));
  }
}

}  // namespace weir::proxy
