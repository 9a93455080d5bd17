#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

using table::EndpointLimits;

template <auto Field, class Value>
void set_limit(Policies& policies, Value value) {
  policies.balancing.limits.*Field = static_cast<std::uint32_t>(value);
}

}  // namespace

AnnotationTheme health_annotations() {
  return {
      .title = "Limits of endpoints",
      .text =
          "These belong to a Service port, whoever else names it: the oldest Ingress that "
          "names it settles them all, also by saying nothing.",
      .annotations = {
          {.name = "weir.dev/endpoint-queue",
           .type =
               Number{0, table::kMaxEndpointQueue, set_limit<&EndpointLimits::queue>, "requests"},
           .usual = "100",
           .scope = Scope::Backend,
           .text = "Requests that wait in each proxy while all endpoints of the Service port have "
                   "as many as they may; others get 503 at once",
           .effect = Effect::InEffect,
           .twin = "endpoint-queue",
           .since = "0.1"},
          {.name = "weir.dev/endpoint-queue-timeout",
           .type =
               Duration{1, table::kMaxMilliseconds, set_limit<&EndpointLimits::queue_timeout_ms>},
           .usual = "5s",
           .scope = Scope::Backend,
           .text = "How long a request waits so; then it gets 503",
           .effect = Effect::InEffect,
           .twin = "endpoint-queue-timeout",
           .since = "0.1"},
          {.name = "weir.dev/endpoint-requests",
           .type = Number{0, table::kMaxEndpointRequests, set_limit<&EndpointLimits::requests>,
                          "requests"},
           .usual = "0",
           .scope = Scope::Backend,
           .text = "Requests that each proxy has in flight to one endpoint at once; 0 is no limit. "
                   "Tunnels do not count",
           .effect = Effect::InEffect,
           .twin = "endpoint-requests",
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
