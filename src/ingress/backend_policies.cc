#include "ingress/backend_policies.h"

#include <algorithm>

namespace weir::ingress {

namespace {

/// As in ingress-nginx, whose cookies go on to count: "namespace-service-port".
std::string salt_of(const BackendKey& key) {
  return key.service.ns + '-' + key.service.name + '-' + key.port;
}

std::optional<table::StickyCookie> settle_cookie(const BackendKey& key,
                                                 const BackendClaims& claims) {
  std::optional<table::StickyCookie> cookie;
  std::optional<table::StickyCookie::Mode> mode;
  for (const auto& [age, policies] : claims) {
    const auto& balancing = policies->balancing;
    if (!balancing.is_sticky) continue;
    cookie = balancing.cookie;
    if (!mode) mode = balancing.sticky_mode;
  }
  if (!cookie) return std::nullopt;
  cookie->mode = mode.value_or(table::StickyCookie::Mode::Balanced);
  cookie->salt = salt_of(key);
  return cookie;
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

void apply_policies(const BackendKey& key, const BackendClaims& claims, const Policies& defaults,
                    table::Backend& backend) {
  const auto& balancing = (claims.empty() ? defaults : *claims.begin()->second).balancing;
  if (balancing.hash_key.empty()) {
    backend.balancing.algorithm = balancing.algorithm;
  } else {
    backend.balancing.algorithm = table::Balancing::Algorithm::Hash;
    backend.balancing.hash_key = balancing.hash_key;
  }
  backend.sticky_cookie = settle_cookie(key, claims);
}

}  // namespace weir::ingress
