#include "ingress/annotations/themes.h"
#include "ingress/policies.h"

namespace weir::ingress {

AnnotationTheme observability_annotations() {
  return {.title = "Logs and traces",
          .text = "",
          .annotations = {
              {.name = "nginx.ingress.kubernetes.io/enable-access-log",
               .type = Flag{Flag::Words::TrueFalse,
                            [](Policies& policies, bool on) { policies.logs_requests = on; }},
               .usual = "true",
               .text = "Whether weir-proxy's `--access-log` has lines of these paths' tunnels. The "
                       "ConfigMap's `disable-access-log` and `disable-http-access-log` go before "
                       "it",
               .effect = Effect::InEffect,
               .since = "0.1",
               .difference = "the access log has tunnels; requests are not in it"},
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
