#pragma once

#include <memory>
#include <vector>

#include "ingress/policies.h"
#include "kube/objects.h"
#include "kube/problem.h"

namespace weir::ingress {

struct ReadAnnotations {
  std::shared_ptr<const Policies> policies;  ///< `defaults` itself, when nothing differs from it
  std::vector<kube::Problem> problems;       ///< bounded, whatever the Ingress holds
};

/// The annotations of an Ingress on top of what the ConfigMap says. Pure. What is wrong with one
/// leaves its field as in `defaults`, and is a problem of code
///   UnknownAnnotation   nobody knows the name
///   InvalidAnnotation   the value is not of its type, or out of bounds
///   NotInEffect         known, but without effect: not yet, or without another that it needs
///   RefusedAnnotation   known, and never in effect
ReadAnnotations read_annotations(const kube::Ingress& ingress,
                                 const std::shared_ptr<const Policies>& defaults);

}  // namespace weir::ingress
