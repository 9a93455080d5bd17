#include "proxy/live_table.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace {

using Kind = table::PathMatch::Kind;

/// With fewer routes than this, looking at each is faster than searching.
constexpr std::size_t kSearchFrom = 16;

/// By whole segments: "/a" and "/a/" both take "/a", "/a/" and "/a/b", not "/ab".
bool has_prefix(std::string_view path, std::string_view prefix) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

/// `start` with one more slash behind it if `slash` says so, without a copy.
struct Wanted {
  std::string_view start;
  bool slash = false;

  std::size_t size() const { return start.size() + (slash ? 1 : 0); }
  /// <0: `path` stands before this in the order of routes; 0: it is this.
  int compare(std::string_view path) const {
    if (path.size() != size()) return path.size() > size() ? -1 : 1;
    const int order = path.substr(0, start.size()).compare(start);
    if (order != 0 || !slash) return order;
    return static_cast<unsigned char>(path.back()) - '/';
  }
};

const table::Route* search(const std::vector<table::Route>& routes, const Wanted& wanted,
                           bool exact_too) {
  auto found = std::partition_point(routes.begin(), routes.end(), [&](const table::Route& route) {
    return wanted.compare(route.match.path) < 0;
  });
  for (; found != routes.end() && wanted.compare(found->match.path) == 0; ++found) {
    if (exact_too || found->match.kind == Kind::Prefix) return &*found;
  }
  return nullptr;
}

/// Asks for each path that would fit, longest first: a binary search for each of the segments,
/// however many routes there are.
const table::Route* search(const std::vector<table::Route>& routes, std::string_view path) {
  if (const auto* route = search(routes, {path, true}, false)) return route;
  if (const auto* route = search(routes, {path, false}, true)) return route;
  for (auto i = path.size(); i-- > 0;) {
    if (path[i] != '/') continue;
    if (i + 1 < path.size()) {
      if (const auto* route = search(routes, {path.substr(0, i + 1), false}, false)) return route;
    }
    if (i > 0) {
      if (const auto* route = search(routes, {path.substr(0, i), false}, false)) return route;
    }
  }
  return nullptr;
}

std::shared_ptr<const HeaderRules> headers_of(const table::HeaderSettings& settings) {
  const bool has_any =
      !settings.request.empty() || !settings.response.empty() || !settings.hidden.empty();
  return has_any ? std::make_shared<const HeaderRules>(settings) : nullptr;
}

std::string hsts_of(const table::Settings& settings) {
  if (!settings.hsts) return {};
  auto value = "max-age=" + std::to_string(settings.hsts->max_age_s);
  if (settings.hsts->include_subdomains) value += "; includeSubDomains";
  if (settings.hsts->preload) value += "; preload";
  return value;
}

/// Whether requests of the route may go there.
bool may_lead_to(const table::Route& route, const std::string& backend) {
  const auto is_it = [&](const table::WeightedBackend& one) { return one.backend == backend; };
  if (route.backends.empty() || std::ranges::any_of(route.backends, is_it)) return true;
  const auto& rules = *route.rules;
  return backend == rules.fallback || (rules.canary && backend == rules.canary->backend);
}

}  // namespace

HttpCounters& LiveHost::counters_of(const table::Route& route, const std::string& backend,
                                    bool canary, const HttpBook& book) const {
  if (counted_.empty()) counted_.resize(policy_->routes.size());
  auto& counted = counted_[static_cast<std::size_t>(&route - policy_->routes.data())];
  for (const auto& counters : counted) {
    if (counters->labels().backend == backend && counters->labels().canary == canary) {
      return *counters;
    }
  }
  return *counted.emplace_back(book.open({route.origin, backend, route.match.path, canary}));
}

void LiveHost::take_counters(const LiveHost& former) {
  if (former.counted_.empty()) return;
  counted_.resize(policy_->routes.size());
  const auto& old = former.policy_->routes;
  std::size_t at = 0;  // both are in the same order
  for (std::size_t i = 0; i < counted_.size(); ++i) {
    const auto& route = policy_->routes[i];
    while (at < old.size() && table::comes_before(old[at].match, route.match)) ++at;
    if (at == old.size()) return;
    if (old[at].match != route.match || old[at].origin != route.origin) continue;
    for (const auto& counters : former.counted_[at]) {
      if (may_lead_to(route, counters->labels().backend)) counted_[i].push_back(counters);
    }
  }
}

FoundRoute LiveHost::find_route(std::string_view path, util::RegexMatcher& matcher) const {
  if (rules_ != nullptr && rules_->has_patterns()) {
    return rules_->find_route(*policy_, path, matcher);
  }
  return {LiveTable::find_route(*policy_, path), false};
}

