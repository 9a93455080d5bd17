#include "ingress/host_policies.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/upstream_host.h"
#include "ingress/user_list.h"

namespace weir::ingress {

namespace {

/// The name in the table of what an annotation's Secret holds. One that may not be used has a name
/// that nothing in the table has: what asks for it is refused, never let through.
std::string table_name_of(const NamespacedName& secret, const kube::Ingress& ingress) {
  return may_use(secret, ingress.meta.ns) ? to_string(secret) : '/' + to_string(secret);
}

/// Whether the Secret is there to show a certificate: it has one, or a broken one. One with nothing
/// but CAs is not.
bool is_to_be_shown(const ObjectStore::Certificate* certificate) {
  return certificate == nullptr || *certificate ||
         certificate->error().code != util::Error::Code::Unsupported;
}

/// How routes of an Ingress reach their endpoints. `settings` may be those of another Ingress of
/// the host.
table::UpstreamTls make_upstream_tls(const HostShare& settings, const HostInput& input,
                                     BuiltHost& built) {
  const auto& policy = settings.policies->backend_tls;
  auto tls = policy.tls;
  if (!policy.secret) return tls;
  const auto& secret = *policy.secret;
  const bool may = may_use(secret, settings.ingress->meta.ns);
  const auto name = table_name_of(secret, *settings.ingress);
  const auto* certificate = may ? input.certificate(secret) : nullptr;
  if (is_to_be_shown(certificate)) tls.certificate = name;
  if (certificate != nullptr && *certificate) built.certificates.push_back(secret);
  if (policy.verify) {
    tls.verify = true;
    tls.trust = name;
    if (may) built.trusts.push_back(secret);
  }
  return tls;
}

/// The oldest share whose policies are so; nullptr: none is.
template <class Is>
const HostShare* find_share(const HostInput& input, Is is) {
  for (const auto& [age, share] : input.shares) {
    if (is(*share.policies)) return &share;
  }
  return nullptr;
}

void settle_passthrough(const HostInput& input, BuiltHost& built) {
  const auto* share =
      find_share(input, [](const Policies& policies) { return policies.ssl_passthrough; });
  if (share == nullptr) return;
  const auto root = std::ranges::find_if(built.host.routes, [](const table::Route& route) {
    return route.match.path == "/" && route.match.kind != table::PathMatch::Kind::Exact;
  });
  const bool has_service = root != built.host.routes.end() && !root->backends.empty();
  const bool is_one_name = !input.name.empty() && !input.name.starts_with('*');
  if (has_service && is_one_name) {
    built.host.passthrough = root->backends.front().backend;
    return;
  }
  built.problems.push_back(
      {"NotInEffect",
       {kube::Kind::Ingress, share->ingress->meta.ns, share->ingress->meta.name},
       "metadata.annotations[nginx.ingress.kubernetes.io/ssl-passthrough]",
       is_one_name ? fmt::format("host \"{}\" has no Service for path \"/\", to which TLS would go",
                                 input.name)
                   : fmt::format("host \"{}\" is not one name; its TLS connections are decrypted",
                                 input.name)});
}

/// The headers that ConfigMaps list for an Ingress's routes. Without them nobody may come in.
void add_headers(const HostShare& share, const HostInput& input, table::RouteRules& rules) {
  auto of_responses = response_headers_of(*share.ingress, *share.policies, input.config_map);
  auto of_auth = auth_headers_of(*share.ingress, *share.policies, input.config_map);
  rules.access.closed |= of_responses.is_wrong || of_auth.is_wrong;
  rules.response_fields = std::move(of_responses.fields);
  if (rules.access.external) rules.access.external->request_fields = std::move(of_auth.fields);
}

/// Who answers where an Ingress's routes cannot, or answer with an error.
void add_default_backend(const HostShare& share, const HostInput& input, table::RouteRules& rules,
                         BuiltHost& built) {
  auto backend = default_backend_of(*share.ingress, *share.policies);
  if (backend) {
    rules.fallback = to_string(*backend);
    built.backends.push_back(*backend);
  }
  const auto& errors = share.policies->errors;
  if (errors.statuses.empty()) return;
  if (!backend) {
    built.wants_default_backend = true;
    backend = input.default_backend;
  }
  if (!backend) return;  // weir's own answers stand
  built.backends.push_back(*backend);
  rules.error_pages = table::ErrorPages{to_string(*backend), errors.statuses, errors.only_own};
}

/// The rules of an Ingress's routes, with the users that may come in.
table::RouteRules make_rules(const HostShare& share, const HostInput& input, BuiltHost& built) {
  auto rules = share.policies->rules_of_routes();
  if (rules.limits) rules.limits->zone = to_string(name_of(share.ingress->meta));
  add_headers(share, input, rules);
  add_default_backend(share, input, rules, built);
  if (!rules.access.basic || rules.access.closed) {
    rules.access.basic.reset();
    return rules;
  }
  const auto source = users_of(*share.ingress, *share.policies);
  if (source) {
    rules.access.basic->users = to_string(*source);
    built.users.push_back(*source);
  } else {
    rules.access.closed = true;
    rules.access.basic.reset();
  }
  return rules;
}

bool starts_with_one_of(const std::string& path, const std::vector<std::string>& starts) {
  return std::ranges::any_of(starts, [&](const auto& start) { return path.starts_with(start); });
}

table::RouteRules without_auth(table::RouteRules rules) {
  rules.access.external.reset();
  rules.access.basic.reset();
  rules.access.any = false;
  return rules;
}

table::RouteRules without_redirect(table::RouteRules rules, bool has_rules) {
  if (has_rules) return rules;
  rules.redirect = {};
  rules.rewrite = {};
  return rules;
}

}  // namespace

RoutePolicies::RoutePolicies(const Policies& policies, bool has_rules, bool redirects_to_https,
                             const table::RouteRules& rules,
                             util::Boxed<table::UpstreamTls> upstream_tls)
    : policies_(policies),
      has_rules_(has_rules),
      redirects_to_https_(redirects_to_https),
      upstream_tls_(std::move(upstream_tls)),
      requests_(policies.requests),
      rules_(without_redirect(rules, has_rules)),
      rules_without_auth_(without_auth(*rules_)),
      retries_(policies.retries_of_routes()),
      tunnels_(policies.tunnels) {}

bool RoutePolicies::rewrites(const std::string& path) const {
  const auto& target = rules_->rewrite.path;
  return !target.empty() && target != path;
}

bool RoutePolicies::makes_pattern_of(const std::string& path) const {
  return has_rules_ && (policies_.use_regex || rewrites(path));
}

util::Rare<table::RouteRules> RoutePolicies::rules_of(
    const table::Route& route, const std::optional<BackendKey>& backend) const {
  const auto& path = route.match.path;
  const auto& shared =
      starts_with_one_of(path, policies_.no_auth_paths) ? rules_without_auth_ : rules_;
  const bool is_rewritten_to_itself = !shared->rewrite.path.empty() && !rewrites(path);
  // Who answers for errors need not be asked about its own.
  const bool is_of_errors =
      shared->error_pages && backend && to_string(*backend) == shared->error_pages->backend;
  const auto plain = backend ? plain_backend_of(*backend) : std::nullopt;
  if (!is_rewritten_to_itself && !is_of_errors && !plain && policies_.upstream_host.empty()) {
    return shared;
  }
  auto rules = *shared;
  if (plain) rules.plain_backend = to_string(*plain);
  if (is_of_errors) rules.error_pages.reset();
  if (is_rewritten_to_itself) rules.rewrite = {};
  if (backend) rules.upstream_host = make_upstream_host(policies_.upstream_host, *backend);
  return rules;
}

std::optional<BackendKey> RoutePolicies::plain_backend_of(const BackendKey& backend) const {
  if (policies_.plain_http_port.empty()) return std::nullopt;
  return BackendKey{backend.service, policies_.plain_http_port};
}

void RoutePolicies::apply_to(table::Route& route, const std::optional<BackendKey>& backend) const {
  route.https_only =
      redirects_to_https_ && !starts_with_one_of(route.match.path, policies_.no_redirect_paths);
  route.upstream_tls = upstream_tls_;
  route.requests = requests_;
  route.rules = rules_of(route, backend);
  route.retries = retries_;
  route.sticky = policies_.balancing.is_sticky && !route.backends.empty();
  route.tunnels = tunnels_;
}

std::optional<BackendKey> default_backend_of(const kube::Ingress& ingress,
                                             const Policies& policies) {
  if (policies.errors.service.empty()) return std::nullopt;
  return BackendKey{{ingress.meta.ns, policies.errors.service}, {}};
}

RoutePolicyMaker::RoutePolicyMaker(const HostInput& input, bool has_certificate, BuiltHost& built)
    : input_(input),
      has_certificate_(has_certificate),
      tls_of_host_(find_share(
          input, [](const Policies& policies) { return policies.backend_tls.secret.has_value(); })),
      built_(built) {}

RoutePolicies RoutePolicyMaker::make(const HostShare& share) const {
  const auto& policies = *share.policies;
  // An Ingress that is nothing but a default backend redirects nobody.
  const bool has_rules = !share.rules.empty();
  const bool redirects =
      has_rules && (policies.force_ssl_redirect || (policies.ssl_redirect && has_certificate_));
  util::Boxed<table::UpstreamTls> tls;
  // Who passes TLS through has Services that speak nothing else.
  if (policies.speaks_tls_to_backend || policies.ssl_passthrough) {
    const bool is_own = policies.backend_tls.secret || tls_of_host_ == nullptr;
    tls = make_upstream_tls(is_own ? share : *tls_of_host_, input_, built_);
  }
  const auto* auth = policies.access.auth();
  if (auth != nullptr && auth->backend) built_.backends.push_back(*auth->backend);
  if (policies.mirror.backend) built_.backends.push_back(*policies.mirror.backend);
  return {policies, has_rules, redirects, make_rules(share, input_, built_), std::move(tls)};
}

std::optional<ServiceRoutePolicies> RoutePolicyMaker::make_for_service(
    const HostShare& share, const BackendKey& backend) const {
  if (!input_.service_policies) return std::nullopt;
  const auto settings = input_.service_policies(backend);
  if (settings.empty()) return std::nullopt;
  auto policies = std::make_shared<Policies>(*share.policies);
  // What the Ingress's own policy says goes before.
  for (const auto& one : settings) apply_settings(*one, share.tunnel_policy.get(), *policies);
  HostShare own = share;
  own.policies = policies;
  return ServiceRoutePolicies{policies, make(own)};
}

RoutePolicies RoutePolicyMaker::make_default() const {
  return {input_.defaults, false, false, input_.defaults.rules_of_routes(), std::nullopt};
}

void settle_host_policies(const HostInput& input, BuiltHost& built) {
  const auto* authority = find_share(
      input, [](const Policies& policies) { return policies.client_auth.secret.has_value(); });
  if (authority != nullptr && authority->policies->client_auth.mode) {
    const auto& auth = authority->policies->client_auth;
    const bool may = may_use(*auth.secret, authority->ingress->meta.ns);
    // Without its Secret, `optional_no_ca` would let everybody in.
    const bool is_there = may && input.certificate(*auth.secret) != nullptr;
    built.host.client_certificates =
        table::ClientCertificates{is_there ? *auth.mode : table::ClientCertificates::Mode::Required,
                                  table_name_of(*auth.secret, *authority->ingress),
                                  auth.verify_depth, auth.subject_pattern, auth.pass_on};
    if (may) built.trusts.push_back(*auth.secret);
  }
  const auto* ciphers =
      find_share(input, [](const Policies& policies) { return !policies.ssl_ciphers.empty(); });
  if (ciphers != nullptr) built.host.ciphers = ciphers->policies->ssl_ciphers;
  const auto* app =
      find_share(input, [](const Policies& policies) { return !policies.app_root.empty(); });
  if (app != nullptr) built.host.redirects = table::HostRedirects{app->policies->app_root, {}};
  if (input.alias.empty()) settle_passthrough(input, built);
}

}  // namespace weir::ingress
