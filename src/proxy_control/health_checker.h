#pragma once

#include <cstdint>
#include <memory>

#include "proxy/delta.h"
#include "proxy/shared_backend.h"
#include "proxy_control/control_counters.h"

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// What became of an endpoint's checks so far.
class HealthTally {
 public:
  bool is_out() const { return is_out_; }
  /// One more check. True: the endpoint is out from now on, or is back.
  bool count(bool good, const table::ActiveHealth& policy) {
    if (good != is_out_) {
      against_ = 0;
      return false;
    }
    if (++against_ < (is_out_ ? policy.rise : policy.fall)) return false;
    is_out_ = !is_out_;
    against_ = 0;
    return true;
  }

 private:
  bool is_out_ = false;
  std::uint32_t against_ = 0;  // in a row, against what it is
};

/// Asks the ready endpoints of backends with `table::Backend::health` how they are, each once for
/// the whole process, and tells the workers through `proxy::SharedMember::fails_checks`. An
/// endpoint is in until it has failed. docs/balancing.md
///
/// For the control thread.
class HealthChecker {
 public:
  /// Under way at once; others wait for their turn.
  static constexpr std::size_t kAtOnce = 64;

  /// All of them outlive it.
  HealthChecker(boost::asio::io_context& io, proxy::SharedBackends& shared,
                ControlCounters& counters);
  /// Ends all checks.
  ~HealthChecker();

  /// The table changes. Checks of an endpoint that is what it was go on.
  void adopt(const proxy::Delta& delta);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::proxy_control
