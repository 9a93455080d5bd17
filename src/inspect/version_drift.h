#pragma once

#include <string>
#include <vector>

#include "kube/objects.h"

namespace weir::inspect {

/// On what of ingress-nginx that a later version of it took away an Ingress relies: sentences. It
/// worked for its author, and may not in the version that is moved away from.
///
///   allow-snippet-annotations         true up to 1.9.0, since then false
///   annotations-risk-level            Critical up to 1.11, since then High
///   allow-cross-namespace-resources   true up to 1.11, since then false
///   strict-validate-path-type         false up to 1.11, since then true
std::vector<std::string> version_drift_of(const kube::Ingress& ingress);

}  // namespace weir::inspect
