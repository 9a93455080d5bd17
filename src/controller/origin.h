#pragma once

#include <optional>

#include "kube/objects.h"
#include "table/table.h"

namespace weir::controller {

/// The object that a resource was made from, where it can be told: the Secret of a certificate, the
/// Service of a backend, the Ingress of a host's first route.
std::optional<kube::ObjectRef> object_of(const table::Resource& resource);

}  // namespace weir::controller
