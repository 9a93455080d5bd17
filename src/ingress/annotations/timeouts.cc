#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

constexpr std::uint64_t kMostSeconds = table::kMaxTunnelMilliseconds / 1'000;

}  // namespace

AnnotationTheme timeout_annotations() {
  return {
      .title = "Timeouts and buffers",
      .text = "",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/client-body-buffer-size",
           .type = Size{1 << 30},
           .usual = "8k",
           .text = "Memory for a request body before it goes to disk",
           .twin = "client-body-buffer-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-body-size",
           .type = Size{std::uint64_t{1} << 40},
           .usual = "1m",
           .text = "Largest request body; a larger one gets 413. `0` is no limit",
           .risk = Risk::Medium,
           .twin = "proxy-body-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-buffer-size",
           .type = Size{1 << 30},
           .usual = "4k",
           .text = "Room for the head of a response",
           .twin = "proxy-buffer-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-buffering",
           .type = Flag{Flag::Words::OnOff},
           .usual = "off",
           .text = "Takes responses from the Service faster than the client does, into memory and "
                   "onto disk",
           .twin = "proxy-buffering"},
          {.name = "nginx.ingress.kubernetes.io/proxy-buffers-number",
           .type = Number{1, 1024},
           .usual = "4",
           .text = "How many buffers `proxy-buffering` has",
           .twin = "proxy-buffers-number"},
          {.name = "nginx.ingress.kubernetes.io/proxy-busy-buffers-size",
           .type = Size{1 << 30},
           .text = "How much of the buffers may be on its way to the client",
           .twin = "proxy-busy-buffers-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-connect-timeout",
           .type = Number{1, kMostSeconds, nullptr, "seconds"},
           .usual = "5",
           .text = "How long a connection to the Service may take",
           .twin = "proxy-connect-timeout"},
          {.name = "nginx.ingress.kubernetes.io/proxy-http-version",
           .type = Choice{{"1.1", "1.0"}},
           .usual = "1.1",
           .text = "Version of HTTP towards the Service",
           .twin = "proxy-http-version"},
          {.name = "nginx.ingress.kubernetes.io/proxy-max-temp-file-size",
           .type = Size{std::uint64_t{1} << 40},
           .usual = "1024m",
           .text = "How much of a buffered response goes to disk",
           .twin = "proxy-max-temp-file-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-read-timeout",
           .type = Number{1, kMostSeconds,
                          [](Policies& policies, std::uint64_t seconds) {
                            policies.unsettled.read_timeout_s = static_cast<std::uint32_t>(seconds);
                          },
                          "seconds"},
           .text = "Tunnels: the idle timeout, see `weir.dev/tunnel-idle-timeout`. nginx looks at "
                   "what is read from either side; so does weir. Its 60 s for tunnels without "
                   "this annotation do not count",
           .effect = Effect::Partly,
           .note = "only tunnels heed it; requests have weir-proxy's --response-head-timeout and "
                   "--response-body-timeout",
           .twin = "proxy-read-timeout",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-request-buffering",
           .type = Flag{Flag::Words::OnOff},
           .usual = "on",
           .text = "Reads all of a request body before the Service gets any of it",
           .twin = "proxy-request-buffering"},
          {.name = "nginx.ingress.kubernetes.io/proxy-send-timeout",
           .type = Number{1, kMostSeconds,
                          [](Policies& policies, std::uint64_t seconds) {
                            policies.unsettled.send_timeout_s = static_cast<std::uint32_t>(seconds);
                          },
                          "seconds"},
           .text =
               "Tunnels: the idle timeout, when it is smaller than `proxy-read-timeout` or that "
               "is not set. nginx has it for writes that a side does not take; that is "
               "`weir.dev/tunnel-stall-timeout` here",
           .effect = Effect::Partly,
           .note = "only tunnels heed it; requests have weir-proxy's --send-timeout",
           .twin = "proxy-send-timeout",
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
