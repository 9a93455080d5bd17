#include "kube/decode_cluster.h"

#include "kube/json_node.h"

namespace weir::kube {

namespace {

using nlohmann::json;

/// Reads one document by `read(Node)`. The first thing that is wrong with it is the error.
template <class Read>
auto decode_document(std::string_view text, Read read)
    -> util::Result<decltype(read(std::declval<const Node&>()))> {
  const auto document = json::parse(text.begin(), text.end(), nullptr, false);
  if (document.is_discarded() || !document.is_object()) return util::malformed("not a JSON object");
  Report report;
  auto value = read(Node(document, report));
  if (report.problems.empty()) return value;
  const auto& problem = report.problems.front();
  return util::malformed(problem.field + " " + problem.message);
}

Lease lease_of(const Node& root) {
  Lease lease;
  const auto metadata = root["metadata"];
  lease.ns = metadata["namespace"].text();
  lease.name = metadata["name"].text();
  lease.resource_version = metadata["resourceVersion"].text();
  const auto spec = root["spec"];
  lease.holder = spec["holderIdentity"].text();
  lease.duration = spec["leaseDurationSeconds"].integer().value_or(0);
  lease.transitions = spec["leaseTransitions"].integer().value_or(0);
  lease.acquired = spec["acquireTime"].text();
  lease.renewed = spec["renewTime"].text();
  return lease;
}

Pod pod_of(const Node& root) {
  Pod pod;
  const auto metadata = root["metadata"];
  pod.name = metadata["name"].text();
  pod.is_ending = metadata["deletionTimestamp"].present();
  metadata["labels"].each_entry(
      [&](std::string_view key, const Node& value) { pod.labels.emplace(key, value.text()); });
  pod.node = root["spec"]["nodeName"].text();
  pod.phase = root["status"]["phase"].text();
  root["status"]["conditions"].each([&](const Node& condition) {
    if (condition["type"].text() == "Ready") pod.is_ready = condition["status"].text() == "True";
  });
  return pod;
}

}  // namespace

util::Result<Lease> decode_lease(std::string_view text) {
  return decode_document(text, lease_of);
}

std::string encode_lease(const Lease& lease) {
  json metadata = {{"name", lease.name}, {"namespace", lease.ns}};
  if (!lease.resource_version.empty()) metadata["resourceVersion"] = lease.resource_version;
  json spec = {{"holderIdentity", lease.holder},
               {"leaseDurationSeconds", lease.duration},
               {"leaseTransitions", lease.transitions}};
  if (!lease.acquired.empty()) spec["acquireTime"] = lease.acquired;
  if (!lease.renewed.empty()) spec["renewTime"] = lease.renewed;
  const json document = {{"apiVersion", "coordination.k8s.io/v1"},
                         {"kind", "Lease"},
                         {"metadata", std::move(metadata)},
                         {"spec", std::move(spec)}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

util::Result<Pod> decode_pod(std::string_view text) {
  return decode_document(text, pod_of);
}

util::Result<std::vector<Pod>> decode_pod_list(std::string_view text) {
  return decode_document(text, [](const Node& root) {
    std::vector<Pod> pods;
    root["items"].each([&](const Node& item) { pods.push_back(pod_of(item)); });
    return pods;
  });
}

util::Result<std::vector<NodeAddress>> decode_node_addresses(std::string_view text) {
  return decode_document(text, [](const Node& root) {
    std::vector<NodeAddress> addresses;
    root["status"]["addresses"].each([&](const Node& address) {
      addresses.push_back({address["type"].text(), address["address"].text()});
    });
    return addresses;
  });
}

}  // namespace weir::kube
