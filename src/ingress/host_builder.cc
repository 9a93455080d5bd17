#include "ingress/host_builder.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "ingress/host_policies.h"

namespace weir::ingress {

namespace {

using MatchKind = table::PathMatch::Kind;

kube::ObjectRef ref_of(const kube::Ingress& ingress) {
  return {kube::Kind::Ingress, ingress.meta.ns, ingress.meta.name};
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

std::string origin_of(const kube::Ingress& ingress) {
  return to_string(name_of(ingress.meta));
}

/// Collects the routes of one host; the first comer keeps a path.
class RouteCollector {
 public:
  explicit RouteCollector(BuiltHost& built) : built_(built) {}

  void add_share(const HostShare& share, const RoutePolicies& policies) {
    for (const std::size_t rule : share.rules) {
      const auto& paths = share.ingress->rules[rule].paths;
      for (std::size_t i = 0; i < paths.size(); ++i) {
        add_path(*share.ingress, rule, i, paths[i], policies);
      }
    }
  }

  bool has_root() const { return owners_.contains({"/", MatchKind::Prefix}); }

  void add_root(std::string origin, const std::optional<BackendKey>& backend,
                const RoutePolicies& policies) {
    add_route({MatchKind::Prefix, "/"}, std::move(origin), backend, policies);
  }

  void finish() {
    auto& routes = built_.host.routes;
    std::sort(routes.begin(), routes.end(), [](const table::Route& a, const table::Route& b) {
      return table::comes_before(a.match, b.match);
    });
    built_.backends.insert(built_.backends.end(), backends_.begin(), backends_.end());
  }

 private:
  void add_path(const kube::Ingress& ingress, std::size_t rule, std::size_t index,
                const kube::IngressPath& path, const RoutePolicies& policies) {
    const auto backend = backend_key(ingress.meta.ns, path.backend);
    const std::string text = path.path.empty() ? "/" : path.path;
    if (!backend || !is_valid_path(text)) return;  // reported by check_ingress
    // ImplementationSpecific is a Prefix, as in ingress-nginx.
    const auto kind =
        path.path_type == kube::PathType::Exact ? MatchKind::Exact : MatchKind::Prefix;
    const auto [owner, is_new] = owners_.try_emplace({text, kind}, &ingress);
    if (is_new) {
      add_route({kind, text}, origin_of(ingress), backend, policies);
      return;
    }
    built_.problems.push_back(
        {"PathConflict", ref_of(ingress), fmt::format("spec.rules[{}].http.paths[{}]", rule, index),
         owner->second == &ingress
             ? fmt::format(
                   "path {} of host \"{}\" is in this Ingress twice; the first one is served", text,
                   built_.host.name)
             : fmt::format("path {} of host \"{}\" is served by Ingress {} already", text,
                           built_.host.name, origin_of(*owner->second))});
  }

  void add_route(table::PathMatch match, std::string origin,
                 const std::optional<BackendKey>& backend, const RoutePolicies& policies) {
    table::Route route;
    route.match = std::move(match);
    route.origin = std::move(origin);
    if (backend) {
      route.backends.push_back({to_string(*backend), 1});
      backends_.insert(*backend);
    }
    policies.apply_to(route);
    built_.host.routes.push_back(std::move(route));
  }

  BuiltHost& built_;
  std::map<std::pair<std::string, MatchKind>, const kube::Ingress*> owners_;
  std::set<BackendKey> backends_;
};

/// Who serves "/" where nobody wrote it down: the default backend of the Ingress that made the
/// host, which for host "" is the oldest one that is nothing but a default backend. Its annotations
/// count there, too.
void add_default_route(const HostInput& input, const RoutePolicyMaker& policies,
                       RouteCollector& routes, BuiltHost& built) {
  if (routes.has_root()) return;
  std::string origin;
  std::optional<BackendKey> backend;
  const HostShare* share = nullptr;
  if (!input.shares.empty()) {
    const auto without_rules =
        std::find_if(input.shares.begin(), input.shares.end(),
                     [](const auto& entry) { return entry.second.rules.empty(); });
    const auto& from = without_rules != input.shares.end() ? *without_rules : *input.shares.begin();
    share = &from.second;
    const kube::Ingress& ingress = *share->ingress;
    origin = origin_of(ingress);
    if (ingress.default_backend) backend = backend_key(ingress.meta.ns, *ingress.default_backend);
  }
  built.wants_default_backend = !backend;
  routes.add_root(std::move(origin), backend ? backend : input.default_backend,
                  share == nullptr ? policies.make_default() : policies.make(*share));
}

bool lists(const kube::IngressTls& entry, const std::string& host) {
  return std::ranges::any_of(entry.hosts,
                             [&](const std::string& listed) { return lower_case(listed) == host; });
}

/// The entry of spec.tls that is for this host: the one that lists it, else the first one whose
/// certificate covers it. Nothing: the default certificate.
std::optional<std::size_t> find_tls_entry(const HostInput& input, const kube::Ingress& ingress) {
  for (std::size_t i = 0; i < ingress.tls.size(); ++i) {
    if (lists(ingress.tls[i], input.name)) return i;
  }
  for (std::size_t i = 0; i < ingress.tls.size(); ++i) {
    if (ingress.tls[i].secret_name.empty()) continue;
    const auto* certificate = input.certificate({ingress.meta.ns, ingress.tls[i].secret_name});
    if (certificate && *certificate && (*certificate)->covers(input.name)) return i;
  }
  return std::nullopt;
}

/// The certificate of one entry of spec.tls, if it is usable for the host; `otherwise` is what
/// happens if not.
const CertificateInfo* find_certificate(const HostInput& input, const kube::Ingress& ingress,
                                        std::size_t entry, std::string_view otherwise,
                                        std::vector<kube::Problem>& problems) {
  const NamespacedName secret{ingress.meta.ns, ingress.tls[entry].secret_name};
  const auto* certificate = input.certificate(secret);
  if (!certificate || !*certificate) return nullptr;  // reported by check_ingress
  if ((*certificate)->covers(input.name)) return &**certificate;
  problems.push_back({"CertificateHostMismatch", ref_of(ingress),
                      fmt::format("spec.tls[{}].secretName", entry),
                      fmt::format("the certificate of Secret {} is not for host \"{}\"; {}",
                                  to_string(secret), input.name, otherwise)});
  return nullptr;
}

/// Others with keys of other types, which clients choose from: of further entries that list the
/// host, in the namespace of what settled its TLS. (A certificate that nobody trusts would take the
/// host from its clients, so Ingresses of other namespaces add none.)
void add_other_key_types(const HostInput& input, const std::string& ns,
                         std::set<std::string> key_types, HostTls& tls,
                         std::vector<kube::Problem>& problems) {
  for (const auto& [age, share] : input.shares) {
    const kube::Ingress& ingress = *share.ingress;
    if (ingress.meta.ns != ns) continue;
    for (std::size_t i = 0; i < ingress.tls.size(); ++i) {
      const auto& entry = ingress.tls[i];
      const bool is_known =
          std::ranges::find(tls.certificates, NamespacedName{ns, entry.secret_name}) !=
          tls.certificates.end();
      if (is_known || entry.secret_name.empty() || !lists(entry, input.name)) continue;
      const auto* other = find_certificate(input, ingress, i, "it is not served", problems);
      if (other == nullptr || !key_types.insert(other->key_type).second) continue;
      tls.certificates.push_back({ns, entry.secret_name});
    }
  }
}

/// The oldest Ingress that says anything about TLS settles it; a younger one cannot mend it.
HostTls settle_tls(const HostInput& input, std::vector<kube::Problem>& problems) {
  if (input.name.empty()) return {};
  const auto share = std::find_if(input.shares.begin(), input.shares.end(), [](const auto& entry) {
    return !entry.second.ingress->tls.empty();
  });
  if (share == input.shares.end()) return {};
  const kube::Ingress& ingress = *share->second.ingress;
  const auto entry = find_tls_entry(input, ingress);
  if (!entry || ingress.tls[*entry].secret_name.empty()) return {true, {}};
  const auto* certificate =
      find_certificate(input, ingress, *entry, "the default certificate is served", problems);
  if (certificate == nullptr) return {true, {}};
  HostTls tls{true, {{ingress.meta.ns, ingress.tls[*entry].secret_name}}};
  add_other_key_types(input, ingress.meta.ns, {certificate->key_type}, tls, problems);
  return tls;
}

}  // namespace

std::map<std::string, HostShare> shares_of(const kube::Ingress& ingress,
                                           const std::shared_ptr<const Policies>& policies) {
  std::map<std::string, HostShare> shares;
  for (std::size_t i = 0; i < ingress.rules.size(); ++i) {
    std::string host = lower_case(ingress.rules[i].host);
    if (!host.empty() && !is_valid_host(host)) continue;
    auto& share = shares[std::move(host)];
    share.ingress = &ingress;
    share.policies = policies;
    share.rules.push_back(i);
  }
  if (ingress.rules.empty() && ingress.default_backend &&
      backend_key(ingress.meta.ns, *ingress.default_backend)) {
    shares[""].ingress = &ingress;
    shares[""].policies = policies;
  }
  return shares;
}

BuiltHost build_host(const HostInput& input) {
  BuiltHost built;
  built.host.name = input.name;
  built.own_tls = settle_tls(input, built.problems);
  const HostTls& tls = built.own_tls.is_mapped ? built.own_tls : input.wildcard_tls;
  for (const auto& certificate : tls.certificates) {
    built.host.certificates.push_back(to_string(certificate));
    built.certificates.push_back(certificate);
  }

  const RoutePolicyMaker policies(input, tls.is_mapped, built);
  RouteCollector routes(built);
  for (const auto& [age, share] : input.shares) routes.add_share(share, policies.make(share));
  add_default_route(input, policies, routes, built);
  routes.finish();

  settle_host_policies(input, built);
  sort_unique(built.backends);
  sort_unique(built.certificates);
  sort_unique(built.trusts);
  sort_unique(built.users);
  return built;
}

}  // namespace weir::ingress
