#include "proxy/tunnel_counters.h"

namespace weir::proxy {

const char* initiator_of(TunnelEnd end) {
  switch (end) {
    case TunnelEnd::ClientClosed:
    case TunnelEnd::ClientReset:
      return "client";
    case TunnelEnd::BackendClosed:
    case TunnelEnd::BackendReset:
      return "backend";
    default:
      return "proxy";
  }
}

const char* reason_of(TunnelEnd end) {
  switch (end) {
    case TunnelEnd::ClientClosed:
    case TunnelEnd::BackendClosed:
      return "normal";
    case TunnelEnd::ClientReset:
    case TunnelEnd::BackendReset:
      return "reset";
    case TunnelEnd::IdleTimeout:
      return "idle_timeout";
    case TunnelEnd::HalfClosed:
      return "half_closed";
    case TunnelEnd::MaxDuration:
      return "max_duration";
    case TunnelEnd::PingTimeout:
      return "ping_timeout";
    case TunnelEnd::PeerDead:
      return "peer_dead";
    case TunnelEnd::Stalled:
      return "buffer_stall";
    case TunnelEnd::Drain:
      return "drain";
    case TunnelEnd::RouteChanged:
      return "route_changed";
    case TunnelEnd::EndpointTerminating:
      return "endpoint_terminating";
    case TunnelEnd::EndpointGone:
      return "endpoint_gone";
    case TunnelEnd::Rebalance:
      return "rebalance";
    case TunnelEnd::AuthExpired:
      return "auth_expired";
    case TunnelEnd::FrameTooLarge:
      return "frame_too_large";
    case TunnelEnd::Admin:
      return "admin";
    case TunnelEnd::Memory:
      return "memory";
    case TunnelEnd::Count:
      break;
  }
  return "";
}

const char* side_name(Side side) {
  return side == Side::Client ? "client" : "backend";
}

std::size_t index_of_code(std::uint16_t code) {
  if (code >= 1000 && code < 1016) return code - std::size_t{1000};
  if (code >= 3000 && code < 4000) return 16;
  if (code >= 4000 && code < 5000) return 17;
  return 18;
}

const char* code_name(std::size_t index) {
  static constexpr std::array<const char*, Counters::kCloseCodes> kNames{
      "1000", "1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008",   "1009",
      "1010", "1011", "1012", "1013", "1014", "1015", "3xxx", "4xxx", "invalid"};
  return kNames[index];
}

}  // namespace weir::proxy
