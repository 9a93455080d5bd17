#pragma once

#include "ingress/annotations.h"

/// The parts of the registry, in the order of the reference page. Each is in the file of its name,
/// or of what it is near to.
namespace weir::ingress {

AnnotationTheme tunnel_annotations();
AnnotationTheme timeout_annotations();
AnnotationTheme retry_annotations();
AnnotationTheme balancing_annotations();
AnnotationTheme health_annotations();
AnnotationTheme redirect_annotations();
AnnotationTheme tls_annotations();
AnnotationTheme backend_tls_annotations();
AnnotationTheme content_annotations();
AnnotationTheme canary_annotations();
AnnotationTheme access_annotations();
AnnotationTheme cors_annotations();
AnnotationTheme observability_annotations();
AnnotationTheme refused_annotations();

}  // namespace weir::ingress
