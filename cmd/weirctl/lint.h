#pragma once

#include <string>
#include <vector>

namespace weir::weirctl {

/// `weirctl lint PATH`: says what weir-controller would complain of. 0: nothing but warnings; 1:
/// there are errors; 2: wrong flags, or nothing to read at PATH.
int lint(const std::vector<std::string>& args);

}  // namespace weir::weirctl
