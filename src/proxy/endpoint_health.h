#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "proxy/timer_wheel.h"
#include "table/table.h"

namespace weir::proxy {

/// Whether an endpoint takes connections, from what became of the last ones (one worker's view).
/// Only its network is judged, never an answer of the application.
///
/// After `failures` in a row it is out for a while; the next one puts it out again at once, for
/// twice as long, up to a bound. One success forgets everything.
class EndpointHealth {
 public:
  using TimePoint = TimerWheel::TimePoint;

  bool is_out(TimePoint now) const { return now < out_until_; }

  void succeeded() {
    failures_ = 0;
    ejections_ = 0;
    out_until_ = {};
  }

  /// True if this failure put it out.
  bool failed(TimePoint now, const table::PassiveHealth& policy) {
    if (policy.failures == 0 || is_out(now)) return false;
    if (++failures_ < policy.failures && ejections_ == 0) return false;
    const auto doubled = std::uint64_t{policy.first_ms} << std::min(ejections_, 31U);
    out_until_ = now + std::chrono::milliseconds(std::min<std::uint64_t>(
                           doubled, std::max(policy.most_ms, policy.first_ms)));
    ++ejections_;
    return true;
  }

 private:
  std::uint32_t failures_ = 0;   // in a row
  std::uint32_t ejections_ = 0;  // since the last success
  TimePoint out_until_{};
};

}  // namespace weir::proxy