void LiveTable::adopt(const Delta& delta) {
  complete_ = true;
  if (delta.settings) {
    settings_ = *delta.settings;
    hsts_ = hsts_of(settings_);
    headers_ = headers_of(settings_.headers);
    forwarded_ = ForwardedTrust(settings_.forwarded);
    blocked_ = delta.blocked;
    unlogged_ = delta.unlogged;
  }
  for (const auto& named : delta.certificates) certificates_[named.name] = named.certificate;
  for (const auto& backend : delta.backends) {
    BackendRef made(new Backend(backend, endpoints_));  // first: it takes endpoints over
    remove_backend(backend->name);
    backends_.insert(std::move(made));
  }
  for (const auto& named : delta.trust_bundles) trust_[named.name] = named.trust;
  for (const auto& named : delta.users) users_[named.name] = named.users;
  if (delta.hosts.size() > hosts_.size()) hosts_.reserve(hosts_.size() + delta.hosts.size());
  for (const auto& host : delta.hosts) take_host(host);
  // What names goes before what is named.
  for (const auto& name : delta.removed_hosts) remove_host(name);
  for (const auto& name : delta.removed_backends) remove_backend(name);
  for (const auto& name : delta.removed_certificates) certificates_.erase(name);
  for (const auto& name : delta.removed_trust_bundles) trust_.erase(name);
  for (const auto& name : delta.removed_users) users_.erase(name);
}

void LiveTable::take_host(const Delta::NewHost& host) {
  boost::intrusive_ptr<LiveHost> made(new LiveHost(host));
  if (const auto found = hosts_.find(host->name); found != hosts_.end()) {
    made->take_counters(**found);
  }
  remove_host(host->name);
  if (!host->passthrough.empty()) ++passthrough_hosts_;
  hosts_.insert(HostRef(std::move(made)));
}

void LiveTable::remove_host(const std::string& name) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return;
  if (!(*found)->policy().passthrough.empty()) --passthrough_hosts_;
  hosts_.erase(found);
}

void LiveTable::remove_backend(const std::string& name) {
  const auto found = backends_.find(name);
  if (found != backends_.end()) backends_.erase(found);
}

const LiveHost* LiveTable::find_host(std::string_view name) const {
  if (const auto exact = hosts_.find(name); exact != hosts_.end()) return exact->get();
  if (const auto dot = name.find('.'); dot != std::string_view::npos && dot > 0) {
    // "*" + ".example" without an allocation a request: names are short.
    char buffer[256];
    const auto rest = name.substr(dot);
    if (rest.size() < sizeof buffer) {
      buffer[0] = '*';
      rest.copy(buffer + 1, rest.size());
      const auto wildcard = hosts_.find(std::string_view(buffer, rest.size() + 1));
      if (wildcard != hosts_.end()) return wildcard->get();
    }
  }
  const auto any = hosts_.find(std::string_view{});
  return any == hosts_.end() ? nullptr : any->get();
}

const table::Route* LiveTable::find_route(const table::Host& host, std::string_view path) {
  if (host.routes.size() >= kSearchFrom) return search(host.routes, path);
  for (const auto& route : host.routes) {
    const bool fits = route.match.kind == Kind::Exact ? path == route.match.path
                                                      : has_prefix(path, route.match.path);
    if (fits) return &route;
  }
  return nullptr;
}

const std::string& LiveTable::choose_backend(const table::Route& route,
                                             std::uint64_t& random_state) {
  const auto& backends = route.backends;
  if (backends.size() == 1) return backends.front().backend;
  std::uint64_t total = 0;
  for (const auto& backend : backends) total += backend.weight;
  auto left = total == 0 ? 0 : next_random(random_state) % total;
  for (const auto& backend : backends) {
    if (left < backend.weight) return backend.backend;
    left -= backend.weight;
  }
  return backends.front().backend;  // no weight at all
}

BackendRef LiveTable::find_backend(const std::string& name) const {
  const auto found = backends_.find(name);
  return found == backends_.end() ? nullptr : *found;
}

std::shared_ptr<const TrustStore> LiveTable::find_trust(const std::string& name) const {
  const auto found = trust_.find(name);
  return found == trust_.end() ? nullptr : found->second;
}

std::shared_ptr<const UserList> LiveTable::find_users(const std::string& name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

std::shared_ptr<const ServerCertificate> LiveTable::find_certificate(
    const std::string& name) const {
  const auto found = certificates_.find(name);
  return found == certificates_.end() ? nullptr : found->second;
}

}  // namespace weir::proxy
