#pragma once

#include <string>
#include <vector>

namespace weir::weirctl {

/// `weirctl migrate report [PATH]`: what a move from ingress-nginx means for the manifests, or
/// without a PATH for the cluster that the kubeconfig names. 0: it is told; 1: the cluster did not
/// answer; 2: wrong flags, or nothing to read at PATH.
int migrate(const std::vector<std::string>& args);

}  // namespace weir::weirctl
