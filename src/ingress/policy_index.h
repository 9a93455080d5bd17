#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ingress/host_builder.h"
#include "ingress/names.h"
#include "ingress/object_store.h"
#include "ingress/policy_settings.h"
#include "kube/objects.h"
#include "kube/problem.h"

namespace weir::ingress {

/// Which policy counts for what. Of two for one thing the older one counts, and of the same second
/// the one whose name sorts first; the other one counts for nothing there. What a policy says of a
/// host, or of a port, goes before what another says of the whole Ingress, or Service. For one
/// thread.
class PolicyIndex {
 public:
  using Settings = std::shared_ptr<const PolicySettings>;

  /// Of a policy that is not in it.
  void put(const kube::Policy& policy);
  void remove(const kube::Policy& policy);
  bool empty() const { return by_target_.empty(); }

  /// The policies that have it as a target, in any way, or name it as their Secret; sorted.
  std::vector<kube::ObjectRef> policies_of(kube::Kind kind, const NamespacedName& name) const;
  /// The TunnelPolicy that counts for one host of an Ingress; nullptr: none does.
  Settings of_host(const NamespacedName& ingress, const std::string& host) const;
  /// The policy of this kind that counts for a Service's port; nullptr: none does. `port` is its
  /// name, or empty.
  Settings of_port(kube::Kind policy, const NamespacedName& service, const std::string& port) const;
  /// The one that counts for a target of a policy.
  kube::ObjectRef winner(const kube::Policy& policy, const kube::PolicyTarget& target) const;

 private:
  using Target = std::pair<kube::Kind, NamespacedName>;
  /// Kind of the policy, target, section.
  using Claim = std::tuple<kube::Kind, Target, std::string>;
  using Seniority = std::pair<std::int64_t, std::string>;

  static std::vector<Target> things_of(const kube::Policy& policy);
  static Claim claim_of(const kube::Policy& policy, const kube::PolicyTarget& target);
  Settings find(const Claim& claim) const;

  std::map<Claim, std::map<Seniority, Settings>> claims_;
  std::map<Target, std::set<kube::ObjectRef>> by_target_;
};

/// What is said of one target of a policy, in its status.
struct PolicyVerdict {
  kube::PolicyTarget target;
  std::vector<kube::Condition> conditions;  ///< without times

  bool operator==(const PolicyVerdict&) const = default;
};

/// What policies are judged by.
struct PolicyWorld {
  const PolicyIndex& index;
  const ObjectStore& store;
  /// Whether an Ingress that is there is of our class.
  std::function<bool(const NamespacedName& ingress)> serves;
};

struct JudgedPolicy {
  std::vector<PolicyVerdict> verdicts;  ///< in the order of the targets
  /// On the policy: InvalidField, SecretNotFound, PolicyConflict, PolicyTargetNotFound.
  std::vector<kube::Problem> problems;
};
JudgedPolicy judge_policy(const kube::Policy& policy, const PolicyWorld& world,
                          const Options& options);

/// The IngressClasses of ours whose parameters it is, of a WeirConfig.
std::vector<std::string> classes_of(const kube::ObjectRef& config, const ObjectStore& store,
                                    const Options& options);

/// The shares of an Ingress, with the policies that its TunnelPolicies make of its own.
std::map<std::string, HostShare> shares_under_policies(
    const kube::Ingress& ingress, const std::shared_ptr<const Policies>& policies,
    const PolicyIndex& index);

/// The policies that count for a port of a Service, of both kinds: none, one or two.
std::vector<PolicyIndex::Settings> settings_of(const BackendKey& backend, const PolicyIndex& index,
                                               const ObjectStore& store);

/// The BackendPolicy among them; nullptr: there is none.
PolicyIndex::Settings backend_policy_of(const BackendKey& backend, const PolicyIndex& index,
                                        const ObjectStore& store);

/// Annotations of a served Ingress that have no effect somewhere, because a policy says the same:
/// problems of code ShadowedAnnotation.
std::vector<kube::Problem> check_shadowed(const kube::Ingress& ingress, const PolicyIndex& index,
                                          const ObjectStore& store);

/// The WeirConfig of an Ingress's class; nullptr: it has none, or that is not there.
const kube::Policy* config_of(const kube::Ingress& ingress, const ObjectStore& store,
                              const Options& options);
/// `defaults` with what a WeirConfig says on top.
std::shared_ptr<const Policies> make_class_defaults(const kube::Policy& config,
                                                    const Policies& defaults);
/// Parameters of our classes that are of another kind, or not there.
std::vector<kube::Problem> check_classes(const ObjectStore& store, const Options& options);

}  // namespace weir::ingress
