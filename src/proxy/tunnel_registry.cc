#include "proxy/tunnel_registry.h"

#include <algorithm>

#include "util/hash.h"

namespace weir::proxy {

std::optional<std::chrono::nanoseconds> Pacer::take(Clock::time_point now,
                                                    std::chrono::nanoseconds interval,
                                                    std::uint32_t burst,
                                                    std::chrono::nanoseconds most_wait) {
  const auto time = std::chrono::nanoseconds(now.time_since_epoch()).count();
  const auto tolerance = interval.count() * (std::max(burst, 1U) - std::int64_t{1});
  auto arrival = arrival_.load(std::memory_order_relaxed);
  for (;;) {
    const auto turn = std::max(arrival, time);
    const auto wait = std::max<std::int64_t>(turn - tolerance - time, 0);
    if (wait > most_wait.count()) return std::nullopt;
    if (arrival_.compare_exchange_weak(arrival, turn + interval.count(),
                                       std::memory_order_relaxed)) {
      return std::chrono::nanoseconds(wait);
    }
  }
}

std::size_t SharedRoute::Hash::operator()(const util::IpAddress& address) const {
  util::Hash64 hash;
  hash.add({reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
  return hash.value();
}

bool SharedRoute::take(const util::IpAddress& client, std::uint32_t most) {
  const std::lock_guard lock(mutex_);
  auto& count = by_client_[client];
  if (count >= most) return false;
  ++count;
  return true;
}

void SharedRoute::give_back(const util::IpAddress& client) {
  const std::lock_guard lock(mutex_);
  const auto found = by_client_.find(client);
  if (found != by_client_.end() && --found->second == 0) by_client_.erase(found);
}

std::shared_ptr<TunnelCounters> TunnelRegistry::add_counters(TunnelLabels labels) {
  auto counters = std::make_shared<TunnelCounters>();
  const std::lock_guard lock(mutex_);
  counters_.push_back({std::move(labels), counters});
  return counters;
}

std::vector<TunnelRegistry::Counted> TunnelRegistry::counters() const {
  const std::lock_guard lock(mutex_);
  std::vector<Counted> all;
  std::erase_if(counters_, [&](const Entry& entry) {
    auto counters = entry.counters.lock();
    if (counters == nullptr) return true;
    all.push_back({entry.labels, std::move(counters)});
    return false;
  });
  return all;
}

}  // namespace weir::proxy
