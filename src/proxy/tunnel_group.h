#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/intrusive/list.hpp>

#include "proxy/tunnel.h"
#include "proxy/tunnel_counters.h"
#include "proxy/tunnel_registry.h"
#include "table/table.h"

namespace weir::proxy {

/// The tunnels of one route to one backend, in one worker, with what they have in common. It is
/// there from the first handshake on until the route and its tunnels are gone (tunnels.h).
struct TunnelGroup {
  std::string host;
  table::PathMatch match;  ///< an empty path: undecrypted TLS
  std::string backend;
  std::string origin;                      ///< table::Route::origin when the group was made
  util::Rare<table::TunnelPolicy> policy;  ///< as the table has it now
  std::shared_ptr<SharedRoute> route;
  std::shared_ptr<TunnelCounters> counters;
  /// In the order in which they were opened.
  boost::intrusive::list<Tunnel, boost::intrusive::base_hook<TunnelOfGroup>,
                         boost::intrusive::constant_time_size<false>>
      tunnels;
  bool in_table = true;
  std::uint32_t users = 0;  ///< handshakes under way
};

}  // namespace weir::proxy
