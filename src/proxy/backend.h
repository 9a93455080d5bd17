#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "proxy/endpoint.h"
#include "proxy/retry_budget.h"

/// One worker's view of backends: which endpoint takes the next request.
namespace weir::proxy {

/// What a choice depends on besides the backend.
struct Choosing {
  TimerWheel::TimePoint now;
  std::uint64_t& random_state;
  /// Of the request, where the backend balances by hash or by cookie (affinity.h).
  std::optional<std::uint64_t> hash;
  /// A hash may be moved on when its endpoint has too much to do.
  bool may_overflow = true;
  /// Endpoints that have had this request already.
  const std::vector<EndpointRef>& tried;
  /// Set: it is for a tunnel. The least loaded is then the one with the fewest tunnels, over all
  /// workers.
  TunnelRegistry* tunnels = nullptr;
  std::uint32_t most_tunnels = 0;  ///< an endpoint with so many takes no more; 0: any number
  /// Set: endpoints with as many requests as the backend's limit allows are passed over, and this
  /// is true afterwards if there is one that was best but for that.
  bool* met_full = nullptr;
};

/// A backend with its endpoints resolved to this worker's records. Replaced as a whole by an
/// update; a request that is choosing keeps the one it began with.
class Backend : public LocalRefCount<Backend> {
 public:
  Backend(std::shared_ptr<const table::Backend> from, EndpointMap& endpoints);

  const std::string& name() const { return from_->name; }
  const table::Backend& policy() const { return *from_; }
  bool empty() const { return ready_.empty() && draining_.empty(); }

  /// By the backend's algorithm. Endpoints in `tried` are never chosen; draining ones only when no
  /// ready one is left; those that are out (endpoint_health.h) only when all others are used up, so
  /// that the last one is never given up. nullptr: all were tried.
  EndpointRef choose(const Choosing& choosing) const;

  /// The endpoint fails checks of its health, if there are any.
  bool fails_checks(const Endpoint& endpoint) const {
    return is_checked_ && member(endpoint)->fails_checks.load(std::memory_order_relaxed);
  }
  /// Requests take a place at their endpoint.
  bool has_limit() const { return most_requests_ != 0; }
  /// What all workers know of it and its endpoints. Only where its policy needs that.
  const SharedBackendRef& shared() const { return shared_; }
  const SharedMemberRef& member(const Endpoint& endpoint) const {
    return members_.find(&endpoint)->second;
  }

  /// By the key of a persistent sticky cookie; nullptr if no endpoint of now has it, or if it fails
  /// checks and another one does not.
  EndpointRef find_by_cookie(std::string_view key) const;
  /// The key of a persistent sticky cookie for `endpoint`.
  std::string cookie_key_of(const Endpoint& endpoint) const;
  /// What stands behind the key in a sticky cookie.
  const std::string& cookie_tag() const;

  /// Tunnels per ready endpoint, over all workers. None while endpoints come or go or fail
  /// checks, or with only one.
  std::optional<std::uint32_t> mean_tunnels(TunnelRegistry& registry) const;

  RetryBudget& retry_budget() const { return retry_budget_; }

 private:
  using List = std::vector<EndpointRef>;
  class Usable;

  void share(EndpointMap& endpoints);
  EndpointRef choose_of(const List& list, const Choosing& choosing, const Usable& usable) const;
  EndpointRef by_hash(const List& list, const Choosing& choosing, const Usable& usable) const;

  std::shared_ptr<const table::Backend> from_;
  List ready_;
  List draining_;
  std::uint32_t most_requests_;
  bool is_checked_;
  SharedBackendRef shared_;
  boost::unordered_flat_map<const Endpoint*, SharedMemberRef> members_;  // where there is `shared_`
  // What choosing remembers.
  mutable std::size_t next_ = 0;  // of round robin
  mutable RetryBudget retry_budget_;
  mutable boost::unordered_flat_map<std::string, EndpointRef> by_cookie_;  // made at the first use
  mutable std::string cookie_tag_;
};

using BackendRef = boost::intrusive_ptr<const Backend>;

}  // namespace weir::proxy
