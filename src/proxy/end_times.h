#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/timer_wheel.h"

namespace weir::proxy {

/// When each of `count` tunnels is to end: one every `window / count` from `begin` on, all within
/// the window, in an order that depends on `seed` alone. A pure function.
std::vector<TimerWheel::TimePoint> end_times(std::size_t count, TimerWheel::TimePoint begin,
                                             std::chrono::milliseconds window, std::uint64_t seed);

}  // namespace weir::proxy
