#pragma once

#include <string>

#include "ingress/policy_fields.h"

/// What is made of the registry of weir's own kinds (policy_fields.h).
namespace weir::ingress {

/// The CustomResourceDefinition, as YAML: crds/*.yaml.
std::string policy_definition(const PolicyKind& kind);

/// docs/crds.md.
std::string policy_reference();

}  // namespace weir::ingress
