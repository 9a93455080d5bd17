#include "kube/json_node.h"
#include "kube/names.h"

/// TunnelPolicy, BackendPolicy and WeirConfig. What their fields may be is known by the
/// translation, and by the schemas in crds/; here they are taken as they come.
namespace weir::kube {

namespace {

constexpr int kMaxDepth = 4;             // of spec: "tunnels.timeouts.idle" is 3
constexpr std::size_t kMaxFields = 200;  // there are not so many
constexpr std::size_t kMaxTargets = 16;
constexpr std::string_view kIngressGroup = "networking.k8s.io";

std::optional<Kind> target_kind(std::string_view group, std::string_view kind) {
  if (kind == "Service" && group.empty()) return Kind::Service;
  if (kind == "Ingress" && group == kIngressGroup) return Kind::Ingress;
  if (kind == "IngressClass" && group == kIngressGroup) return Kind::IngressClass;
  return std::nullopt;
}

PolicyTarget decode_target(Kind policy, const Node& node) {
  PolicyTarget target;
  const auto kind = target_kind(node["group"].text(), node["kind"].text());
  const bool fits =
      kind == Kind::Service || (kind == Kind::Ingress && policy == Kind::TunnelPolicy);
  if (fits) {
    target.kind = *kind;
  } else {
    node.refuse(
        policy == Kind::TunnelPolicy
            ? "must be kind Service of group \"\", or kind Ingress of group networking.k8s.io"
            : "must be kind Service of group \"\"");
  }
  target.name = node["name"].text();
  if (target.name.empty()) node["name"].refuse("is required");
  target.section = node["sectionName"].text();
  return target;
}

void decode_targets(const Node& refs, Policy& policy) {
  refs.each([&](const Node& node) {
    if (policy.targets.size() == kMaxTargets) {
      refs.refuse("must have at most 16 items");
      return;
    }
    policy.targets.push_back(decode_target(policy.kind, node));
  });
  if (policy.targets.empty()) refs.refuse("must have at least one item");
}

void flatten(const Node& node, const std::string& path, int depth, Policy& policy) {
  if (policy.fields.size() >= kMaxFields) return;
  if (node.is_list()) {
    auto& items = policy.fields[path];
    node.each([&](const Node& item) { items.push_back(item.scalar_text()); });
  } else if (node.is_scalar()) {
    policy.fields[path] = {node.scalar_text()};
  } else if (depth == kMaxDepth) {
    node.refuse("is nested too deeply");
  } else {
    node.each_member([&](std::string_view key, const Node& member) {
      if (!member.present()) return;
      const bool is_targets = path.empty() && key == "targetRefs";
      if (is_targets && policy.kind != Kind::WeirConfig) return;
      flatten(member, path.empty() ? std::string(key) : path + '.' + std::string(key), depth + 1,
              policy);
    });
  }
}

Condition decode_condition(const Node& node) {
  return {node["type"].text(),
          node["status"].text() == "True",
          node["reason"].text(),
          node["message"].text(),
          node["observedGeneration"].integer().value_or(0),
          node["lastTransitionTime"].text()};
}

PolicyAncestor decode_ancestor(const Node& node) {
  PolicyAncestor ancestor;
  const auto ref = node["ancestorRef"];
  // One of a kind that weir never writes is somebody else's.
  const auto kind = target_kind(ref["group"].text(), ref["kind"].text());
  ancestor.target = {kind.value_or(Kind::Manifest), ref["name"].text(), ref["sectionName"].text()};
  ancestor.controller = node["controllerName"].text();
  node["conditions"].each(
      [&](const Node& one) { ancestor.conditions.push_back(decode_condition(one)); });
  return ancestor;
}

}  // namespace

Policy decode_policy(Kind kind, const Node& root) {
  Policy policy;
  policy.kind = kind;
  policy.generation = root["metadata"]["generation"].integer().value_or(0);
  const auto spec = root["spec"];
  if (kind != Kind::WeirConfig) decode_targets(spec["targetRefs"], policy);
  flatten(spec, {}, 0, policy);
  root["status"]["ancestors"].each(
      [&](const Node& one) { policy.ancestors.push_back(decode_ancestor(one)); });
  return policy;
}

}  // namespace weir::kube
