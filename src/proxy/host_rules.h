#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "proxy/access_rules.h"
#include "proxy/cors_rules.h"
#include "table/table.h"
#include "util/result.h"

namespace weir::proxy {

/// table::RouteRules, made ready to be asked.
struct RouteRules {
  AccessRules access;
  std::optional<CorsRules> cors;
};

/// The rules of a host's routes. Made once a change, on the control thread, for all workers; then
/// immutable.
class HostRules {
 public:
  /// nullptr: no route of the host has any.
  static std::shared_ptr<const HostRules> make(const table::Host& host);

  /// `route` is one of `host`, from which these were made.
  const RouteRules& of(const table::Host& host, const table::Route& route) const {
    return routes_[static_cast<std::size_t>(&route - host.routes.data())];
  }

 private:
  std::vector<RouteRules> routes_;  // as the host's
};

}  // namespace weir::proxy
