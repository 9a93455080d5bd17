#pragma once

#include <string>
#include <vector>

#include "proxy/counters.h"
#include "proxy/tunnel_registry.h"
#include "proxy_control/control_counters.h"

namespace weir::proxy_control {

/// All of the proxy's metrics in the Prometheus text format 0.0.4, summed over the workers. Every
/// series is there from the start, but for rare status codes that never came up and for routes
/// that had no tunnel yet. For the control
/// thread.
std::string metrics_text(const std::vector<const proxy::Counters*>& workers,
                         const proxy::TunnelRegistry& tunnels, const ControlCounters& control);

}  // namespace weir::proxy_control
