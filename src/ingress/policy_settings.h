#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingress/policies.h"
#include "ingress/policy_fields.h"
#include "kube/objects.h"
#include "kube/problem.h"

namespace weir::ingress {

/// What one policy sets. Immutable, shared by all that it counts for.
struct PolicySettings {
  struct Value {
    const PolicyField* field = nullptr;
    std::string text;  ///< as its annotation would have it
  };
  kube::ObjectRef policy;
  std::vector<Value> values;  ///< by path

  bool sets(const Annotation& annotation) const;
};

struct ReadPolicy {
  std::shared_ptr<const PolicySettings> settings;
  /// Code "InvalidField": the field counts as not there, or as what a wrong annotation counts as.
  std::vector<kube::Problem> problems;
};

/// Takes each value by the rules of its annotation. Pure.
ReadPolicy read_policy(const kube::Policy& policy);

/// Puts on top of `policies`, which are settled before and after, what `settings` say: but for what
/// `but` says, too, if it is not nullptr.
void apply_settings(const PolicySettings& settings, const PolicySettings* but, Policies& policies);

}  // namespace weir::ingress
