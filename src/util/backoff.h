#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace weir::util {

/// The wait before the next try: doubles from `first` up to `max`, each plus up to 100 % of jitter,
/// so that many clients of one server that went away do not come back in step
/// (client-go's reflector: 0.8 s, factor 2, 30 s, jitter 1). For one thread.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds max,
          std::uint64_t seed = std::random_device{}());

  std::chrono::milliseconds next();
  /// After a success that lasted; the next wait is `first` again.
  void reset() { current_ = first_; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds max_;
  std::chrono::milliseconds current_;
  std::mt19937_64 random_;
};

}  // namespace weir::util
