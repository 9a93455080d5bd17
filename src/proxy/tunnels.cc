#include "proxy/tunnels.h"

#include <algorithm>
#include <utility>

#include "proxy/end_times.h"
#include "proxy/tunnel_group.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

namespace {

using std::chrono::milliseconds;
using Then = table::TunnelPolicy::Then;
using State = table::Endpoint::State;

/// So long the FIN of an endpoint that is gone has, before weir ends its tunnels.
constexpr milliseconds kGoneHold{1'000};
constexpr milliseconds kTick{1'000};
/// What groups of TCP services have as their host; no host's name has a colon.
constexpr const char* kTcp = "tcp:";

/// Gives each of `tunnels` its time within the window.
void spread(const std::vector<Tunnel*>& tunnels, TunnelEnd why, TimerWheel::TimePoint begin,
            milliseconds window, std::uint64_t seed, const CloseWords* words = nullptr) {
  const auto times = end_times(tunnels.size(), begin, window, seed);
  for (std::size_t i = 0; i < tunnels.size(); ++i) tunnels[i]->plan_end(why, times[i], words);
}

std::vector<Tunnel*> all_of(TunnelGroup& group) {
  std::vector<Tunnel*> all;
  for (auto& tunnel : group.tunnels) all.push_back(&tunnel);
  return all;
}

/// Over which tunnels end.
milliseconds window_of(const table::TunnelPolicy& policy, Then then) {
  return milliseconds(then == Then::Cut ? 0 : policy.drain_window_ms);
}

bool leads_to(const table::Route& route, const std::string& backend) {
  const auto& canary = route.rules->canary;
  if (route.rules->plain_backend == backend) return true;
  return std::ranges::find(route.backends, backend, &table::WeightedBackend::backend) !=
             route.backends.end() ||
         (canary && canary->backend == backend);
}

/// Endpoints are sorted by id.
const table::Endpoint* find(const table::Backend& backend, const Endpoint& endpoint) {
  const auto& all = backend.endpoints;
  const auto found = std::ranges::lower_bound(all, endpoint.id(), {}, &table::Endpoint::id);
  return found != all.end() && endpoint.same_address(*found) ? &*found : nullptr;
}

}  // namespace

Tunnels::Tunnels(WorkerState& worker, TunnelRegistry& registry)
    : worker_(worker), registry_(registry), tick_(*this) {}

Tunnels::~Tunnels() = default;

TunnelGroup& Tunnels::group(const std::string& host, const table::PathMatch& match,
                            const std::string& backend, const std::string& origin,
                            const util::Rare<table::TunnelPolicy>& policy) {
  auto& of_host = by_host_[host];
  const auto known = std::ranges::find_if(of_host, [&](const auto& group) {
    return group->match == match && group->backend == backend;
  });
  if (known != of_host.end()) return **known;
  auto& made = *of_host.emplace_back(std::make_unique<TunnelGroup>());
  made.host = host;
  made.match = match;
  made.backend = backend;
  made.origin = origin;
  made.policy = policy;
  constexpr const char* kMarks[] = {" =", " ", " ~"};  // by Kind
  made.route = registry_.route(host + kMarks[static_cast<std::size_t>(match.kind)] + match.path);
  made.counters = registry_.add_counters({origin, backend});
  by_backend_[backend].push_back(&made);
  if (policy->rebalances_per_minute != 0 && !tick_.running()) {
    worker_.loop.timers().set(tick_, kTick);
  }
  return made;
}

TunnelGroup& Tunnels::group_of(const table::Host& host, const table::Route& route,
                               const std::string& backend) {
  return group(host.name, route.match, backend, route.origin, route.tunnels);
}

TunnelGroup& Tunnels::passthrough_group(const table::Host& host) {
  return group(host.name, {table::PathMatch::Kind::Exact, ""}, host.passthrough, "", {});
}

TunnelGroup& Tunnels::tcp_group(const table::TcpService& service) {
  return group(kTcp + std::to_string(service.port), {table::PathMatch::Kind::Exact, "tcp"},
               service.backend, service.origin, service.tunnels);
}

// ---- the table ---------------------------------------------------------------------------------

void Tunnels::adopt(const Delta& delta) {
  if (delta.settings) registry_.limit = delta.settings->tunnels.limit;
  if (by_host_.empty()) return;
  // Their last tunnels may have ended since the last change.
  for (const auto& host : std::exchange(leaving_, {})) sweep(host);
  for (const auto& host : delta.hosts) follow_host(host->name);
  for (const auto& name : delta.removed_hosts) follow_host(name);
  for (const auto& service : delta.tcp_services) {
    follow_tcp(std::to_string(service->port), service.get());
  }
  for (const auto& port : delta.removed_tcp_services) follow_tcp(port, nullptr);
  for (const auto& backend : delta.backends) follow_backend(*backend);
}

void Tunnels::follow_host(const std::string& name) {
  const auto found = by_host_.find(name);
  if (found == by_host_.end()) return;
  const auto* live = worker_.table.find_host(name);
  const auto* host = live != nullptr && live->name() == name ? &live->policy() : nullptr;
  for (const auto& group : found->second) follow_group(*group, host);
  sweep(name);
}

void Tunnels::follow_tcp(const std::string& port, const table::TcpService* service) {
  const auto name = kTcp + port;
  const auto found = by_host_.find(name);
  if (found == by_host_.end()) return;
  for (const auto& group : found->second) {
    if (service != nullptr && service->tunnels != group->policy)
      take_policy(*group, service->tunnels);
    follow_presence(*group, service != nullptr && service->backend == group->backend, false);
  }
  sweep(name);
}

void Tunnels::follow_group(TunnelGroup& group, const table::Host* host) {
  bool stays = false;
  bool admits_others = false;
  if (group.match.path.empty()) {
    stays = host != nullptr && host->passthrough == group.backend;
  } else if (host != nullptr) {
    const auto route = std::ranges::find(host->routes, group.match, &table::Route::match);
    if (route != host->routes.end()) {
      const auto& policy = route->tunnels;
      stays = policy->websocket && leads_to(*route, group.backend);
      admits_others = policy->allowed_origins != group.policy->allowed_origins;
      if (policy != group.policy) take_policy(group, policy);
    }
  }
  follow_presence(group, stays, admits_others);
}

void Tunnels::follow_presence(TunnelGroup& group, bool stays, bool admits_others) {
  const bool stayed = std::exchange(group.in_table, stays);
  if (!stays ? stayed : admits_others) {
    route_changed(*group.policy, all_of(group));
  } else if (stays && !stayed) {
    // It is back before all of them have gone.
    for (auto& tunnel : group.tunnels) {
      if (tunnel.planned() == TunnelEnd::RouteChanged) tunnel.drop_plan();
    }
  }
}

void Tunnels::take_policy(TunnelGroup& group, const util::Rare<table::TunnelPolicy>& policy) {
  group.policy = policy;
  for (auto& tunnel : group.tunnels) tunnel.policy_changed();
  if (policy->rebalances_per_minute != 0 && !tick_.running()) {
    worker_.loop.timers().set(tick_, kTick);
  }
}

void Tunnels::route_changed(const table::TunnelPolicy& policy,
                            const std::vector<Tunnel*>& tunnels) {
  if (policy.on_route_change == Then::Keep) return;
  spread(tunnels, TunnelEnd::RouteChanged, worker_.loop.now(),
         window_of(policy, policy.on_route_change), next_random(worker_.random));
}

void Tunnels::follow_backend(const table::Backend& backend) {
  const auto found = by_backend_.find(backend.name);
  if (found == by_backend_.end()) return;
  for (auto* group : found->second) follow_endpoints(backend, *group->policy, all_of(*group));
}

void Tunnels::follow_endpoints(const table::Backend& backend, const table::TunnelPolicy& policy,
                               const std::vector<Tunnel*>& tunnels) {
  // Names that DNS resolves turn their addresses round: none of them is ever gone.
  if (backend.dns || policy.on_endpoint_end == Then::Keep) return;
  std::vector<Tunnel*> terminating;
  std::vector<Tunnel*> gone;
  for (auto* tunnel : tunnels) {
    const auto* now = find(backend, tunnel->endpoint());
    if (now == nullptr) {
      gone.push_back(tunnel);
    } else if (now->state == State::Draining) {
      // One that has its time already keeps it.
      if (tunnel->planned() != TunnelEnd::EndpointTerminating) terminating.push_back(tunnel);
    } else if (tunnel->planned() == TunnelEnd::EndpointTerminating ||
               tunnel->planned() == TunnelEnd::EndpointGone) {
      tunnel->drop_plan();
    }
  }
  const auto window = window_of(policy, policy.on_endpoint_end);
  const auto now = worker_.loop.now();
  spread(terminating, TunnelEnd::EndpointTerminating, now, window, next_random(worker_.random));
  // Its own FIN comes first, if it can still send one.
  spread(gone, TunnelEnd::EndpointGone, now + kGoneHold, window / 5, next_random(worker_.random));
}

void Tunnels::opened(Tunnel& tunnel, const TunnelGroup& group) {
  const auto now = worker_.loop.now();
  if (drain_end_) {
    const auto left = std::chrono::ceil<milliseconds>(std::max(*drain_end_, now) - now);
    spread({&tunnel}, TunnelEnd::Drain, now, left, next_random(worker_.random));
  }
  if (!group.in_table) route_changed(*group.policy, {&tunnel});
  if (const auto backend = worker_.table.find_backend(group.backend)) {
    follow_endpoints(backend->policy(), *group.policy, {&tunnel});
  }
}

void Tunnels::sweep(const std::string& host) {
  const auto found = by_host_.find(host);
  std::erase_if(found->second, [this](const std::unique_ptr<TunnelGroup>& group) {
    if (group->in_table || group->users != 0 || !group->tunnels.empty()) return false;
    const auto of_backend = by_backend_.find(group->backend);
    std::erase(of_backend->second, group.get());
    if (of_backend->second.empty()) by_backend_.erase(of_backend);
    return true;
  });
  const auto is_leaving = [](const auto& group) { return !group->in_table; };
  if (std::ranges::any_of(found->second, is_leaving)) leaving_.insert(host);
  if (found->second.empty()) by_host_.erase(found);
}

// ---- all of them -------------------------------------------------------------------------------

void Tunnels::drain(milliseconds window) {
  drain_end_ = worker_.loop.now() + window;
  std::vector<Tunnel*> all;
  for_each([&](Tunnel& tunnel) { all.push_back(&tunnel); });
  spread(all, TunnelEnd::Drain, worker_.loop.now(), window, next_random(worker_.random));
}

std::size_t Tunnels::end(const std::function<bool(const Tunnel&)>& picks, const CloseWords& words,
                         milliseconds window) {
  std::vector<Tunnel*> all;
  for_each([&](Tunnel& tunnel) {
    if (!tunnel.is_ending() && picks(tunnel)) all.push_back(&tunnel);
  });
  spread(all, TunnelEnd::Admin, now(), window, next_random(worker_.random), &words);
  return all.size();
}

TimerWheel::TimePoint Tunnels::now() const {
  return worker_.loop.now();
}

void Tunnels::for_each(const std::function<void(Tunnel&)>& use) {
  for (const auto& [host, groups] : by_host_) {
    for (const auto& group : groups) {
      for (auto it = group->tunnels.begin(); it != group->tunnels.end();) use(*it++);
    }
  }
}

// ---- rebalancing -------------------------------------------------------------------------------

void Tunnels::on_timer(Timer&) {
  bool any = false;
  for (const auto& [host, groups] : by_host_) {
    for (const auto& group : groups) {
      if (group->policy->rebalances_per_minute == 0) continue;
      any = true;
      rebalance(*group);
    }
  }
  if (any) worker_.loop.timers().set(tick_, kTick);
}

/// Moves the oldest tunnels off endpoints that have too many, within the route's budget. Not while
/// endpoints come and go: then the mean says nothing.
void Tunnels::rebalance(TunnelGroup& group) {
  const auto backend = worker_.table.find_backend(group.backend);
  if (backend == nullptr) return;
  const auto mean = backend->mean_tunnels(registry_);
  if (!mean) return;
  const auto& policy = *group.policy;
  const auto bound = *mean * (100 + policy.rebalance_tolerance_percent) / 100 + 1;
  const auto interval = std::chrono::nanoseconds(std::chrono::minutes(1)) /
                        static_cast<long>(policy.rebalances_per_minute);
  for (auto it = group.tunnels.begin(); it != group.tunnels.end();) {
    auto& tunnel = *it++;
    if (tunnel.is_ending()) continue;
    if (tunnel.endpoint().tunnels() <= bound) continue;
    // A turn now or none: what is not used now comes again with the next tick.
    if (!group.route->rebalances.take(worker_.loop.now(), interval, 1, {})) return;
    tunnel.end(TunnelEnd::Rebalance);
  }
}

}  // namespace weir::proxy
