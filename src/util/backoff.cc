#include "util/backoff.h"

#include <algorithm>

namespace weir::util {

Backoff::Backoff(std::chrono::milliseconds first, std::chrono::milliseconds max, std::uint64_t seed)
    : first_(first), max_(max), current_(first), random_(seed) {}

std::chrono::milliseconds Backoff::next() {
  const auto base = current_;
  current_ = std::min(current_ * 2, max_);
  std::uniform_int_distribution<std::int64_t> jitter(0, base.count());
  return base + std::chrono::milliseconds(jitter(random_));
}

}  // namespace weir::util
