#pragma once

#include "table/describe_bounds.h"
#include "table/table.h"

/// What a route does beside forwarding (describe.h).
namespace weir::table {

template <class Io>
constexpr void describe(Of<Access>, Io& io) {
  io.texts("allowed", &Access::allowed, kNetworks);
  io.flag("closed", &Access::closed);
  io.texts("denied", &Access::denied, kNetworks);
}

template <class Io>
constexpr void describe(Of<RouteRules>, Io& io) {
  io.map("access", &RouteRules::access);
}

}  // namespace weir::table
