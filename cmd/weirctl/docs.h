#pragma once

#include <string>
#include <vector>

namespace weir::weirctl {

/// `weirctl docs annotations`: prints the page of docs/ that is made from the registry. The exit
/// code.
int docs(const std::vector<std::string>& args);

}  // namespace weir::weirctl
