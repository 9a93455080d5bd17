#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::proxy {

/// Keeps retries from multiplying the load of a backend that is failing: a fifth of its requests
/// may be sent a second time, over what a small reserve covers. One worker's, one backend's.
class RetryBudget {
 public:
  void request_began() { fifths_ = std::min(fifths_ + 1, kReserve); }
  bool empty() const { return fifths_ < kRetry; }
  void take() { fifths_ -= std::min(fifths_, kRetry); }

 private:
  static constexpr std::uint32_t kRetry = 5;
  static constexpr std::uint32_t kReserve = 10 * kRetry;
  std::uint32_t fifths_ = kReserve;
};

}  // namespace weir::proxy
