#include "ingress/host_builder.h"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "ingress/host_policies.h"
#include "util/regex.h"

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

  void add_share(const HostShare& share, const RoutePolicyMaker& maker) {
    const auto policies = maker.make(share);
    for (const std::size_t rule : share.rules) {
      const auto& paths = share.ingress->rules[rule].paths;
      for (std::size_t i = 0; i < paths.size(); ++i) {
        add_path({share.ingress, rule, i}, paths[i], share, policies, maker);
      }
    }
  }

  /// Another way for paths that are there already.
  void add_canary(const HostShare& share) {
    if (share.rules.empty()) {
      built_.problems.push_back({"CanaryWithoutPrimary", ref_of(*share.ingress), "spec.rules",
                                 "a canary is for paths of another Ingress, and this one names "
                                 "none; it is not served"});
    }
    for (const std::size_t rule : share.rules) {
      const auto& paths = share.ingress->rules[rule].paths;
      for (std::size_t i = 0; i < paths.size(); ++i) {
        add_canary_path({share.ingress, rule, i}, paths[i], share.policies->canary.policy);
      }
    }
  }

  bool has_root() const { return owners_.contains({"/", MatchKind::Prefix}); }

  void add_root(std::string origin, const std::optional<BackendKey>& backend,
                const RoutePolicies& policies) {
    sources_.emplace_back();
    add_route({MatchKind::Prefix, "/"}, std::move(origin), backend, policies);
  }

  void finish() {
    if (has_patterns_) make_patterns();
    auto& routes = built_.host.routes;
    std::sort(routes.begin(), routes.end(), [](const table::Route& a, const table::Route& b) {
      return table::comes_before(a.match, b.match);
    });
    built_.backends.insert(built_.backends.end(), backends_.begin(), backends_.end());
  }

 private:
  /// Where a route was written.
  struct Source {
    const kube::Ingress* ingress = nullptr;  // nullptr: nowhere
    std::size_t rule = 0;
    std::size_t index = 0;
    bool is_pattern = false;  // by itself
  };

  /// Who has a path.
  struct Owner {
    const kube::Ingress* ingress = nullptr;
    const kube::Ingress* canary = nullptr;  // nullptr: there is none
    std::size_t route = 0;                  // of the host's, until they are sorted
    BackendKey backend;
  };

  void add_path(const Source& source, const kube::IngressPath& path, const HostShare& share,
                const RoutePolicies& policies, const RoutePolicyMaker& maker) {
    const kube::Ingress& ingress = *source.ingress;
    const auto backend = backend_key(ingress.meta.ns, path.backend);
    const std::string text = path.path.empty() ? "/" : path.path;
    if (!backend || !is_valid_path(text)) return;  // reported by check_ingress
    const auto kind = kind_of(path);
    const auto [owner, is_new] = owners_.try_emplace(
        {text, kind}, Owner{&ingress, nullptr, built_.host.routes.size(), *backend});
    if (is_new) {
      sources_.push_back(source);
      const auto of_service = maker.make_for_service(share, *backend);
      add_route({kind, text}, origin_of(ingress), backend,
                of_service ? of_service->routes : policies);
      return;
    }
    const auto& first = *owner->second.ingress;
    tell(source, "PathConflict",
         &first == &ingress
             ? fmt::format(
                   "path {} of host \"{}\" is in this Ingress twice; the first one is served", text,
                   built_.host.name)
             : fmt::format("path {} of host \"{}\" is served by Ingress {} already", text,
                           built_.host.name, origin_of(first)));
  }

  void add_canary_path(const Source& source, const kube::IngressPath& path,
                       const table::Canary& policy) {
    const kube::Ingress& ingress = *source.ingress;
    const auto backend = backend_key(ingress.meta.ns, path.backend);
    const std::string text = path.path.empty() ? "/" : path.path;
    if (!backend || !is_valid_path(text)) return;  // reported by check_ingress
    const auto found = owners_.find({text, kind_of(path)});
    if (found == owners_.end()) {
      tell(source, "CanaryWithoutPrimary",
           fmt::format("no other Ingress has path {} of host \"{}\", with the same pathType; a "
                       "canary is not served by itself",
                       text, built_.host.name));
      return;
    }
    auto& owner = found->second;
    if (owner.canary != nullptr) {
      tell(source, "PathConflict",
           fmt::format("path {} of host \"{}\" has a canary already, of Ingress {}; there is but "
                       "one",
                       text, built_.host.name, origin_of(*owner.canary)));
      return;
    }
    if (owner.backend == *backend) {
      tell(source, "CanaryOfItself",
           fmt::format("path {} of host \"{}\" leads to {} already, by Ingress {}", text,
                       built_.host.name, to_string(*backend), origin_of(*owner.ingress)));
      return;
    }
    owner.canary = &ingress;
    backends_.insert(*backend);
    if (policy.sticky) built_.canaries.push_back({*backend, owner.backend});
    auto& route = built_.host.routes[owner.route];
    auto rules = *route.rules;
    rules.canary = policy;
    rules.canary->backend = to_string(*backend);
    route.rules = std::move(rules);
  }

  /// ImplementationSpecific is a Prefix, as in ingress-nginx.
  static MatchKind kind_of(const kube::IngressPath& path) {
    return path.path_type == kube::PathType::Exact ? MatchKind::Exact : MatchKind::Prefix;
  }

  void tell(const Source& source, std::string_view code, std::string message) {
    built_.problems.push_back(
        {code, ref_of(*source.ingress),
         fmt::format("spec.rules[{}].http.paths[{}]", source.rule, source.index),
         std::move(message)});
  }

  /// What ingress-nginx makes of all paths of a host once one is a regular expression. The first
  /// comer keeps a text, as ever.
  void make_patterns() {
    std::set<std::string> exact;
    for (const auto& route : built_.host.routes) {
      if (route.match.kind == MatchKind::Exact) exact.insert(route.match.path);
    }
    std::set<std::string> texts;
    std::vector<table::Route> kept;
    for (std::size_t i = 0; i < built_.host.routes.size(); ++i) {
      auto& route = built_.host.routes[i];
      auto& path = route.match.path;
      // Exact has the path itself then, and leaves what is below.
      const bool is_below = route.match.kind == MatchKind::Prefix && !sources_[i].is_pattern &&
                            !path.ends_with('/') && exact.contains(path);
      if (is_below) path += '/';
      route.match.kind = MatchKind::Regex;
      if (!texts.insert(path).second) {
        if (sources_[i].ingress == nullptr) continue;
        tell(sources_[i], "PathConflict",
             fmt::format("all paths of host \"{}\" are regular expressions, by use-regex or "
                         "rewrite-target of an Ingress, and {} is one already",
                         built_.host.name, path));
        continue;
      }
      if (const auto pattern = util::Regex::compile('^' + path); !pattern) {
        tell(sources_[i], "InvalidPath",
             fmt::format("all paths of host \"{}\" are regular expressions, by use-regex or "
                         "rewrite-target of an Ingress, and {} is none: {}; it is not served",
                         built_.host.name, path, pattern.error().detail));
        continue;
      }
      kept.push_back(std::move(route));
    }
    built_.host.routes = std::move(kept);
  }

  void add_route(table::PathMatch match, std::string origin,
                 const std::optional<BackendKey>& backend, const RoutePolicies& policies) {
    table::Route route;
    route.match = std::move(match);
    route.origin = std::move(origin);
    if (backend) {
      route.backends.push_back({to_string(*backend), 1});
      backends_.insert(*backend);
      if (const auto plain = policies.plain_backend_of(*backend)) backends_.insert(*plain);
    }
    policies.apply_to(route, backend);
    sources_.back().is_pattern = policies.makes_pattern_of(route.match.path);
    has_patterns_ |= sources_.back().is_pattern;
    built_.host.routes.push_back(std::move(route));
  }

  BuiltHost& built_;
  std::map<std::pair<std::string, MatchKind>, Owner> owners_;
  std::set<BackendKey> backends_;
  std::vector<Source> sources_;  // of the host's routes, until they are sorted
  bool has_patterns_ = false;
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
  built.wants_default_backend |= !backend;
  if (!backend) backend = input.default_backend;
  const auto of_service =
      share == nullptr || !backend ? std::nullopt : policies.make_for_service(*share, *backend);
  routes.add_root(std::move(origin), backend,
                  of_service         ? of_service->routes
                  : share == nullptr ? policies.make_default()
                                     : policies.make(*share));
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

