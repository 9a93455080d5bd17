#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::proxy {

class Timer;

/// Who hears that a timer is over. Called on the loop's thread; may set or stop any timer.
class TimerListener {
 public:
  virtual void on_timer(Timer& timer) = 0;

 protected:
  ~TimerListener() = default;
};

/// Part of a doubly linked ring. An empty ring is a link that names itself.
struct TimerLink {
  TimerLink* previous = this;
  TimerLink* next = this;
};

/// A deadline inside some other object. Set and stopped by its TimerWheel; stops itself when
/// destroyed.
class Timer : private TimerLink {
 public:
  explicit Timer(TimerListener& listener) : listener_(listener) {}
  ~Timer() { unlink(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool running() const { return next != this; }

 private:
  friend class TimerWheel;
  void unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }

  TimerListener& listener_;
  std::uint64_t deadline_ = 0;  // tick
};

/// Deadlines of one thread, exact to one tick, at O(1) each and without a syscall. A timer that is
/// set anew to a later time stays where it is in the wheel and moves on when its slot comes by, so
/// that activity on a connection only writes a number.
class TimerWheel {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;
  static constexpr std::chrono::milliseconds kTick{32};

  TimerWheel();

  /// `timer` is over between `after` and `after` + 2 ticks from now.
  void set(Timer& timer, std::chrono::milliseconds after);
  void stop(Timer& timer);

  /// As of the last `read_clock`.
  TimePoint now() const { return now_; }
  void read_clock() { now_ = Clock::now(); }
  /// Calls the listeners of the timers that are over.
  void expire();
  /// How long a loop may sleep, for epoll_wait: -1 when no timer runs.
  int wait_ms() const;

 private:
  static constexpr std::size_t kSlots = 1024;  // 32 s a round

  std::uint64_t tick_of(TimePoint time) const;
  void link(Timer& timer, std::uint64_t tick);

  TimePoint start_;
  TimePoint now_;
  std::uint64_t done_ = 0;   // the last tick whose slot was looked at
  std::uint64_t round_ = 0;  // of the last look at `any_linked_`
  bool any_linked_ = false;  // false: surely none runs
  std::array<TimerLink, kSlots> slots_;
};

}  // namespace weir::proxy
