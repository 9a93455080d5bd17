#pragma once

#include <cstdint>
#include <optional>

#include "table/table.h"

namespace weir::ingress {

/// What annotations say, as values: the fields that the registry's entries set (annotations.h).
/// Those of the ConfigMap are the defaults that an Ingress's annotations are read on top of.
struct Policies {
  table::TunnelPolicy tunnels;

  /// What several annotations of one object say about one thing, until `settle`.
  struct Unsettled {
    std::optional<std::uint32_t> tunnel_idle_ms;
    std::optional<std::uint32_t> read_timeout_s;
    std::optional<std::uint32_t> send_timeout_s;

    bool operator==(const Unsettled&) const = default;
  };
  Unsettled unsettled;

  /// Once all annotations of one object are in: so those of an Ingress count before those of the
  /// ConfigMap, whichever of them they are.
  void settle();

  bool operator==(const Policies&) const = default;
};

}  // namespace weir::ingress
