#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

constexpr std::uint64_t kMostSeconds = table::kMaxTunnelMilliseconds / 1'000;
constexpr std::string_view kStreams =
    "bodies go on as they come, both ways, in bounded memory and never onto a disk";

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
           .effect = Effect::Accepted,
           .note = kStreams,
           .twin = "client-body-buffer-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-body-size",
           .type = Size{table::kMaxBodyBytes,
                        [](Policies& policies, std::uint64_t bytes) {
                          policies.requests.body_bytes = bytes;
                        }},
           .usual = "1m",
           .text = "Largest request body; a larger one gets 413. `0` is no limit",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "proxy-body-size",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-buffer-size",
           .type = Size{1 << 30},
           .usual = "4k",
           .text = "Room for the head of a response",
           .effect = Effect::Accepted,
           .note = "every head of up to `--max-response-head-bytes` (64 KiB) passes",
           .twin = "proxy-buffer-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-buffering",
           .type = Flag{Flag::Words::OnOff},
           .usual = "off",
           .text = "Takes responses from the Service faster than the client does, into memory and "
                   "onto disk",
           .effect = Effect::Accepted,
           .note = kStreams,
           .twin = "proxy-buffering"},
          {.name = "nginx.ingress.kubernetes.io/proxy-buffers-number",
           .type = Number{1, 1024},
           .usual = "4",
           .text = "How many buffers `proxy-buffering` has",
           .effect = Effect::Accepted,
           .note = kStreams,
           .twin = "proxy-buffers-number"},
          {.name = "nginx.ingress.kubernetes.io/proxy-busy-buffers-size",
           .type = Size{1 << 30},
           .text = "How much of the buffers may be on its way to the client",
           .effect = Effect::Accepted,
           .note = kStreams,
           .twin = "proxy-busy-buffers-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-connect-timeout",
           .type = Number{1, table::kMaxMilliseconds / 1'000,
                          [](Policies& policies, std::uint64_t seconds) {
                            policies.requests.connect_timeout_ms =
                                static_cast<std::uint32_t>(seconds * 1'000);
                          },
                          "seconds"},
           .usual = "5",
           .text =
               "How long a connection to the Service may take, with its TLS handshake. Then the "
               "next endpoint is tried, and after the last one 504 is the answer",
           .effect = Effect::InEffect,
           .twin = "proxy-connect-timeout",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-http-version",
           .type = Choice{{"1.1", "1.0"},
                          [](Policies& policies, std::size_t word) {
                            policies.speaks_http_1_0 = word == 1;
                          }},
           .usual = "1.1",
           .text = "Version of HTTP towards the Service. With `1.0` a connection is for one "
                   "request; a request whose body comes in chunks gets 411",
           .effect = Effect::InEffect,
           .twin = "proxy-http-version",
           .since = "0.1",
           .difference = "with `1.0`, bodies in chunks are refused, not buffered; handshakes of "
                         "tunnels are in 1.1 all the same"},
          {.name = "nginx.ingress.kubernetes.io/proxy-max-temp-file-size",
           .type = Size{std::uint64_t{1} << 40},
           .usual = "1024m",
           .text = "How much of a buffered response goes to disk",
           .effect = Effect::Accepted,
           .note = kStreams,
           .twin = "proxy-max-temp-file-size"},
          {.name = "nginx.ingress.kubernetes.io/proxy-read-timeout",
           .type = Number{1, kMostSeconds,
                          [](Policies& policies, std::uint64_t seconds) {
                            policies.unsettled.read_timeout_s = static_cast<std::uint32_t>(seconds);
                          },
                          "seconds"},
           .text = "Longest time between two reads of a response, and until its head: then 504; "
                   "60 s without it. "
                   "Tunnels: the idle timeout, see `weir.dev/tunnel-idle-timeout`. nginx looks at "
                   "what is read from either side; so does weir. Its 60 s for tunnels without "
                   "this annotation do not count",
           .effect = Effect::InEffect,
           .twin = "proxy-read-timeout",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-request-buffering",
           .type = Flag{Flag::Words::OnOff},
           .usual = "on",
           .text = "Reads all of a request body before the Service gets any of it",
           .effect = Effect::Accepted,
           .note = "bodies go on as they come, in bounded memory; a body that came with the head "
                   "can be sent again to another endpoint",
           .twin = "proxy-request-buffering"},
          {.name = "nginx.ingress.kubernetes.io/proxy-send-timeout",
           .type = Number{1, kMostSeconds,
                          [](Policies& policies, std::uint64_t seconds) {
                            policies.unsettled.send_timeout_s = static_cast<std::uint32_t>(seconds);
                          },
                          "seconds"},
           .text =
               "Longest time between two writes of a request: then 504; 60 s without it. "
               "Tunnels: the idle timeout, when it is smaller than `proxy-read-timeout` or that "
               "is not set. nginx has it for writes that a side does not take; that is "
               "`weir.dev/tunnel-stall-timeout` here",
           .effect = Effect::InEffect,
           .twin = "proxy-send-timeout",
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
