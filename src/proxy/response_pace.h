#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "proxy/timer_wheel.h"
#include "table/table.h"

namespace weir::proxy {

/// How much of a response may be read now, so that no more than a rate goes to the client
/// (limit-rate). As nginx counts: one second's worth may be ahead.
class ResponsePace {
 public:
  using TimePoint = TimerWheel::TimePoint;
  using Milliseconds = std::chrono::milliseconds;

  /// At any rate, if its `bytes_per_second` is 0.
  explicit ResponsePace(const table::ResponseRate& rate) : rate_(rate) {}

  bool is_on() const { return rate_.bytes_per_second != 0; }
  /// The time counts from the first byte of the response's body on.
  void sent(std::size_t bytes, TimePoint now) {
    if (sent_ == 0) begun_ = now;
    sent_ += bytes;
  }
  /// Bytes that may be read; 0: none, for `pause`.
  std::size_t room(TimePoint now) const {
    if (sent_ == 0) return std::numeric_limits<std::size_t>::max();
    const auto all = due(now);
    return all <= sent_ ? 0 : static_cast<std::size_t>(all - sent_);
  }
  /// How long until enough is due that a read is worth it.
  Milliseconds pause(TimePoint now) const {
    const auto wanted =
        sent_ + std::clamp<std::uint64_t>(rate_.bytes_per_second / 16, 1, 64 * 1024);
    const auto all = due(now);
    if (all >= wanted) return Milliseconds(1);
    const auto missing = static_cast<double>(wanted - all);
    const auto seconds = missing / static_cast<double>(rate_.bytes_per_second);
    return Milliseconds(1 + static_cast<std::int64_t>(seconds * 1000));
  }

 private:
  std::uint64_t due(TimePoint now) const {
    const auto passed = std::chrono::duration<double>(now - begun_).count() + 1;
    const auto paced = passed * static_cast<double>(rate_.bytes_per_second);
    constexpr double kMost = 1e18;
    return rate_.free_bytes + static_cast<std::uint64_t>(std::min(paced, kMost));
  }

  table::ResponseRate rate_;
  std::uint64_t sent_ = 0;
  TimePoint begun_;
};

}  // namespace weir::proxy
