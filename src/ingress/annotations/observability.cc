#include "ingress/annotations/themes.h"

namespace weir::ingress {

AnnotationTheme observability_annotations() {
  return {.title = "Logs and traces",
          .text = "",
          .annotations = {
              {.name = "nginx.ingress.kubernetes.io/enable-access-log",
               .type = Flag{},
               .usual = "true",
               .text = "Whether requests are logged"},
              {.name = "nginx.ingress.kubernetes.io/enable-opentelemetry",
               .type = Flag{},
               .text = "Whether requests are traced",
               .twin = "enable-opentelemetry"},
              {.name = "nginx.ingress.kubernetes.io/enable-rewrite-log",
               .type = Flag{},
               .text = "Logs what nginx rewrites",
               .effect = Effect::Accepted,
               .note = "weir has no such log"},
              {.name = "nginx.ingress.kubernetes.io/opentelemetry-operation-name",
               .type = Text{"a text"},
               .text = "Name of the spans",
               .risk = Risk::Medium},
              {.name = "nginx.ingress.kubernetes.io/opentelemetry-trust-incoming-span",
               .type = Flag{},
               .usual = "true",
               .text = "Whether a client's trace is taken up",
               .twin = "opentelemetry-trust-incoming-span"},
          }};
}

}  // namespace weir::ingress
