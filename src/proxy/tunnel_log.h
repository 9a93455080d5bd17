#pragma once

#include <chrono>

#include "proxy/access_log.h"
#include "proxy/tunnel.h"

/// The two lines of a tunnel in the access log (docs/tunnels-operating.md). They have its id in
/// common: what is only known at its beginning stands in the first, so that it need not be kept.
namespace weir::proxy {

using LogTime = std::chrono::system_clock::time_point;

void log_opened(AccessLogBuffer& log, LogTime now, const Tunnel& tunnel,
                const TunnelRequest& request);
void log_ended(AccessLogBuffer& log, LogTime now, const Tunnel& tunnel, TunnelEnd why);

}  // namespace weir::proxy
