#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/by_name.h"
#include "proxy/tunnel_counters.h"
#include "util/ip_address.h"

/// What all workers know together about tunnels, so that limits and balance hold for the process.
/// Any thread. Locks are taken at handshakes and ends, never for a message.
namespace weir::proxy {

/// Gives turns at an even rate, some at once (the generic cell rate algorithm).
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  /// How long to wait for the next turn, which is taken then; nullopt: longer than `most_wait`, and
  /// none is taken.
  std::optional<std::chrono::nanoseconds> take(Clock::time_point now,
                                               std::chrono::nanoseconds interval,
                                               std::uint32_t burst,
                                               std::chrono::nanoseconds most_wait);

 private:
  std::atomic<std::int64_t> arrival_{
      0};  // of the next turn if there were no burst, ns of the clock
};

/// An endpoint, by its identity.
struct SharedEndpoint {
  std::atomic<std::uint32_t> tunnels{0};  ///< open, or being opened
};

/// A route, by its host and path.
class SharedRoute {
 public:
  std::atomic<std::uint32_t> tunnels{0};  ///< open, or being opened
  Pacer opens;
  Pacer rebalances;

  /// False: this address has its share already.
  bool take(const util::IpAddress& client, std::uint32_t most);
  void give_back(const util::IpAddress& client);

 private:
  struct Hash {
    std::size_t operator()(const util::IpAddress& address) const;
  };
  std::mutex mutex_;
  std::unordered_map<util::IpAddress, std::uint32_t, Hash> by_client_;  // guarded by mutex_
};

/// Counts one tunnel, open or being opened, for as long as it lives.
template <class Shared>
class TunnelPlace {
 public:
  TunnelPlace() = default;
  TunnelPlace(TunnelPlace&& other) noexcept : shared_(std::move(other.shared_)) {}
  TunnelPlace& operator=(TunnelPlace&& other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~TunnelPlace() {
    if (shared_ != nullptr) shared_->tunnels.fetch_sub(1, std::memory_order_relaxed);
  }
  /// Empty if there are `most` already; 0: any number.
  static TunnelPlace take(std::shared_ptr<Shared> shared, std::uint32_t most) {
    TunnelPlace place;
    const auto before = shared->tunnels.fetch_add(1, std::memory_order_relaxed);
    place.shared_ = std::move(shared);
    if (most != 0 && before >= most) return {};
    return place;
  }
  explicit operator bool() const { return shared_ != nullptr; }
  /// From now on somebody else counts it down. False: it is empty.
  bool release() { return std::exchange(shared_, nullptr) != nullptr; }

 private:
  std::shared_ptr<Shared> shared_;
};
using EndpointPlace = TunnelPlace<SharedEndpoint>;
using RoutePlace = TunnelPlace<SharedRoute>;

/// Whose numbers TunnelCounters are, for metrics.
struct TunnelLabels {
  std::string origin;   ///< table::Route::origin
  std::string backend;  ///< table::Backend::name

  auto operator<=>(const TunnelLabels&) const = default;
};

class TunnelRegistry {
 public:
  std::shared_ptr<SharedEndpoint> endpoint(const std::string& id) { return endpoints_.get(id); }
  std::shared_ptr<SharedRoute> route(const std::string& host_and_path) {
    return routes_.get(host_and_path);
  }

  /// All tunnels of the process, as if they were one route's.
  const std::shared_ptr<SharedRoute>& all() const { return all_; }

  /// table::TunnelTotals::limit, as the table has it now.
  std::atomic<std::uint32_t> limit{0};

  std::uint64_t next_id() { return ids_.fetch_add(1, std::memory_order_relaxed) + 1; }

  /// They count for as long as somebody holds them.
  std::shared_ptr<TunnelCounters> add_counters(TunnelLabels labels);
  struct Counted {
    TunnelLabels labels;
    std::shared_ptr<const TunnelCounters> counters;
  };
  /// Several with the same labels: one a worker.
  std::vector<Counted> counters() const;

 private:
  ByName<SharedEndpoint> endpoints_;
  ByName<SharedRoute> routes_;
  const std::shared_ptr<SharedRoute> all_ = std::make_shared<SharedRoute>();
  std::atomic<std::uint64_t> ids_{0};
  mutable std::mutex mutex_;
  struct Entry {
    TunnelLabels labels;
    std::weak_ptr<TunnelCounters> counters;
  };
  mutable std::vector<Entry> counters_;  // guarded by mutex_
};

}  // namespace weir::proxy
