#pragma once

#include "ingress/annotations.h"

/// The parts of the registry. A theme is a function in a file of its name.
namespace weir::ingress {

AnnotationTheme tunnel_annotations();

}  // namespace weir::ingress
