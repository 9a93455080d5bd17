#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

using table::TunnelPolicy;

constexpr std::uint32_t kMillion = 1'000'000;
constexpr std::uint64_t kMostTunnels = 0xffff'ffff;

template <auto Field, class Value>
void set(Policies& policies, Value value) {
  auto& field = policies.tunnels.*Field;
  field = static_cast<std::remove_reference_t<decltype(field)>>(std::move(value));
}

Duration time(std::uint32_t least_ms, std::uint32_t most_ms,
              void (*setter)(Policies&, std::uint32_t)) {
  return {least_ms, most_ms, setter};
}

bool is_upgrade_item(std::string_view item) {
  return item.size() <= table::kMaxRuleText && item != "websocket" &&
         table::is_upgrade_protocol(item);
}

bool is_origin_item(std::string_view item) {
  return item.size() <= table::kMaxRuleText && table::is_origin_rule(item);
}

constexpr auto kLong = table::kMaxTunnelMilliseconds;
constexpr auto kDay = table::kMaxMilliseconds;

}  // namespace

AnnotationTheme tunnel_annotations() {
  return {
      .title = "Tunnels",
      .text =
          "How WebSockets and other upgraded connections open, live and end. None of them is cut "
          "by a change of something else.",
      .annotations = {
          {.name = "weir.dev/tunnel-allowed-origins",
           .type =
               List{',',
                    "`same-host`, `none`, or scheme://host with an optional port; `*.` "
                    "may lead the host",
                    table::kMaxOrigins, is_origin_item, set<&TunnelPolicy::allowed_origins>, true},
           .text = "Pages that may open a WebSocket, by the Origin that browsers send: `same-host` "
                   "is the host of the request, `none` a handshake without Origin. Others get 403. "
                   "Without this annotation every page may; with a wrong list only those of the "
                   "same host",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "tunnel-allowed-origins",
           .if_wrong = "same-host",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-auth-interval",
           .type = time(0, kDay, set<&TunnelPolicy::auth_interval_ms>),
           .usual = "0",
           .text = "How often the service of `auth-url` is asked about an open tunnel again, with "
                   "the headers of its handshake. Its 401 or 403 ends the tunnel with Close 1008; "
                   "no answer, or another one, does not. At least a second; `0` never asks",
           .effect = Effect::InEffect,
           .twin = "tunnel-auth-interval",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-close-code",
           .type = Number{1000,
                          4999,
                          set<&TunnelPolicy::close_code>,
                          {},
                          table::is_close_code,
                          "but for 1004 to 1006 and 1015 to 2999"},
           .usual = "1001",
           .text = "Code of the Close frame with which weir ends a WebSocket, where the cause has "
                   "none of its own",
           .effect = Effect::InEffect,
           .twin = "tunnel-close-code",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-close-reason",
           .type = Text{"a text of at most 123 bytes", table::kMaxCloseReason,
                        table::is_close_reason, set<&TunnelPolicy::close_reason>},
           .text = "Reason in that Close frame. Without it: that of the cause",
           .effect = Effect::InEffect,
           .twin = "tunnel-close-reason",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-close-timeout",
           .type = time(1, kDay, set<&TunnelPolicy::close_timeout_ms>),
           .usual = "5s",
           .text = "How long an end by weir waits for the end of a frame that is under way, and "
                   "then for the peer's Close",
           .effect = Effect::InEffect,
           .twin = "tunnel-close-timeout",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-drain-window",
           .type = time(0, kDay, set<&TunnelPolicy::drain_window_ms>),
           .usual = "25s",
           .text = "Over how long tunnels that are drained are spread, so that their clients do "
                   "not come back all at once",
           .effect = Effect::InEffect,
           .twin = "tunnel-drain-window",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-duration-spread",
           .type = Number{0, 100, set<&TunnelPolicy::duration_spread_percent>, "percent"},
           .usual = "10",
           .text = "Each tunnel lasts up to so much less than `weir.dev/tunnel-max-duration`, at "
                   "random",
           .effect = Effect::InEffect,
           .twin = "tunnel-duration-spread",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-half-closed-timeout",
           .type = time(1, kLong, set<&TunnelPolicy::half_closed_timeout_ms>),
           .usual = "1m",
           .text = "Ends a tunnel of which one side has ended its sending, after so long without a "
                   "byte",
           .effect = Effect::InEffect,
           .twin = "tunnel-half-closed-timeout",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-handshake-timeout",
           .type = time(1, kDay, set<&TunnelPolicy::handshake_timeout_ms>),
           .usual = "10s",
           .text = "How long the Service may take to answer a handshake, from when it is asked",
           .effect = Effect::InEffect,
           .twin = "tunnel-handshake-timeout",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-idle-timeout",
           .type = time(0, kLong,
                        [](Policies& policies, std::uint32_t ms) {
                          policies.unsettled.tunnel_idle_ms = ms;
                        }),
           .usual = "1h",
           .text = "Ends a tunnel without a byte in either direction for so long; `0` never does. "
                   "ingress-nginx's 60 s do not count for tunnels, but where "
                   "`nginx.ingress.kubernetes.io/proxy-read-timeout` or `proxy-send-timeout` is "
                   "set and this annotation is not, the smaller one of them is the idle timeout",
           .effect = Effect::InEffect,
           .twin = "tunnel-idle-timeout",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-limit",
           .type = Number{0, kMostTunnels, set<&TunnelPolicy::limit>, "tunnels"},
           .usual = "0",
           .text = "Tunnels of a path that may be open at once, in each proxy; others get 503. `0` "
                   "is no limit",
           .effect = Effect::InEffect,
           .twin = "tunnel-limit",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-limit-per-client",
           .type = Number{0, kMostTunnels, set<&TunnelPolicy::limit_per_client>, "tunnels"},
           .usual = "0",
           .text = "The same for each client address",
           .effect = Effect::InEffect,
           .twin = "tunnel-limit-per-client",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-limit-per-endpoint",
           .type = Number{0, kMostTunnels, set<&TunnelPolicy::limit_per_endpoint>, "tunnels"},
           .usual = "0",
           .text =
               "Tunnels that an endpoint of the Service may have, from each proxy. Further ones "
               "go to another endpoint; when all are full they get 503. `0` is no limit",
           .effect = Effect::InEffect,
           .twin = "tunnel-limit-per-endpoint",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-max-duration",
           .type = time(0, kLong, set<&TunnelPolicy::max_duration_ms>),
           .usual = "0",
           .text = "Ends a tunnel politely when it has lasted so long; `0` never does",
           .effect = Effect::InEffect,
           .twin = "tunnel-max-duration",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-max-frame",
           .type = Size{std::uint64_t{1} << 40, set<&TunnelPolicy::max_frame_bytes>},
           .usual = "0",
           .text = "Largest payload of a WebSocket frame; a larger one ends the tunnel with Close "
                   "1009. `0` is no limit",
           .effect = Effect::InEffect,
           .twin = "tunnel-max-frame",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-on-endpoint-end",
           .type = Choice{{"keep", "drain", "cut"}, set<&TunnelPolicy::on_endpoint_end>},
           .usual = "drain",
           .text = "What becomes of tunnels whose endpoint terminates or is gone: `keep` leaves "
                   "them to their two sides, `drain` ends them politely over "
                   "`weir.dev/tunnel-drain-window`, `cut` politely at once",
           .effect = Effect::InEffect,
           .twin = "tunnel-on-endpoint-end",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-on-route-change",
           .type = Choice{{"keep", "drain", "cut"}, set<&TunnelPolicy::on_route_change>},
           .usual = "drain",
           .text = "The same for tunnels whose path is gone or leads to another Service",
           .effect = Effect::InEffect,
           .twin = "tunnel-on-route-change",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-open-burst",
           .type = Number{1, kMillion, set<&TunnelPolicy::open_burst>, "handshakes"},
           .usual = "1",
           .text =
               "How many handshakes may go on at once before `weir.dev/tunnel-opens-per-second` "
               "holds them",
           .effect = Effect::InEffect,
           .twin = "tunnel-open-burst",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-open-wait",
           .type = time(0, kDay, set<&TunnelPolicy::open_wait_ms>),
           .usual = "0",
           .text = "How long a handshake waits for its turn under "
                   "`weir.dev/tunnel-opens-per-second`, before it gets 503",
           .effect = Effect::InEffect,
           .twin = "tunnel-open-wait",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-opens-per-second",
           .type = Number{0, kMillion, set<&TunnelPolicy::opens_per_second>, "handshakes"},
           .usual = "0",
           .text = "Handshakes of a path that go on to the Service in a second, in each proxy: "
                   "clients that come back all at once do not trample it down. `0` is no limit",
           .effect = Effect::InEffect,
           .twin = "tunnel-opens-per-second",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-ping-interval",
           .type = time(0, kDay, set<&TunnelPolicy::ping_interval_ms>),
           .usual = "0",
           .text = "Sends a WebSocket Ping to a side that has been silent for so long; `0` sends "
                   "none",
           .effect = Effect::InEffect,
           .twin = "tunnel-ping-interval",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-ping-misses",
           .type = Number{1, 100, set<&TunnelPolicy::ping_misses>, "Pings"},
           .usual = "2",
           .text = "Ends a tunnel when so many Pings in a row were not answered",
           .effect = Effect::InEffect,
           .twin = "tunnel-ping-misses",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-rebalance",
           .type = Number{0, kMillion, set<&TunnelPolicy::rebalances_per_minute>, "tunnels"},
           .usual = "0",
           .text = "Tunnels a minute that are ended politely at endpoints that have too many, so "
                   "that their clients come back elsewhere, for instance after a scale-up. `0` "
                   "moves none",
           .effect = Effect::InEffect,
           .twin = "tunnel-rebalance",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-rebalance-tolerance",
           .type = Number{0, 1'000, set<&TunnelPolicy::rebalance_tolerance_percent>, "percent"},
           .usual = "25",
           .text = "An endpoint has too many tunnels when it has so much more than the mean",
           .effect = Effect::InEffect,
           .twin = "tunnel-rebalance-tolerance",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-refuse-by",
           .type = Choice{{"http", "close"}, set<&TunnelPolicy::refusal>},
           .usual = "http",
           .text = "How a client learns that weir refuses its handshake: `http` by a status, which "
                   "browsers do not show to scripts; `close` by a 101 and a Close frame with code "
                   "and reason, which they do",
           .effect = Effect::InEffect,
           .twin = "tunnel-refuse-by",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-stall-timeout",
           .type = time(1, kLong, set<&TunnelPolicy::stall_timeout_ms>),
           .usual = "1m",
           .text =
               "Ends a tunnel of which one side takes nothing of what waits for it, for so long",
           .effect = Effect::InEffect,
           .twin = "tunnel-stall-timeout",
           .since = "0.1"},
          {.name = "weir.dev/tunnel-upgrade-protocols",
           .type = List{',', "a name of the Upgrade header other than websocket",
                        table::kMaxUpgradeProtocols, is_upgrade_item,
                        set<&TunnelPolicy::other_protocols>, true},
           .text =
               "Protocols besides WebSocket that may open a tunnel. Their bytes pass unwatched, "
               "so limits and timeouts count, but not Pings and Close frames",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "tunnel-upgrade-protocols",
           .since = "0.1"},
          {.name = "weir.dev/websocket",
           .type = Flag{Flag::Words::OnOff, set<&TunnelPolicy::websocket>},
           .usual = "on",
           .text = "`off` answers 403 to WebSocket handshakes",
           .effect = Effect::InEffect,
           .twin = "websocket",
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
