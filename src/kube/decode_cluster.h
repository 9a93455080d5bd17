#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

/// Objects that weir asks for by name when it needs them, and does not watch. Pure functions, for
/// any thread; what cannot be read is Malformed.
namespace weir::kube {

/// coordination.k8s.io/v1.
struct Lease {
  std::string ns;
  std::string name;
  std::string resource_version;  ///< opaque; an update of another version is a Conflict
  std::string holder;            ///< empty: nobody's
  std::int64_t duration = 0;     ///< seconds
  std::int64_t transitions = 0;
  std::string acquired;  ///< times of the holder's clock, which may be wrong
  std::string renewed;

  bool operator==(const Lease&) const = default;
};
util::Result<Lease> decode_lease(std::string_view json);
/// For a PUT; without a version, for a POST.
std::string encode_lease(const Lease& lease);

struct Pod {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string node;
  std::string phase;       ///< "Running", "Succeeded", …
  bool is_ready = false;   ///< its condition Ready
  bool is_ending = false;  ///< deleted, and in its grace period
};
util::Result<Pod> decode_pod(std::string_view json);
util::Result<std::vector<Pod>> decode_pod_list(std::string_view json);

/// One of a Node's status.addresses.
struct NodeAddress {
  std::string type;  ///< "InternalIP", "ExternalIP", …
  std::string address;
};
util::Result<std::vector<NodeAddress>> decode_node_addresses(std::string_view json);

}  // namespace weir::kube
