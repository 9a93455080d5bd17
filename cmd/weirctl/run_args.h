#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace weir::weirctl {

/// What `weirctl run` was told, as given: values are not looked at yet.
struct RunArgs {
  std::string path;                     ///< the folder; empty: not given
  std::vector<std::string> own;         ///< weirctl's own flags, each as "--flag=value"
  std::vector<std::string> controller;  ///< everything else, each as "--flag" or "--flag=value"
};

/// Parts a command line behind `run`. A flag that is not of `own_flags` is the controller's, which
/// knows whether it is one; "--flag value" and "--flag=value" mean the same, but for its switches.
util::Result<RunArgs> split_run_args(const std::vector<std::string>& args,
                                     const std::vector<std::string_view>& own_flags);

}  // namespace weir::weirctl
