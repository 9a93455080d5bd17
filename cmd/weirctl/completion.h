#pragma once

#include <string_view>

namespace weir::weirctl {

/// The script that completes weirctl's command line in "bash", "zsh" or "fish"; empty for any
/// other.
std::string_view completion(std::string_view shell);

}  // namespace weir::weirctl
