#include "controller/status_requests.h"

#include <array>
#include <chrono>
#include <set>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "kube/decode.h"
#include "kube/resource.h"

namespace weir::controller {

using kube::ApiReply;
using kube::ApiStatus;

namespace {

/// That differ between Pods of one controller.
constexpr std::array<std::string_view, 5> kRevisionLabels = {
    "pod-template-hash", "controller-revision-hash", "pod-template-generation",
    "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"};

std::string apply_body(const StatusJob& job) {
  using nlohmann::json;
  json document = {{"apiVersion", "networking.k8s.io/v1"},
                   {"kind", "Ingress"},
                   {"metadata", {{"name", job.name.name}, {"namespace", job.name.ns}}}};
  // Nothing at all is how a manager gives up what it has.
  if (!job.addresses.empty()) {
    json list = json::array();
    for (const auto& address : job.addresses) {
      auto& entry = list.emplace_back(json::object());
      if (!address.ip.empty()) entry["ip"] = address.ip;
      if (!address.hostname.empty()) entry["hostname"] = address.hostname;
    }
    document["status"]["loadBalancer"]["ingress"] = std::move(list);
  }
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const char* group_of(kube::Kind target) {
  return target == kube::Kind::Service ? "" : "networking.k8s.io";
}

/// RFC 3339, in whole seconds.
std::string time_text(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

/// Since when the condition is what it is: as shown, or now.
std::string since(const kube::PolicyTarget& target, const kube::Condition& condition,
                  const std::vector<kube::PolicyAncestor>& shown) {
  for (const auto& ancestor : shown) {
    if (ancestor.target != target || ancestor.controller != kControllerName) continue;
    for (const auto& one : ancestor.conditions) {
      const bool is_as_it_was = one.type == condition.type && one.status == condition.status;
      if (is_as_it_was && !one.last_transition.empty()) return one.last_transition;
    }
  }
  return time_text(std::chrono::system_clock::now());
}

nlohmann::json ancestor_json(const ingress::PolicyVerdict& verdict,
                             const std::vector<kube::PolicyAncestor>& shown) {
  using nlohmann::json;
  const auto& target = verdict.target;
  json ref = {{"group", group_of(target.kind)},
              {"kind", kube::to_string(target.kind)},
              {"name", target.name}};
  if (!target.section.empty()) ref["sectionName"] = target.section;
  json conditions = json::array();
  for (const auto& condition : verdict.conditions) {
    conditions.push_back({{"type", condition.type},
                          {"status", condition.status ? "True" : "False"},
                          {"reason", condition.reason},
                          {"message", condition.message},
                          {"observedGeneration", condition.observed_generation},
                          {"lastTransitionTime", since(target, condition, shown)}});
  }
  return {{"ancestorRef", std::move(ref)},
          {"controllerName", kControllerName},
          {"conditions", std::move(conditions)}};
}

/// The manager in `… conflict with "NAME" using …: .status…`, or the first of several.
std::string writer_in(const std::string& detail) {
  constexpr std::string_view kBefore = " with \"";
  const auto begin = detail.find(kBefore);
  if (begin == std::string::npos) return "another writer";
  const auto name = begin + kBefore.size();
  return "\"" + detail.substr(name, detail.find('"', name) - name) + "\"";
}

StatusOutcome outcome_of(ApiStatus status) {
  switch (status) {
    case ApiStatus::Ok:
      return StatusOutcome::Written;
    case ApiStatus::Conflict:
      return StatusOutcome::Conflict;
    case ApiStatus::NotFound:
      return StatusOutcome::Gone;
    case ApiStatus::Refused:
    case ApiStatus::Expired:
      return StatusOutcome::Refused;
    case ApiStatus::Stopped:
    case ApiStatus::Unreachable:
    case ApiStatus::Unauthorized:
    case ApiStatus::Forbidden:
    case ApiStatus::Overloaded:
      break;
  }
  return StatusOutcome::Failed;
}

/// Why a read came to nothing, for people.
util::Error read_error(const std::string& what, const ApiReply& reply) {
  std::string detail = "cannot read " + what + ": " + reply.detail;
  if (reply.status == ApiStatus::Forbidden) detail += "; weir's role does not allow it";
  return reply.status == ApiStatus::NotFound ? util::malformed(std::move(detail))
                                             : util::unavailable(std::move(detail));
}

std::string pods_path(const OwnPod& pod) {
  return "/api/v1/namespaces/" + kube::encode_query(pod.ns) + "/pods";
}

/// All Pods with the labels of `own`, itself among them.
util::Result<std::vector<kube::Pod>> read_pods(kube::ApiClient& client, const OwnPod& own) {
  auto reply = client.get(pods_path(own) + '/' + kube::encode_query(own.name));
  if (reply.status != ApiStatus::Ok) return read_error("Pod " + own.ns + '/' + own.name, reply);
  auto pod = kube::decode_pod(reply.body);
  if (!pod) return pod.error();
  std::string selector;
  for (const auto& [key, value] : pod->labels) {
    if (std::ranges::find(kRevisionLabels, key) != kRevisionLabels.end()) continue;
    selector += (selector.empty() ? "" : ",") + key + '=' + value;
  }
  // Without a label there is nothing by which others would be known.
  if (selector.empty()) return std::vector<kube::Pod>{*std::move(pod)};
  reply = client.get(pods_path(own) + "?labelSelector=" + kube::encode_query(selector));
  if (reply.status != ApiStatus::Ok) return read_error("Pods in " + own.ns, reply);
  return kube::decode_pod_list(reply.body);
}

}  // namespace

Applied apply_status(kube::ApiClient& client, const StatusJob& job) {
  const auto target = kube::resource_path(kube::Kind::Ingress, job.name.ns) + '/' +
                      kube::encode_query(job.name.name) + "/status?fieldManager=weir&force=false";
  const auto reply = client.patch(target, apply_body(job), kube::kApplyPatch);
  Applied applied{outcome_of(reply.status), "", reply.detail, reply.retry_after};
  if (reply.status == ApiStatus::Conflict) applied.writer = writer_in(reply.detail);
  if (reply.status == ApiStatus::Forbidden) {
    applied.detail += "; weir's role needs patch on ingresses/status";
  }
  return applied;
}

Applied apply_policy_status(kube::ApiClient& client, const kube::ObjectRef& policy,
                            const std::vector<ingress::PolicyVerdict>& verdicts,
                            const std::vector<kube::PolicyAncestor>& shown) {
  using nlohmann::json;
  json ancestors = json::array();
  for (const auto& verdict : verdicts) ancestors.push_back(ancestor_json(verdict, shown));
  const json document = {{"apiVersion", "weir.dev/v1alpha1"},
                         {"kind", kube::to_string(policy.kind)},
                         {"metadata", {{"name", policy.name}, {"namespace", policy.ns}}},
                         {"status", {{"ancestors", std::move(ancestors)}}}};
  const auto target = kube::resource_path(policy.kind, policy.ns) + '/' +
                      kube::encode_query(policy.name) + "/status?fieldManager=weir&force=true";
  const auto reply = client.patch(
      target, document.dump(-1, ' ', false, json::error_handler_t::replace), kube::kApplyPatch);
  Applied applied{outcome_of(reply.status), "", reply.detail, reply.retry_after};
  if (reply.status == ApiStatus::Forbidden) {
    applied.detail +=
        "; weir's role needs patch on " + kube::resource_name(policy.kind) + "/status";
  }
  return applied;
}

util::Result<Addresses> read_service_addresses(kube::ApiClient& client,
                                               const ingress::NamespacedName& service) {
  const auto reply = client.get(kube::resource_path(kube::Kind::Service, service.ns) + '/' +
                                kube::encode_query(service.name));
  if (reply.status != ApiStatus::Ok) return read_error("Service " + to_string(service), reply);
  const auto decoded = kube::decode_object(kube::Kind::Service, reply.body);
  if (!decoded.object) return util::malformed("Service " + to_string(service) + " cannot be read");
  return addresses_of(std::get<kube::Service>(*decoded.object));
}

util::Result<Addresses> read_node_addresses(kube::ApiClient& client, const OwnPod& pod,
                                            bool internal_only) {
  const auto pods = read_pods(client, pod);
  if (!pods) return pods.error();
  std::set<std::string> names;
  for (const auto& one : *pods) {
    if (one.is_ready && !one.is_ending && !one.node.empty()) names.insert(one.node);
  }
  std::vector<std::vector<kube::NodeAddress>> nodes;
  for (const auto& name : names) {
    const auto reply = client.get("/api/v1/nodes/" + kube::encode_query(name));
    if (reply.status == ApiStatus::NotFound) continue;
    if (reply.status != ApiStatus::Ok) return read_error("Node " + name, reply);
    auto addresses = kube::decode_node_addresses(reply.body);
    if (!addresses) return addresses.error();
    nodes.push_back(*std::move(addresses));
  }
  return addresses_of(nodes, internal_only);
}

util::Result<bool> is_other_pod_there(kube::ApiClient& client, const OwnPod& pod) {
  const auto pods = read_pods(client, pod);
  if (!pods) return pods.error();
  return std::ranges::any_of(*pods, [&](const kube::Pod& other) {
    return other.name != pod.name && !other.is_ending && other.phase != "Succeeded" &&
           other.phase != "Failed";
  });
}

}  // namespace weir::controller
