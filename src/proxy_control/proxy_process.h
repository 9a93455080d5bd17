#pragma once

#include <optional>
#include <string>

#include "proxy/options.h"
#include "proxy_control/drain.h"
#include "proxy_control/metrics.h"
#include "util/result.h"

namespace weir::proxy_control {

struct ProcessOptions {
  std::string socket;      ///< the controller's
  std::string state_file;  ///< empty: none
  std::optional<proxy::ListenAddress> admin;
  std::string admin_socket;       ///< a path; empty: none
  std::string access_log;         ///< a path, "-" for stdout; empty: none
  bool access_log_query = false;  ///< with queries, the values of secrets masked
  MetricOptions metrics;
  proxy::Options data_plane;
  Drain::Times drain;
};

/// Runs a proxy on the calling thread (which becomes the control thread) until SIGTERM or SIGINT
/// has drained it; a second one ends it at once. SIGUSR1 opens the access log anew. An error is one
/// of the start: an address that cannot be bound, by its text.
util::Result<void> run_proxy(const ProcessOptions& options);

}  // namespace weir::proxy_control
