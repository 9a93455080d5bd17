#pragma once

#include <vector>

#include "ingress/names.h"
#include "kube/objects.h"
#include "kube/problem.h"
#include "table/table.h"

namespace weir::ingress {

/// The first TCP port of `service` whose number, targetPort text or name equals `port`, in the
/// order of the Service (as ingress-nginx does: "8080" also finds port 80 with targetPort 8080). An
/// empty `port` finds the first one. nullptr if there is none.
const kube::ServicePort* select_port(const kube::Service& service, const std::string& port);

/// Whether a backend with this port can be had from the Service: `select_port`, or any number for
/// an ExternalName.
bool has_port(const kube::Service& service, const std::string& port);

struct BuiltBackend {
  table::Backend backend;
  /// On the Service or its EndpointSlices. That a Service or port is missing is not among them:
  /// that is the Ingress's mistake (ingress_check.h).
  std::vector<kube::Problem> problems;

  bool operator==(const BuiltBackend&) const = default;
};

/// Whether there is anywhere to send a request to.
inline bool is_usable(const table::Backend& backend) {
  return backend.dns.has_value() || !backend.endpoints.empty();
}

struct BackendRules {
  bool allow_loopback = false;  ///< an endpoint may be on this machine
  bool by_address = false;      ///< the Service's address is the one endpoint, if it has one
};

/// The endpoints of one Service port; of a key without a namespace, those of a machine by its name
/// and a number, none if that is this machine and may not be. `service` may be nullptr: a backend
/// without endpoints. `slices` are those of the Service, in any order: the result is the same.
BuiltBackend build_backend(const BackendKey& key, const kube::Service* service,
                           const std::vector<const kube::EndpointSlice*>& slices,
                           const BackendRules& rules);

}  // namespace weir::ingress
