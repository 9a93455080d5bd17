#include "proxy/end_times.h"

#include <algorithm>
#include <random>

namespace weir::proxy {

std::vector<TimerWheel::TimePoint> end_times(std::size_t count, TimerWheel::TimePoint begin,
                                             std::chrono::milliseconds window, std::uint64_t seed) {
  std::vector<TimerWheel::TimePoint> times;
  if (count == 0) return times;
  times.reserve(count);
  const auto step = std::chrono::nanoseconds(window) / static_cast<long>(count);
  // Workers begin at different places, so that two of them do not speak at once. None at the very
  // beginning: what was planned can still be foreseen.
  auto at = begin + step * static_cast<long>(seed % 1024 * 2 + 1) / 2048;
  for (std::size_t i = 0; i < count; ++i, at += step) times.push_back(at);
  std::shuffle(times.begin(), times.end(), std::mt19937_64(seed));
  return times;
}

}  // namespace weir::proxy
