#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ingress/age.h"
#include "ingress/header_map.h"
#include "ingress/names.h"
#include "ingress/object_store.h"
#include "ingress/policies.h"
#include "ingress/policy_settings.h"
#include "ingress/user_list.h"
#include "kube/objects.h"
#include "kube/problem.h"
#include "table/table.h"

namespace weir::ingress {

/// What one Ingress gives to one host.
struct HostShare {
  const kube::Ingress* ingress = nullptr;
  /// Indices in spec.rules. Empty: it has no rules, and gives its default backend to host "".
  std::vector<std::size_t> rules;
  std::shared_ptr<const Policies> policies;
  /// The TunnelPolicy that is in `policies` already; nullptr: none is.
  std::shared_ptr<const PolicySettings> tunnel_policy = {};
  /// If not empty, all that it gives: where nobody gives anything else, a redirect to that host
  /// (from-to-www-redirect).
  std::string www_of = {};
  /// If not empty, all that it gives: those hosts' other name is this one (server-alias); sorted.
  std::vector<std::string> alias_of = {};
};

/// Whether the Ingress has the host in its rules, or serves what no host does.
inline bool is_of_own_host(const HostShare& share) {
  return share.www_of.empty() && share.alias_of.empty();
}

using HostShares = std::map<Age, HostShare>;  ///< oldest first

/// The hosts that an Ingress has a share in, in lower case. Names that are no host are left out
/// (ingress_check.h reports them).
std::map<std::string, HostShare> shares_of(const kube::Ingress& ingress,
                                           const std::shared_ptr<const Policies>& policies);

/// What is known of TLS for a host.
struct HostTls {
  bool is_mapped = false;  ///< an Ingress says something: plain requests are redirected
  /// Usable Secrets with keys of different types, the first one preferred; none: the default
  /// certificate.
  std::vector<NamespacedName> certificates;

  bool operator==(const HostTls&) const = default;
};

/// Those that count for a port of a Service: none, one or two.
using FindServicePolicies =
    std::function<std::vector<std::shared_ptr<const PolicySettings>>(const BackendKey&)>;

struct HostInput {
  const std::string& name;
  const HostShares& shares;
  /// What the wildcard host that covers this name says; `{}` if there is none, or for a wildcard.
  HostTls wildcard_tls;
  /// Serves "/" where no Ingress does, and answers for errors.
  std::optional<BackendKey> default_backend;
  /// Of routes that come from no Ingress.
  const Policies& defaults;
  /// Of a Secret; nullptr: there is none. Asked only for Secrets that this host depends on.
  std::function<const ObjectStore::Certificate*(const NamespacedName&)> certificate;
  /// Asked only for ConfigMaps that this host depends on.
  FindConfigMap config_map;
  /// The policies of the Service behind a backend; nullptr: nobody has such.
  FindServicePolicies service_policies = {};
  /// The name to build the host under, instead of its own: certificates are for that, and so is
  /// `wildcard_tls`. Empty: its own.
  std::string alias = {};
};

/// A backend that takes requests from another one, whose clients stay on it or off it.
struct CanaryOf {
  BackendKey canary;
  BackendKey primary;

  auto operator<=>(const CanaryOf&) const = default;
};

struct BuiltHost {
  bool is_there = true;  ///< false: all that anybody has for the name is canaries
  table::Host host;
  HostTls own_tls;  ///< without what the wildcard says
  /// Usable Secrets whose certificates the host or its routes name; sorted, no duplicates.
  std::vector<NamespacedName> certificates;
  /// Secrets whose CAs they name, usable or not; sorted, no duplicates.
  std::vector<NamespacedName> trusts;
  /// Whose users routes ask for, usable or not; sorted, no duplicates.
  std::vector<UserSource> users;
  std::vector<BackendKey> backends;    ///< that routes name or ask; sorted, no duplicates
  std::vector<CanaryOf> canaries;      ///< sorted, no duplicates
  bool wants_default_backend = false;  ///< it serves or answers, or would if there were one
  std::vector<kube::Problem> problems;
};

/// Merges the shares of all namespaces into one host, as ingress-nginx does.
BuiltHost build_host(const HostInput& input);

}  // namespace weir::ingress
