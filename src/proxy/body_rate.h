#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "proxy/timer_wheel.h"

namespace weir::proxy {

/// Whether a request's body comes as fast as it has to. Only time in which weir waited for the
/// client counts: a backend that takes its time is not the client's fault.
class BodyRate {
 public:
  using TimePoint = TimerWheel::TimePoint;
  using Milliseconds = std::chrono::milliseconds;

  /// `least`: bytes a second on average, once `grace` of waiting is over; 0: any rate will do.
  BodyRate(std::uint64_t least, Milliseconds grace) : least_(least), grace_(grace) {}

  /// Nothing is here to be read.
  void wait(TimePoint now) {
    if (waiting_) return;
    waiting_ = true;
    since_ = now;
  }
  void came(std::uint64_t bytes, TimePoint now) {
    bytes_ += bytes;
    if (waiting_) waited_ += now - since_;
    waiting_ = false;
  }
  /// `patience`, or less if the client may not let weir wait so long; at least a millisecond.
  Milliseconds limit(Milliseconds patience, TimePoint now) const {
    if (least_ == 0 || !waiting_) return patience;
    const auto earned = Milliseconds(std::min(bytes_, kEnough) * 1000 / least_);
    const auto waited = waited_ + (now - since_);
    const auto left = grace_ + earned - std::chrono::duration_cast<Milliseconds>(waited);
    return std::clamp(left, Milliseconds(1), patience);
  }

 private:
  static constexpr std::uint64_t kEnough = std::uint64_t{1} << 50;  // no overflow above

  std::uint64_t least_;
  Milliseconds grace_;
  std::uint64_t bytes_ = 0;
  TimePoint::duration waited_{};
  bool waiting_ = false;
  TimePoint since_;
};

}  // namespace weir::proxy
