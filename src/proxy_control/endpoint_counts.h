#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proxy/delta.h"
#include "proxy/shared_backend.h"

namespace weir::proxy_control {

/// How many endpoints the backends of the table have. Keeps only what the table does not say: the
/// answers of DNS, and whose health is checked. For the control thread.
class EndpointCounts {
 public:
  /// It outlives this.
  explicit EndpointCounts(proxy::SharedBackends& shared) : shared_(shared) {}

  /// As the workers get it: with the answers of DNS filled in.
  void adopt(const proxy::Delta& delta);

  struct Count {
    std::uint64_t ready = 0;     ///< take new requests
    std::uint64_t draining = 0;  ///< finish what they have
    std::uint64_t ejected = 0;   ///< would be ready, but fail checks of their health
  };
  /// Of a backend of the table.
  Count of(const table::Backend& backend) const;

 private:
  struct Known {
    Count count;
    std::vector<proxy::SharedMemberRef> checked;  // of those that are ready
  };

  proxy::SharedBackends& shared_;
  std::map<std::string, Known> known_;
};

}  // namespace weir::proxy_control
