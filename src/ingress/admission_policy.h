#pragma once

#include <string>

namespace weir::ingress {

/// What of a ValidatingAdmissionPolicy comes from the registry of annotations: `variables` and
/// `validations` of its spec, as YAML. An API server that has it refuses an Ingress whose
/// annotations weir would report, with the same sentence, so far as CEL can tell: lists and texts
/// are only measured, and what was wrong already may stay.
///
/// The chart puts the rest around it (charts/weir/templates/admissionpolicy.yaml).
std::string admission_policy();

}  // namespace weir::ingress
