#pragma once

#include <string>

namespace weir::ingress {

/// The page docs/annotations.md, from the registry: `weirctl docs annotations` prints it.
std::string annotation_reference();

}  // namespace weir::ingress
