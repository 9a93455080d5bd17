#pragma once

#include <string>
#include <vector>

#include "inspect/input.h"

namespace weir::inspect {

enum class Severity {
  Error,    ///< something that is written there will not happen
  Warning,  ///< everything else works without it
};

/// Of a problem. One about an annotation that is not in effect is an error if that closes the paths
/// (Annotation::close).
Severity severity_of(const kube::Problem& problem);

struct LintReport {
  std::string text;  ///< a line a finding, then notes, then the counts
  std::size_t errors = 0;
  std::size_t warnings = 0;
};

/// What weir-controller would complain of.
LintReport lint(Input input, const ingress::Options& options, bool colours);

}  // namespace weir::inspect
