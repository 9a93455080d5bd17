#pragma once

#include <string>

#include "util/result.h"

namespace weir::kube {

/// A small file as a whole: certificates, tokens, kubeconfigs. At most 1 MiB.
util::Result<std::string> read_file(const std::string& path);

}  // namespace weir::kube
