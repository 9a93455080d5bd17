#pragma once

#include "table/describe_bounds.h"
#include "table/table.h"

/// What a route says of its tunnels, and Settings of all (describe.h).
namespace weir::table {

inline constexpr const char* kThens[] = {"keep", "drain", "cut"};
inline constexpr const char* kRefusals[] = {"http", "close"};

template <class Io>
constexpr void describe(Of<TunnelPolicy>, Io& io) {
  using Policy = TunnelPolicy;
  io.texts("allowed_origins", &Policy::allowed_origins,
           ItemRule{kMaxOrigins, is_origin_rule, "that cannot be"});
  io.number("auth_interval_ms", &Policy::auth_interval_ms, kMilliseconds);
  io.number("close_code", &Policy::close_code,
            NumberRule{0, kAnyNumber, is_close_code, "is none that may be sent"});
  io.text("close_reason", &Policy::close_reason, TextRule{kMaxCloseReason});
  io.number("close_timeout_ms", &Policy::close_timeout_ms, NumberRule{1, kMaxMilliseconds});
  io.number("drain_window_ms", &Policy::drain_window_ms, kMilliseconds);
  io.number("duration_spread_percent", &Policy::duration_spread_percent, NumberRule{0, 100});
  io.number("half_closed_timeout_ms", &Policy::half_closed_timeout_ms, kLongWait);
  io.number("handshake_timeout_ms", &Policy::handshake_timeout_ms, NumberRule{1, kMaxMilliseconds});
  io.number("idle_timeout_ms", &Policy::idle_timeout_ms, kLongTime);
  io.number("limit", &Policy::limit, NumberRule{0, kAnyNumber});
  io.number("limit_per_client", &Policy::limit_per_client, NumberRule{0, kAnyNumber});
  io.number("limit_per_endpoint", &Policy::limit_per_endpoint, NumberRule{0, kAnyNumber});
  io.number("max_duration_ms", &Policy::max_duration_ms, kLongTime);
  io.number("max_frame_bytes", &Policy::max_frame_bytes, NumberRule{0, std::uint64_t{1} << 62});
  io.choice("on_endpoint_end", &Policy::on_endpoint_end, kThens);
  io.choice("on_route_change", &Policy::on_route_change, kThens);
  io.number("open_burst", &Policy::open_burst, kBurst);
  io.number("open_wait_ms", &Policy::open_wait_ms, kMilliseconds);
  io.number("opens_per_second", &Policy::opens_per_second, kPerSecond);
  io.texts("other_protocols", &Policy::other_protocols,
           ItemRule{kMaxUpgradeProtocols, is_upgrade_protocol, "that cannot be"});
  io.number("ping_interval_ms", &Policy::ping_interval_ms, kMilliseconds);
  io.number("ping_misses", &Policy::ping_misses, NumberRule{1, 100});
  io.number("rebalance_tolerance_percent", &Policy::rebalance_tolerance_percent,
            NumberRule{0, 1'000});
  io.number("rebalances_per_minute", &Policy::rebalances_per_minute, NumberRule{0, 1'000'000});
  io.choice("refusal", &Policy::refusal, kRefusals);
  io.number("stall_timeout_ms", &Policy::stall_timeout_ms, kLongWait);
  io.flag("websocket", &Policy::websocket);
}

template <class Io>
constexpr void describe(Of<TunnelTotals>, Io& io) {
  io.number("limit", &TunnelTotals::limit, NumberRule{0, kAnyNumber});
  io.number("open_burst", &TunnelTotals::open_burst, kBurst);
  io.number("open_wait_ms", &TunnelTotals::open_wait_ms, kMilliseconds);
  io.number("opens_per_second", &TunnelTotals::opens_per_second, kPerSecond);
}

}  // namespace weir::table