/// Those of a host's certificates that are for its alias, too; without any it is as if nobody said
/// anything about TLS.
HostTls tls_of_alias(const HostInput& input, HostTls tls) {
  std::erase_if(tls.certificates, [&](const NamespacedName& secret) {
    const auto* certificate = input.certificate(secret);
    return !certificate || !*certificate || !(*certificate)->covers(input.alias);
  });
  if (tls.certificates.empty()) return {};
  return tls;
}

/// `canaries` give other ways to what the shares of `input` have.
BuiltHost build_own_host(const HostInput& input, const HostShares& canaries) {
  BuiltHost built;
  built.host.name = input.alias.empty() ? input.name : input.alias;
  built.own_tls = settle_tls(input, built.problems);
  if (!input.alias.empty()) built.own_tls = tls_of_alias(input, std::move(built.own_tls));
  const HostTls& tls = built.own_tls.is_mapped ? built.own_tls : input.wildcard_tls;
  for (const auto& certificate : tls.certificates) {
    built.host.certificates.push_back(to_string(certificate));
    built.certificates.push_back(certificate);
  }

  const RoutePolicyMaker policies(input, tls.is_mapped, built);
  RouteCollector routes(built);
  for (const auto& [age, share] : input.shares) routes.add_share(share, policies);
  for (const auto& [age, share] : canaries) routes.add_canary(share);
  add_default_route(input, policies, routes, built);
  routes.finish();

  settle_host_policies(input, built);
  sort_unique(built.backends);
  sort_unique(built.canaries);
  sort_unique(built.certificates);
  sort_unique(built.trusts);
  sort_unique(built.users);
  return built;
}

