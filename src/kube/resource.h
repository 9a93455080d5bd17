#pragma once

#include <string>

#include "kube/objects.h"

namespace weir::kube {

/// Where the objects of a kind are at the API server, as "/api/v1/namespaces/prod/secrets". `ns`
/// empty: of all namespaces; without meaning for IngressClass.
std::string resource_path(Kind kind, const std::string& ns);

/// The selectors weir lists and watches with, as parameters of a query, or "". The server leaves
/// out the Secrets that hold Helm releases (up to 1 MB each), and EndpointSlices of no Service.
/// With a `name` that object alone: a role that names it allows nothing else.
std::string resource_selector(Kind kind, const std::string& name);

/// As RBAC names it: "ingresses.networking.k8s.io".
std::string resource_name(Kind kind);
/// "ingresses".
std::string short_name(Kind kind);

}  // namespace weir::kube
