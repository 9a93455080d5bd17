#pragma once

#include <utility>

#include "proxy/tunnel_group.h"

namespace weir::proxy {

/// What a handshake holds until it has become a tunnel, or has failed: its route's group, and its
/// places under the route's limits.
class TunnelPermit {
 public:
  TunnelPermit() = default;
  ~TunnelPermit() {
    if (group_ == nullptr) return;
    --group_->users;
    if (counted_by_client_) group_->route->give_back(client_);
  }
  TunnelPermit(const TunnelPermit&) = delete;
  TunnelPermit& operator=(const TunnelPermit&) = delete;

  void enter(TunnelGroup& group, const util::IpAddress& client) {
    group_ = &group;
    client_ = client;
    ++group.users;
  }
  TunnelGroup* group() const { return group_; }

  /// False: the process has as many tunnels as it may.
  bool take_total(TunnelRegistry& registry, std::uint32_t limit) {
    total_place_ = RoutePlace::take(registry.all(), limit);
    return static_cast<bool>(total_place_);
  }
  /// False: the route, or the client on it, has as many tunnels as it may.
  bool take_places(const table::TunnelPolicy& policy) {
    // Without a limit as well: one that comes later counts what is open already.
    route_place_ = RoutePlace::take(group_->route, policy.limit);
    if (!route_place_) return false;
    if (policy.limit_per_client == 0) return true;
    counted_by_client_ = group_->route->take(client_, policy.limit_per_client);
    return counted_by_client_;
  }

  /// The tunnel holds it all from now on.
  void hand_over(TunnelStart& start) {
    start.group = group_;
    start.client = client_;
    start.total_place = std::move(total_place_);
    start.route_place = std::move(route_place_);
    start.counted_by_client = std::exchange(counted_by_client_, false);
  }

 private:
  TunnelGroup* group_ = nullptr;
  util::IpAddress client_;
  RoutePlace total_place_;
  RoutePlace route_place_;
  bool counted_by_client_ = false;
};

}  // namespace weir::proxy
