#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ingress/host_builder.h"
#include "ingress/policies.h"
#include "table/table.h"
#include "util/rare.h"

/// From the policies of a host's Ingresses to the fields of its routes and its own.
namespace weir::ingress {

/// The policies of one Ingress, or of none, as its routes have them: what they share is made once.
/// The Policies outlive it.
class RoutePolicies {
 public:
  /// `has_rules` is false for a default backend that is all there is: it redirects and rewrites
  /// nothing.
  RoutePolicies(const Policies& policies, bool has_rules, bool redirects_to_https,
                const table::RouteRules& rules, util::Boxed<table::UpstreamTls> upstream_tls);

  /// Sets all that comes from annotations. The route has its match and its backends, of which
  /// `backend` is one.
  void apply_to(table::Route& route, const std::optional<BackendKey>& backend) const;
  /// Who gets the requests that come without TLS to a route with that backend; nothing: the same.
  std::optional<BackendKey> plain_backend_of(const BackendKey& backend) const;
  /// Whether the path is a regular expression, and so makes all of the host's paths such.
  bool makes_pattern_of(const std::string& path) const;

 private:
  bool rewrites(const std::string& path) const;
  util::Rare<table::RouteRules> rules_of(const table::Route& route,
                                         const std::optional<BackendKey>& backend) const;

  const Policies& policies_;
  bool has_rules_;
  bool redirects_to_https_;
  util::Boxed<table::UpstreamTls> upstream_tls_;
  util::Rare<table::RequestPolicy> requests_;
  util::Rare<table::RouteRules> rules_;
  util::Rare<table::RouteRules> rules_without_auth_;
  util::Rare<table::Retries> retries_;
  util::Rare<table::TunnelPolicy> tunnels_;
};

/// Those of the routes to one Service, which has policies of its own.
struct ServiceRoutePolicies {
  std::shared_ptr<const Policies> policies;
  RoutePolicies routes;  ///< of them
};

/// Knows what the Ingresses of a host have in common. What it refers to outlives it.
class RoutePolicyMaker {
 public:
  /// `has_certificate`: some Ingress says something about TLS for the host. Secrets that policies
  /// name are noted in `built`.
  RoutePolicyMaker(const HostInput& input, bool has_certificate, BuiltHost& built);

  RoutePolicies make(const HostShare& share) const;
  /// Nothing: the Service has no policies, and so `make` says it all.
  std::optional<ServiceRoutePolicies> make_for_service(const HostShare& share,
                                                       const BackendKey& backend) const;
  /// Of routes that come from no Ingress.
  RoutePolicies make_default() const;

 private:
  const HostInput& input_;
  bool has_certificate_;
  const HostShare* tls_of_host_;  // nullptr: nobody has proxy-ssl-secret
  BuiltHost& built_;
};

/// The backend that an Ingress's annotation default-backend names; nothing: it has none.
std::optional<BackendKey> default_backend_of(const kube::Ingress& ingress,
                                             const Policies& policies);

/// What clients must show, what they may speak, and where undecrypted connections go. The routes
/// are there already.
void settle_host_policies(const HostInput& input, BuiltHost& built);

}  // namespace weir::ingress
