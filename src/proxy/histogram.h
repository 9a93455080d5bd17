#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/counters.h"

namespace weir::proxy {

/// How long things took. One thread adds, any thread reads. `kBounds`: an array of std::chrono
/// times, ascending; one more bucket holds what is longer.
template <const auto& kBounds>
class Histogram {
 public:
  static constexpr std::size_t kBuckets = kBounds.size() + 1;

  void add(std::chrono::nanoseconds took) {
    const auto bucket = std::ranges::lower_bound(kBounds, took);
    buckets_[static_cast<std::size_t>(bucket - kBounds.begin())].add();
    sum_us_.add(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  }

  /// In seconds; not of the last bucket.
  static double bound(std::size_t bucket) {
    return std::chrono::duration<double>(kBounds[bucket]).count();
  }
  /// Of this bucket alone.
  std::uint64_t count(std::size_t bucket) const { return buckets_[bucket].read(); }
  double sum_in_seconds() const { return static_cast<double>(sum_us_.read()) / 1e6; }

 private:
  std::array<Cell, kBuckets> buckets_;
  Cell sum_us_;
};

}  // namespace weir::proxy
