#pragma once

#include <string>
#include <vector>

namespace weir::weirctl {

/// `weirctl wait`: what the chart's hooks and its test do, in an image without a shell. 0: what was
/// waited for is so; 1: it was not in time; 2: wrong flags.
int wait(const std::vector<std::string>& args);

}  // namespace weir::weirctl
