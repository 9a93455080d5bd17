#pragma once

#include <string>

#include "proxy/counters.h"
#include "proxy/endpoint.h"
#include "proxy/fiber.h"
#include "proxy/stream.h"
#include "proxy/task.h"
#include "proxy/upstream_tls.h"
#include "proxy/worker_state.h"

/// New connections to endpoints. Who waits is a fiber: its deadline begins with the connect, and
/// what it no longer wants (Fiber::is_abandoned) is given up.
namespace weir::proxy {

/// A closed stream if none came about; `failure` says why, unless the fiber was abandoned or
/// cancelled, and so does `why`, if it is given.
Task<Stream> connect_to(Fiber& fiber, WorkerState& worker, const Endpoint& endpoint,
                        const table::RequestPolicy& policy, AnswerReason& failure,
                        ConnectFailure* why = nullptr);

/// The handshake on what `connect_to` made, within the deadline that runs. A failure is logged
/// under the backend's name.
Task<bool> start_upstream_tls(Fiber& fiber, WorkerState& worker, Stream& stream,
                              const Endpoint& endpoint, const std::string& backend,
                              UpstreamLane& lane, AnswerReason& failure);

/// Why there is no TLS with an endpoint: a line, but no flood of them.
void log_upstream_tls(WorkerState& worker, const std::string& backend, const std::string& endpoint,
                      const std::string& reason);

}  // namespace weir::proxy
