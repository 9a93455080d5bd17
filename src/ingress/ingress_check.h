#pragma once

#include <vector>

#include "ingress/global_settings.h"
#include "ingress/object_store.h"
#include "ingress/options.h"
#include "ingress/policies.h"
#include "kube/objects.h"
#include "kube/problem.h"

namespace weir::ingress {

/// What an Ingress names: whenever one of these comes, goes or changes, it is checked again.
struct References {
  // Sorted, no duplicates.
  std::vector<NamespacedName> services;
  std::vector<NamespacedName> secrets;
  std::vector<NamespacedName> config_maps;
};

References references_of(const kube::Ingress& ingress, const Policies& policies);

/// What is wrong with a served Ingress whoever else serves the same hosts: Services, ports and
/// Secrets that are missing or unusable, hosts and paths that cannot be served. (Conflicts between
/// Ingresses are found by build_host.)
std::vector<kube::Problem> check_ingress(const kube::Ingress& ingress, const Policies& policies,
                                         const ObjectStore& store);

/// What is wrong with the objects that flags name.
std::vector<kube::Problem> check_options(const Options& options, const ObjectStore& store,
                                         const GlobalSettings& global);

/// On Ingresses that are not served: only that their class is nowhere, and only where nobody else
/// could be meant (Options::serve_classless).
std::vector<kube::Problem> check_unserved(const kube::Ingress& ingress, const ObjectStore& store,
                                          const Options& options);

}  // namespace weir::ingress
