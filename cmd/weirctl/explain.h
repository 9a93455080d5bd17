#pragma once

#include <string>
#include <vector>

namespace weir::weirctl {

/// `weirctl explain URL PATH`: says where a request would go, and why. 0: it is told; 2: wrong
/// flags, or nothing to read at PATH.
int explain(const std::vector<std::string>& args);

}  // namespace weir::weirctl
