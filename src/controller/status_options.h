#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "controller/status_addresses.h"
#include "ingress/names.h"

namespace weir::controller {

/// Which Lease, and as whom. Times follow ingress-nginx: of `ttl` the leader has half to renew in,
/// and renews every quarter.
struct ElectionOptions {
  std::string ns;
  std::string name = "weir-leader";
  std::string identity;  ///< of this process alone, for a Pod of the same name may come after it
  std::chrono::milliseconds ttl{30'000};
};

/// This controller's Pod.
struct OwnPod {
  std::string ns;
  std::string name;  ///< empty: it is not known, or there is none
};

/// Names follow the flags of weir-controller. Where addresses come from: `fixed` if there are any,
/// else `service` if it is set, else the nodes on which the Pods of this controller are.
struct StatusOptions {
  Addresses fixed;
  std::optional<ingress::NamespacedName> service;
  bool internal_node_addresses = false;
  bool clear_at_end = true;
  /// How often the API server is asked for what is not watched: nodes, and a Service of a namespace
  /// that is not watched.
  std::chrono::milliseconds interval{60'000};
  OwnPod pod;
  std::optional<ElectionOptions> election;  ///< nothing: always leader
};

}  // namespace weir::controller
