#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/delta.h"
#include "proxy/timer_wheel.h"
#include "proxy/tunnel_registry.h"
#include "table/table.h"

namespace weir::proxy {

class Tunnel;
struct CloseWords;
struct TunnelGroup;
struct WorkerState;

/// One worker's tunnels by route. Follows the table: what changed is looked at, nothing else.
/// For the worker's thread.
class Tunnels : private TimerListener {
 public:
  Tunnels(WorkerState& worker, TunnelRegistry& registry);
  ~Tunnels();

  /// The group for a handshake; it stays while its `users` is not 0.
  TunnelGroup& group_of(const table::Host& host, const table::Route& route,
                        const std::string& backend);
  /// For undecrypted TLS.
  TunnelGroup& passthrough_group(const table::Host& host);
  TunnelGroup& tcp_group(const table::TcpService& service);
  TunnelRegistry& registry() { return registry_; }

  /// After the live table has. Tunnels whose route or endpoint is no more what it was go on, drain
  /// or end, as their policy says.
  void adopt(const Delta& delta);

  /// Of this group, just now. What has changed since its handshake began holds for it as well.
  void opened(Tunnel& tunnel, const TunnelGroup& group);

  /// Every tunnel ends politely within `window`, in an order that nobody knows; those that
  /// handshakes under way still open, too.
  void drain(std::chrono::milliseconds window);

  /// Those that `picks` are ended politely within `window`, evenly and in an order that nobody
  /// knows, as an operator wants it. How many: those that are ending anyway are not among them.
  std::size_t end(const std::function<bool(const Tunnel&)>& picks, const CloseWords& words,
                  std::chrono::milliseconds window);

  /// Called for each tunnel; it may end it.
  void for_each(const std::function<void(Tunnel&)>& use);
  TimerWheel::TimePoint now() const;

 private:
  TunnelGroup& group(const std::string& host, const table::PathMatch& match,
                     const std::string& backend, const std::string& origin,
                     const util::Rare<table::TunnelPolicy>& policy);
  void follow_host(const std::string& name);
  /// Of a TCP service; nullptr: there is none any more.
  void follow_tcp(const std::string& port, const table::TcpService* service);
  void follow_group(TunnelGroup& group, const table::Host* host);
  /// `stays`: its route leads to its backend. `admits_others`: than when its tunnels opened.
  void follow_presence(TunnelGroup& group, bool stays, bool admits_others);
  void take_policy(TunnelGroup& group, const util::Rare<table::TunnelPolicy>& policy);
  void follow_backend(const table::Backend& backend);
  void follow_endpoints(const table::Backend& backend, const table::TunnelPolicy& policy,
                        const std::vector<Tunnel*>& tunnels);
  void route_changed(const table::TunnelPolicy& policy, const std::vector<Tunnel*>& tunnels);
  /// Forgets the host's groups that nobody needs.
  void sweep(const std::string& host);
  void on_timer(Timer&) override;
  void rebalance(TunnelGroup& group);

  WorkerState& worker_;
  TunnelRegistry& registry_;
  Timer tick_;  // runs while some policy rebalances
  std::optional<TimerWheel::TimePoint> drain_end_;
  std::unordered_map<std::string, std::vector<std::unique_ptr<TunnelGroup>>> by_host_;
  std::unordered_map<std::string, std::vector<TunnelGroup*>> by_backend_;
  std::set<std::string> leaving_;  // hosts with groups that are in no table any more
};

}  // namespace weir::proxy
