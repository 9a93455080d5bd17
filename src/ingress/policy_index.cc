#include "ingress/policy_index.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "ingress/annotations.h"
#include "ingress/backend_builder.h"
#include "ingress/backend_policies.h"
#include "ingress/class_filter.h"

namespace weir::ingress {

using kube::Kind;

namespace {

constexpr std::string_view kGroup = "weir.dev";

/// The name of the port that `key` finds, or "".
std::string port_name_of(const BackendKey& key, const ObjectStore& store) {
  const auto* service = store.find_service(key.service);
  const auto* port = service == nullptr ? nullptr : select_port(*service, key.port);
  return port == nullptr ? std::string() : port->name;
}

bool has_host(const kube::Ingress& ingress, const std::string& host) {
  return std::ranges::any_of(
      ingress.rules, [&](const kube::IngressRule& rule) { return lower_case(rule.host) == host; });
}

/// Why the target is not to be had; empty: it is there.
std::string missing(const NamespacedName& name, const kube::PolicyTarget& target,
                    const PolicyWorld& world) {
  if (target.kind == Kind::Service) {
    const auto* service = world.store.find_service(name);
    if (service == nullptr) return fmt::format("there is no Service {}", to_string(name));
    const auto has_name = [&](const auto& port) { return port.name == target.section; };
    if (target.section.empty() || std::ranges::any_of(service->ports, has_name)) return {};
    return fmt::format("Service {} has no port named {}", to_string(name), target.section);
  }
  const auto* ingress = world.store.find_ingress(name);
  if (ingress == nullptr) return fmt::format("there is no Ingress {}", to_string(name));
  if (!world.serves(name)) {
    return fmt::format("Ingress {} is of a class that weir does not serve", to_string(name));
  }
  if (target.section.empty() || has_host(*ingress, lower_case(target.section))) return {};
  return fmt::format("Ingress {} has no rule for host \"{}\"", to_string(name), target.section);
}

/// The Secret that a BackendPolicy names.
std::optional<NamespacedName> secret_of(const kube::Policy& policy) {
  const auto found = policy.fields.find("tls.secretName");
  if (policy.kind != Kind::BackendPolicy || found == policy.fields.end()) return std::nullopt;
  if (found->second.size() != 1) return std::nullopt;
  return NamespacedName{policy.meta.ns, found->second.front()};
}

kube::Condition condition(const kube::Policy& policy, std::string type, bool status,
                          std::string reason, std::string message) {
  return {std::move(type), status, std::move(reason), std::move(message), policy.generation, {}};
}

class Judge {
 public:
  Judge(const kube::Policy& policy, const PolicyWorld& world)
      : policy_(policy), world_(world), wrong_(read_policy(policy).problems) {
    const auto secret = secret_of(policy);
    if (secret && world.store.find_secret(*secret) == nullptr) {
      wrong_.push_back(
          {"SecretNotFound", kube::ref_of(policy), "spec.tls.secretName",
           fmt::format("there is no Secret {}; requests get 502", to_string(*secret))});
    }
    judged_.problems = wrong_;
  }

  JudgedPolicy run(const Options& options) {
    if (policy_.kind == Kind::WeirConfig) {
      for (const auto& name : classes_of(kube::ref_of(policy_), world_.store, options)) {
        accept({Kind::IngressClass, name, {}});
      }
    } else {
      for (std::size_t i = 0; i < policy_.targets.size(); ++i) judge(i);
    }
    std::ranges::sort(judged_.problems);
    return std::move(judged_);
  }

 private:
  void judge(std::size_t i) {
    const auto& target = policy_.targets[i];
    const auto field = fmt::format("spec.targetRefs[{}]", i);
    if (auto why = missing({policy_.meta.ns, target.name}, target, world_); !why.empty()) {
      refuse(target, "TargetNotFound", "PolicyTargetNotFound", field, std::move(why));
      return;
    }
    const auto winner = world_.index.winner(policy_, target);
    if (winner != kube::ref_of(policy_)) {
      refuse(target, "Conflicted", "PolicyConflict", field,
             fmt::format("{} is for the same target, and counts: it is older, or sorts first",
                         kube::to_string(winner)));
      return;
    }
    accept(target);
  }

  void refuse(const kube::PolicyTarget& target, std::string reason, std::string_view code,
              const std::string& field, std::string message) {
    judged_.problems.push_back({code, kube::ref_of(policy_), field, message});
    judged_.verdicts.push_back(
        {target, {condition(policy_, "Accepted", false, std::move(reason), std::move(message))}});
  }

