#include "proxy/tcp_ports.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/listener.h"
#include "proxy/worker.h"
#include "proxy/worker_state.h"
#include "util/log.h"

namespace weir::proxy {

TcpPorts::TcpPorts(WorkerState& state, std::vector<ListenAddress> addresses,
                   std::vector<Worker*> workers)
    : state_(state),
      addresses_(std::move(addresses)),
      workers_(std::move(workers)),
      retry_(*this) {}

void TcpPorts::adopt(const Delta& delta) {
  for (const auto& name : delta.removed_tcp_services) {
    std::uint16_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    const auto found = ports_.find(number);
    if (found == ports_.end()) continue;
    for (auto* worker : workers_) worker->close_tcp(number);
    ports_.erase(found);
  }
  for (const auto& service : delta.tcp_services) ports_.try_emplace(service->port);
  open_all();
}

void TcpPorts::stop() {
  state_.loop.timers().stop(retry_);
  ports_.clear();
  state_.counters.tcp_ports_shut.set(0);
}

void TcpPorts::open_all() {
  for (auto& [number, port] : ports_) {
    if (!port.is_open) open(number, port);
  }
  const auto shut = std::ranges::count_if(ports_, [](const auto& e) { return !e.second.is_open; });
  state_.counters.tcp_ports_shut.set(static_cast<std::uint64_t>(shut));
  if (shut != 0) state_.loop.timers().set(retry_, kRetry);
}

void TcpPorts::open(std::uint16_t number, Port& port) {
  const auto failure = try_open(number);
  port.is_open = failure.empty();
  if (port.is_open) {
    if (!port.told.empty()) util::log::info("TCP service {}: the port is open now", number);
    port.told.clear();
    return;
  }
  state_.counters.tcp_listen_failures.add();
  // One line, until it is another failure.
  if (port.told != failure) util::log::warning("TCP service {}: {}", number, failure);
  port.told = failure;
}

std::string TcpPorts::try_open(std::uint16_t number) {
  std::vector<std::vector<int>> descriptors(workers_.size());
  std::string failure;
  for (std::size_t i = 0; i < workers_.size() && failure.empty(); ++i) {
    for (auto address : addresses_) {
      address.port = number;
      const auto bound = bind_listener(address, /*first=*/i == 0);
      if (!bound) {
        failure = bound.error().detail;
        break;
      }
      descriptors[i].push_back(*bound);
    }
  }
  if (!failure.empty()) {
    for (const auto& of_worker : descriptors) {
      for (const int fd : of_worker) ::close(fd);
    }
    return failure;
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->listen_tcp(number, std::move(descriptors[i]));
  }
  return {};
}

void TcpPorts::on_timer(Timer&) {
  open_all();
}

}  // namespace weir::proxy
