#pragma once

#include "proxy/body_rate.h"

namespace weir::proxy {

/// Whether a client takes a response as fast as it has to. Only time in which bytes wait for it
/// counts, and of bytes those that its TCP acknowledges in that time: our kernel takes much at once
/// and then nothing for long, however evenly the client reads.
class ReaderRate {
 public:
  using TimePoint = BodyRate::TimePoint;
  using Milliseconds = BodyRate::Milliseconds;

  /// As BodyRate's.
  ReaderRate(std::uint64_t least, Milliseconds grace) : is_on_(least != 0), rate_(least, grace) {}

  bool is_on() const { return is_on_; }
  /// Bytes wait from now on. `acknowledged`: of the connection, so far; below, too.
  void wait(std::uint64_t acknowledged, TimePoint now) {
    acknowledged_ = acknowledged;
    taken_at_ = now;
    rate_.wait(now);
  }
  /// The kernel took some of them.
  void took(TimePoint now) { taken_at_ = now; }
  /// None waits any more.
  void caught_up(std::uint64_t acknowledged, TimePoint now) {
    rate_.came(acknowledged - acknowledged_, now);
  }
  /// How long to wait until it is to be asked again; `patience` is since the kernel took any.
  Milliseconds limit(Milliseconds patience, TimePoint now) const {
    const auto waited = std::chrono::duration_cast<Milliseconds>(now - taken_at_);
    return rate_.limit(std::max(patience - waited, Milliseconds(1)), now);
  }
  /// It is less than `patience` since the kernel took any.
  bool has_time(Milliseconds patience, TimePoint now) const { return now - taken_at_ < patience; }
  /// Bytes still wait.
  bool is_too_slow(std::uint64_t acknowledged, TimePoint now) {
    caught_up(acknowledged, now);
    acknowledged_ = acknowledged;
    rate_.wait(now);
    return rate_.limit(Milliseconds(2), now) < Milliseconds(2);
  }

 private:
  bool is_on_;
  BodyRate rate_;
  std::uint64_t acknowledged_ = 0;
  TimePoint taken_at_;
};

}  // namespace weir::proxy
