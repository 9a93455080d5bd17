#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proxy/tunnel.h"
#include "util/ip_address.h"

/// What operators ask of a worker's tunnels. For the worker's thread, but for the answers, which
/// are values.
namespace weir::proxy {

class Tunnels;

/// Which tunnels; what is not given fits all.
struct TunnelFilter {
  std::optional<std::uint64_t> id;
  std::optional<std::string> host;     ///< the route's
  std::optional<std::string> ingress;  ///< table::Route::origin
  std::optional<std::string> backend;
  std::optional<std::string> endpoint;  ///< Endpoint::address_and_port
  std::optional<util::IpPrefix> client;
  std::optional<std::chrono::milliseconds> older_than;
  std::optional<std::chrono::milliseconds> idle_for;

  bool fits(const Tunnel& tunnel, TimerWheel::TimePoint now) const;
};

/// An end that is to come.
struct ComingEnd {
  TunnelEnd why = TunnelEnd::Count;   ///< Count: none
  std::chrono::milliseconds left{0};  ///< until then
};

/// A tunnel as it was when somebody asked.
struct TunnelRow {
  std::uint64_t id = 0;
  util::IpAddress client;
  std::string host;  ///< the route's, and so on
  std::string path;
  std::string ingress;
  std::string backend;
  std::string endpoint;
  bool tls = false;
  std::chrono::milliseconds age{0};
  std::chrono::milliseconds idle{0};
  std::uint64_t bytes[2] = {};     ///< by Side
  std::uint64_t messages[2] = {};  ///< by Side
  ComingEnd ending;                ///< under way, and when it is over at the latest
  ComingEnd planned;               ///< not begun yet
};

/// The oldest that fit.
struct TunnelList {
  std::uint64_t fitting = 0;
  std::vector<TunnelRow> rows;  ///< by id
};
TunnelList list_tunnels(Tunnels& tunnels, const TunnelFilter& filter, std::size_t most);

/// The ends to come.
struct TunnelForecast {
  struct Ends {
    std::uint64_t tunnels = 0;
    std::chrono::milliseconds last{0};  ///< from now
  };
  std::uint64_t open = 0;
  std::map<TunnelEnd, Ends> ending;
  std::map<TunnelEnd, Ends> planned;
};
TunnelForecast forecast_of(Tunnels& tunnels);

}  // namespace weir::proxy