  void accept(const kube::PolicyTarget& target) {
    auto& verdict = judged_.verdicts.emplace_back();
    verdict.target = target;
    verdict.conditions.push_back(
        condition(policy_, "Accepted", true, "Accepted", "the policy counts for this target"));
    if (wrong_.empty()) {
      verdict.conditions.push_back(condition(policy_, "Programmed", true, "Programmed",
                                             "the route table has what the policy says"));
    } else {
      const auto& first = wrong_.front();
      verdict.conditions.push_back(
          condition(policy_, "Programmed", false, "PartiallyProgrammed",
                    fmt::format("{}: {}; all else counts", first.field, first.message)));
    }
  }

  const kube::Policy& policy_;
  const PolicyWorld& world_;
  std::vector<kube::Problem> wrong_;  // about what it says
  JudgedPolicy judged_;
};

/// `base` with what a policy of a host says on top.
std::shared_ptr<const Policies> with(const Policies& base, const PolicySettings& settings) {
  auto made = std::make_shared<Policies>(base);
  apply_settings(settings, nullptr, *made);
  return made;
}

/// Finds what is shadowed, once each.
class Shadows {
 public:
  explicit Shadows(const kube::Ingress& ingress) : ingress_(ingress) {}

  void add(const PolicyIndex::Settings& settings) {
    if (settings == nullptr) return;
    for (const auto& [name, value] : ingress_.meta.annotations) {
      const auto* annotation = is_ours(name) ? find_annotation(name) : nullptr;
      if (annotation == nullptr) continue;
      for (const auto& set : settings->values) {
        if (set.field->annotation == annotation) tell(name, *settings, *set.field);
      }
    }
  }

  std::vector<kube::Problem> take() { return {problems_.begin(), problems_.end()}; }

 private:
  void tell(const std::string& name, const PolicySettings& settings, const PolicyField& field) {
    problems_.insert({"ShadowedAnnotation",
                      {Kind::Ingress, ingress_.meta.ns, ingress_.meta.name},
                      fmt::format("metadata.annotations[{}]", name),
                      fmt::format("{} says the same by spec.{}, and counts; remove one of them",
                                  kube::to_string(settings.policy), field.path)});
  }

