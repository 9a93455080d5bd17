#include "ingress/backend_policies.h"

#include <algorithm>

namespace weir::ingress {

namespace {

/// As in ingress-nginx, whose cookies go on to count: "namespace-service-port".
std::string salt_of(const BackendKey& key) {
  return key.service.ns + '-' + key.service.name + '-' + key.port;
}

/// But for affinity.
void set_balancing(const Policies::Balancing& balancing, table::Backend& backend) {
  if (balancing.hash_key.empty()) {
    backend.balancing.algorithm = balancing.algorithm;
  } else {
    backend.balancing.algorithm = table::Balancing::Algorithm::Hash;
    backend.balancing.hash_key = balancing.hash_key;
  }
  backend.limits = balancing.limits;
  backend.health = balancing.health;
}

bool is_usual(const Policies& policies) {
  static const Policies::Balancing usual;
  return policies.balancing == usual;
}

}  // namespace

std::vector<BackendKey> backends_of(const kube::Ingress& ingress) {
  std::vector<BackendKey> keys;
  const auto add = [&](const kube::IngressBackend& backend) {
    if (auto key = backend_key(ingress.meta.ns, backend)) keys.push_back(*std::move(key));
  };
  if (ingress.default_backend) add(*ingress.default_backend);
  for (const auto& rule : ingress.rules) {
    for (const auto& path : rule.paths) add(path.backend);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

void BackendClaims::add(const Age& age, const std::shared_ptr<const Policies>& policies) {
  all_.emplace(age, policies);
  if (!is_usual(*policies)) ++special_;
  if (!policies->balancing.is_sticky) return;
  sticky_.emplace(age, policies);
  if (policies->balancing.sticky_mode) with_mode_.emplace(age, policies);
}

void BackendClaims::remove(const Age& age) {
  const auto found = all_.find(age);
  if (!is_usual(*found->second)) --special_;
  all_.erase(found);
  sticky_.erase(age);
  with_mode_.erase(age);
}

bool BackendClaims::are_by_address(const Policies& defaults) const {
  return (empty() ? defaults : *all_.begin()->second).balancing.by_service_address;
}

void BackendClaims::apply_to(table::Backend& backend, const Policies& defaults,
                             const PolicySettings* own) const {
  const auto& claimed = empty() ? defaults : *all_.begin()->second;
  backend.sticky_cookie = cookie();
  if (own == nullptr) {
    set_balancing(claimed.balancing, backend);
    return;
  }
  auto policies = claimed;
  policies.balancing.is_sticky = false;
  apply_settings(*own, nullptr, policies);
  set_balancing(policies.balancing, backend);
  if (!policies.balancing.is_sticky) return;
  backend.sticky_cookie = policies.balancing.cookie;
  backend.sticky_cookie->mode =
      policies.balancing.sticky_mode.value_or(table::StickyCookie::Mode::Balanced);
}

std::optional<table::StickyCookie> BackendClaims::cookie() const {
  if (sticky_.empty()) return std::nullopt;
  auto cookie = sticky_.rbegin()->second->balancing.cookie;
  if (!with_mode_.empty()) cookie.mode = *with_mode_.begin()->second->balancing.sticky_mode;
  return cookie;
}

bool is_by_address(const BackendKey& key, const ClaimsByBackend& claims, const Policies& defaults) {
  static const BackendClaims none;
  const auto found = claims.find(key);
  return (found == claims.end() ? none : found->second).are_by_address(defaults);
}

void apply_claims(table::Backend& backend, const BackendKey& key, const ClaimsByBackend& claims,
                  const PrimariesByCanary& primaries, const Policies& defaults,
                  const PolicySettings* own) {
  static const BackendClaims none;
  const auto claims_of = [&](const BackendKey& wanted) -> const BackendClaims& {
    const auto found = claims.find(wanted);
    return found == claims.end() ? none : found->second;
  };
  claims_of(key).apply_to(backend, defaults, own);
  if (const auto found = primaries.find(key); found != primaries.end()) {
    for (const auto& [primary, hosts] : found->second) {
      if (!backend.sticky_cookie) backend.sticky_cookie = claims_of(primary).cookie();
    }
  }
  if (backend.sticky_cookie) backend.sticky_cookie->salt = salt_of(key);
}

}  // namespace weir::ingress
