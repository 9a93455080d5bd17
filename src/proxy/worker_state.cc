#include "proxy/worker_state.h"

#include <random>
#include <utility>

#include "proxy/exchange.h"
#include "proxy/task.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kSpareExchanges = 64;
constexpr std::size_t kSpareHeadBuffers = 32;

}  // namespace

WorkerState::WorkerState(const Options& with, std::string ticket_seed, TunnelRegistry& registry,
                         SharedBackends& backends, PasswordChecker& checker,
                         ClientUse& use_by_clients, HttpRegistry& http_registry)
    : options(with),
      timeouts(with.timeouts),
      limits(with.limits),
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

void WorkerState::take_settings(const table::ConnectionSettings& settings) {
  timeouts = options.timeouts;
  limits = options.limits;
  const auto take_time = [](const std::optional<std::uint32_t>& ms, auto& timeout) {
    if (ms) timeout = std::chrono::milliseconds(*ms);
  };
  const auto take_number = [](const std::optional<std::uint32_t>& number, auto& limit) {
    if (number) limit = *number;
  };
  take_time(settings.client_idle_ms, timeouts.keep_alive);
  take_time(settings.client_head_ms, timeouts.head);
  take_time(settings.client_body_ms, timeouts.body);
  take_time(settings.client_proxy_header_ms, timeouts.proxy_header);
  take_time(settings.pool_idle_ms, timeouts.upstream_idle);
  take_time(settings.pool_lifetime_ms, timeouts.upstream_lifetime);
  take_number(settings.client_requests, limits.requests_per_connection);
  take_number(settings.head_bytes, limits.head_bytes);
  take_number(settings.uri_bytes, limits.uri_bytes);
  take_number(settings.pool_size, limits.pool_idle_per_endpoint);
  take_number(settings.pool_requests, limits.requests_per_upstream_connection);
  // Without any idle time, the first request is the last.
  if (settings.client_idle_ms == 0U) limits.requests_per_connection = 1;
  pool_limits = {limits.pool_idle_per_endpoint, timeouts.upstream_idle,
                 limits.requests_per_upstream_connection};
}

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

void WorkerState::trim() {
  spare_exchanges_.clear();
  spare_head_buffers_.clear();
  endpoints.trim();
  FramePool::trim();
  loop.trim();
}

}  // namespace weir::proxy