/// A host that nobody has rules for, and which redirects to one that somebody has.
BuiltHost build_www_host(const HostInput& input) {
  BuiltHost built;
  built.host.name = input.name;
  const HostShare& share = input.shares.begin()->second;
  built.host.redirects = table::HostRedirects{{}, share.www_of};
  auto certificates = input.wildcard_tls.certificates;
  // That of the other host, if it is for this name as well.
  const HostInput other{share.www_of,      input.shares,    {}, std::nullopt, input.defaults,
                        input.certificate, input.config_map};
  if (const auto entry = find_tls_entry(other, *share.ingress)) {
    const NamespacedName secret{share.ingress->meta.ns, share.ingress->tls[*entry].secret_name};
    const auto* certificate = secret.name.empty() ? nullptr : input.certificate(secret);
    if (certificate && *certificate && (*certificate)->covers(input.name)) certificates = {secret};
  }
  for (const auto& certificate : certificates) {
    built.host.certificates.push_back(to_string(certificate));
    built.certificates.push_back(certificate);
  }
  return built;
}

/// Further names of the hosts that an Ingress has rules for.
void add_aliases(std::map<std::string, HostShare>& shares, const Policies& policies) {
  if (shares.empty()) return;
  HostShare alias = shares.begin()->second;
  alias.rules.clear();
  for (const auto& [host, share] : shares) {
    if (!share.rules.empty()) alias.alias_of.push_back(host);
  }
  if (alias.alias_of.empty()) return;
  for (const auto& name : policies.aliases) shares.try_emplace(name, alias);
}

/// "www.a.example" for "a.example", and the other way round.
void add_www_shares(std::map<std::string, HostShare>& shares) {
  std::vector<std::pair<std::string, HostShare>> others;
  for (const auto& [host, share] : shares) {
    if (host.empty() || host.starts_with('*') || share.rules.empty()) continue;
    auto other = host.starts_with("www.") ? host.substr(4) : "www." + host;
    if (!is_valid_host(other)) continue;
    others.emplace_back(std::move(other), HostShare{share.ingress, {}, share.policies, {}, host});
  }
  for (auto& [host, share] : others) shares.try_emplace(std::move(host), std::move(share));
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
  add_aliases(shares, *policies);
  if (policies->from_to_www) add_www_shares(shares);
  return shares;
}

BuiltHost build_host(const HostInput& input) {
  const auto is_special = [](const auto& entry) {
    return !is_of_own_host(entry.second) || entry.second.policies->canary.is_on;
  };
  if (!input.shares.empty() && std::ranges::none_of(input.shares, is_special)) {
    return build_own_host(input, {});
  }
  HostShares own;
  HostShares www;
  HostShares canaries;
  for (const auto& [age, share] : input.shares) {
    if (!share.alias_of.empty()) continue;
    const bool is_canary = share.policies->canary.is_on;
    (is_canary ? canaries : share.www_of.empty() ? own : www).emplace(age, share);
  }
  const auto with = [&](const HostShares& shares) {
    return HostInput{input.name,         shares,
                     input.wildcard_tls, input.default_backend,
                     input.defaults,     input.certificate,
                     input.config_map,   input.service_policies,
                     input.alias};
  };
  const bool is_default = input.name.empty() && input.default_backend;
  if (!own.empty() || is_default) return build_own_host(with(own), canaries);
  BuiltHost built;
  if (www.empty()) {
    built.is_there = false;
    built.host.name = input.name;
  } else {
    built = build_www_host(with(www));
  }
  RouteCollector none(built);
  for (const auto& [age, share] : canaries) none.add_canary(share);
  return built;
}

}  // namespace weir::ingress