  const kube::Ingress& ingress_;
  std::set<kube::Problem> problems_;
};

}  // namespace

PolicyIndex::Claim PolicyIndex::claim_of(const kube::Policy& policy,
                                         const kube::PolicyTarget& target) {
  const auto section = target.kind == Kind::Ingress ? lower_case(target.section) : target.section;
  return {policy.kind, {target.kind, {policy.meta.ns, target.name}}, section};
}

/// What it is judged by, each once.
std::vector<PolicyIndex::Target> PolicyIndex::things_of(const kube::Policy& policy) {
  std::set<Target> things;
  for (const auto& target : policy.targets) {
    things.insert({target.kind, {policy.meta.ns, target.name}});
  }
  if (auto secret = secret_of(policy)) things.insert({Kind::Secret, *std::move(secret)});
  return {things.begin(), things.end()};
}

void PolicyIndex::put(const kube::Policy& policy) {
  const auto settings = read_policy(policy).settings;
  for (const auto& target : policy.targets) {
    claims_[claim_of(policy, target)].emplace(
        Seniority{policy.meta.creation_timestamp, policy.meta.name}, settings);
  }
  for (const auto& thing : things_of(policy)) by_target_[thing].insert(kube::ref_of(policy));
}

void PolicyIndex::remove(const kube::Policy& policy) {
  for (const auto& target : policy.targets) {
    const auto found = claims_.find(claim_of(policy, target));
    if (found == claims_.end()) continue;  // named twice
    found->second.erase({policy.meta.creation_timestamp, policy.meta.name});
    if (found->second.empty()) claims_.erase(found);
  }
  for (const auto& thing : things_of(policy)) {
    const auto found = by_target_.find(thing);
    found->second.erase(kube::ref_of(policy));
    if (found->second.empty()) by_target_.erase(found);
  }
}

std::vector<kube::ObjectRef> PolicyIndex::policies_of(Kind kind, const NamespacedName& name) const {
  const auto found = by_target_.find({kind, name});
  if (found == by_target_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

PolicyIndex::Settings PolicyIndex::find(const Claim& claim) const {
  const auto found = claims_.find(claim);
  return found == claims_.end() ? nullptr : found->second.begin()->second;
}

PolicyIndex::Settings PolicyIndex::of_host(const NamespacedName& ingress,
                                           const std::string& host) const {
  const Target target{Kind::Ingress, ingress};
  if (!by_target_.contains(target)) return nullptr;
  if (auto own = find({Kind::TunnelPolicy, target, host}); own != nullptr) return own;
  return find({Kind::TunnelPolicy, target, {}});
}

PolicyIndex::Settings PolicyIndex::of_port(Kind policy, const NamespacedName& service,
                                           const std::string& port) const {
  const Target target{Kind::Service, service};
  if (!by_target_.contains(target)) return nullptr;
  if (auto own = find({policy, target, port}); own != nullptr) return own;
  return find({policy, target, {}});
}

kube::ObjectRef PolicyIndex::winner(const kube::Policy& policy,
                                    const kube::PolicyTarget& target) const {
  const auto settings = find(claim_of(policy, target));
  return settings == nullptr ? kube::ref_of(policy) : settings->policy;
}

JudgedPolicy judge_policy(const kube::Policy& policy, const PolicyWorld& world,
                          const Options& options) {
  return Judge(policy, world).run(options);
}

std::vector<std::string> classes_of(const kube::ObjectRef& config, const ObjectStore& store,
                                    const Options& options) {
  std::vector<std::string> names;
  for (const auto& [name, ingress_class] : store.classes()) {
    const auto& parameters = ingress_class.parameters;
    if (parameters && parameters->api_group == kGroup && parameters->kind == "WeirConfig" &&
        parameters->ns == config.ns && parameters->name == config.name &&
        is_our_class(ingress_class, options)) {
      names.push_back(name);
    }
  }
  return names;
}

std::map<std::string, HostShare> shares_under_policies(
    const kube::Ingress& ingress, const std::shared_ptr<const Policies>& policies,
    const PolicyIndex& index) {
  auto shares = shares_of(ingress, policies);
  if (index.empty()) return shares;
  std::map<PolicyIndex::Settings, std::shared_ptr<const Policies>> made;
  for (auto& [host, share] : shares) {
    share.tunnel_policy = index.of_host(name_of(ingress.meta), host);
    if (share.tunnel_policy == nullptr) continue;
    auto& own = made[share.tunnel_policy];
    if (own == nullptr) own = with(*policies, *share.tunnel_policy);
    share.policies = own;
  }
  return shares;
}

std::vector<PolicyIndex::Settings> settings_of(const BackendKey& backend, const PolicyIndex& index,
                                               const ObjectStore& store) {
  std::vector<PolicyIndex::Settings> settings;
  if (index.policies_of(Kind::Service, backend.service).empty()) return settings;
  const auto port = port_name_of(backend, store);
  for (const auto kind : {Kind::TunnelPolicy, Kind::BackendPolicy}) {
    if (auto one = index.of_port(kind, backend.service, port)) settings.push_back(std::move(one));
  }
  return settings;
}

PolicyIndex::Settings backend_policy_of(const BackendKey& backend, const PolicyIndex& index,
                                        const ObjectStore& store) {
  if (index.policies_of(Kind::Service, backend.service).empty()) return nullptr;
  return index.of_port(Kind::BackendPolicy, backend.service, port_name_of(backend, store));
}

std::vector<kube::Problem> check_shadowed(const kube::Ingress& ingress, const PolicyIndex& index,
                                          const ObjectStore& store) {
  if (index.empty()) return {};
  Shadows shadows(ingress);
  const auto name = name_of(ingress.meta);
  shadows.add(index.of_host(name, {}));
  for (const auto& rule : ingress.rules) shadows.add(index.of_host(name, lower_case(rule.host)));
  for (const auto& backend : backends_of(ingress)) {
    for (const auto& settings : settings_of(backend, index, store)) shadows.add(settings);
  }
  return shadows.take();
}

const kube::Policy* config_of(const kube::Ingress& ingress, const ObjectStore& store,
                              const Options& options) {
  if (!ingress.ingress_class_name) return nullptr;
  const auto named = store.classes().find(*ingress.ingress_class_name);
  if (named == store.classes().end() || !is_our_class(named->second, options)) return nullptr;
  const auto& parameters = named->second.parameters;
  if (!parameters || parameters->api_group != kGroup || parameters->kind != "WeirConfig") {
    return nullptr;
  }
  return store.find_policy({Kind::WeirConfig, parameters->ns, parameters->name});
}

std::shared_ptr<const Policies> make_class_defaults(const kube::Policy& config,
                                                    const Policies& defaults) {
  return with(defaults, *read_policy(config).settings);
}

std::vector<kube::Problem> check_classes(const ObjectStore& store, const Options& options) {
  std::vector<kube::Problem> problems;
  for (const auto& [name, ingress_class] : store.classes()) {
    const auto& parameters = ingress_class.parameters;
    if (!parameters || !is_our_class(ingress_class, options)) continue;
    const kube::ObjectRef ref{Kind::IngressClass, {}, name};
    if (parameters->api_group != kGroup || parameters->kind != "WeirConfig") {
      problems.push_back({"InvalidParameters", ref, "spec.parameters",
                          "must be a WeirConfig of group weir.dev; they count for nothing"});
    } else if (store.find_policy({Kind::WeirConfig, parameters->ns, parameters->name}) == nullptr) {
      problems.push_back(
          {"ParametersNotFound", ref, "spec.parameters",
           fmt::format("there is no WeirConfig {}; the class has the defaults of all classes",
                       to_string(NamespacedName{parameters->ns, parameters->name}))});
    }
  }
  return problems;
}

}  // namespace weir::ingress
