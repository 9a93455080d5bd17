#pragma once

#include <memory>
#include <string_view>

#include "proxy/fiber.h"
#include "proxy/proxy_protocol.h"
#include "proxy/stream.h"
#include "proxy/task.h"
#include "proxy/worker_state.h"

/// Headers of the PROXY protocol on connections.
namespace weir::proxy {

/// Takes the header off that a client's connection begins with, and leaves what stands behind it in
/// the kernel. Any state but Complete: there is none, and the connection is to be closed. The
/// fiber's deadline runs; failures are counted.
Task<ProxyHeader> receive_proxy_header(Fiber& fiber, WorkerState& worker, IoHandle& io);

/// Whether what a header says of the client of `peer` counts; counts it as one or the other.
bool believes_proxy_header(WorkerState& worker, std::string_view peer);

/// Sends a header first thing on a new connection to an endpoint, unless `version` is None.
/// `client`: its address. `told`: by a header of its own, or nullptr. False: the endpoint takes
/// none.
bool send_proxy_header(table::ProxyProtocol version, std::string_view client,
                       const ConnectionEnds* told, Stream& stream);

}  // namespace weir::proxy
