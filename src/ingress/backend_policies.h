#pragma once

#include <map>
#include <memory>
#include <vector>

#include "ingress/age.h"
#include "ingress/names.h"
#include "ingress/policies.h"
#include "kube/objects.h"
#include "table/table.h"

namespace weir::ingress {

/// The policies of the Ingresses that name a backend, oldest first.
using BackendClaims = std::map<Age, std::shared_ptr<const Policies>>;

/// The backends that an Ingress names; sorted, no duplicates.
std::vector<BackendKey> backends_of(const kube::Ingress& ingress);

/// Balancing and affinity. `defaults` are for a backend that no Ingress names.
void apply_policies(const BackendKey& key, const BackendClaims& claims, const Policies& defaults,
                    table::Backend& backend);

}  // namespace weir::ingress
