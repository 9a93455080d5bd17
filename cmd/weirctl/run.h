#pragma once

#include <string>
#include <vector>

namespace weir::weirctl {

/// `weirctl run PATH [flags]`: both processes on a folder of manifests, until a signal ends them.
/// Returns the exit code.
int run(const std::vector<std::string>& args);

}  // namespace weir::weirctl
