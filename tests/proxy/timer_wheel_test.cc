#include "proxy/timer_wheel.h"

#include <thread>

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

/// Counts, and does what a test asks for when a timer is over.
struct Listener : TimerListener {
  explicit Listener(TimerWheel& with) : wheel(with) {}
  void on_timer(Timer& timer) override {
    ++calls;
    if (again > 0ms) wheel.set(timer, again);
  }
  TimerWheel& wheel;
  int calls = 0;
  std::chrono::milliseconds again{0};
};

/// Lets the wheel's own clock pass the time that it says a loop may sleep.
void turn(TimerWheel& wheel) {
  std::this_thread::yield();
  wheel.read_clock();
  wheel.expire();
}

void turn_until(TimerWheel& wheel, TimerWheel::TimePoint time) {
  while (wheel.now() < time) turn(wheel);
}

TEST(TimerWheel, CallsOnceAndNotBefore) {
  TimerWheel wheel;
  Listener listener(wheel);
  Timer timer(listener);
  const auto start = wheel.now();
  wheel.set(timer, 100ms);

  while (listener.calls == 0) {
    turn(wheel);
    if (listener.calls == 0) continue;
    EXPECT_GE(wheel.now() - start, 100ms);
  }
  turn_until(wheel, wheel.now() + 100ms);
  EXPECT_EQ(listener.calls, 1);
  EXPECT_FALSE(timer.running());
}

TEST(TimerWheel, ALaterDeadlineReplacesTheFormer) {
  TimerWheel wheel;
  Listener listener(wheel);
  Timer timer(listener);
  const auto start = wheel.now();
  wheel.set(timer, 40ms);
  wheel.set(timer, 200ms);
  while (listener.calls == 0) turn(wheel);
  EXPECT_GE(wheel.now() - start, 200ms);
}

TEST(TimerWheel, AnEarlierDeadlineReplacesTheFormer) {
  TimerWheel wheel;
  Listener listener(wheel);
  Timer timer(listener);
  wheel.set(timer, 1h);
  wheel.set(timer, 40ms);
  while (listener.calls == 0) turn(wheel);
  EXPECT_EQ(listener.calls, 1);
}

TEST(TimerWheel, AStoppedOrDestroyedTimerIsSilent) {
  TimerWheel wheel;
  Listener listener(wheel);
  Timer stopped(listener);
  wheel.set(stopped, 40ms);
  {
    Timer destroyed(listener);
    wheel.set(destroyed, 40ms);
  }
  wheel.stop(stopped);
  turn_until(wheel, wheel.now() + 150ms);
  EXPECT_EQ(listener.calls, 0);
}

TEST(TimerWheel, ATimerMaySetItselfAgain) {
  TimerWheel wheel;
  Listener listener(wheel);
  listener.again = 40ms;
  Timer timer(listener);
  wheel.set(timer, 40ms);
  while (listener.calls < 3) turn(wheel);
  EXPECT_TRUE(timer.running());
}

TEST(TimerWheel, SaysHowLongALoopMaySleep) {
  TimerWheel wheel;
  Listener listener(wheel);
  Timer timer(listener);
  EXPECT_EQ(wheel.wait_ms(), -1) << "no timer, no wake-up";
  wheel.set(timer, 1h);
  EXPECT_GE(wheel.wait_ms(), 0);
  EXPECT_LE(wheel.wait_ms(), TimerWheel::kTick.count() + 1);
}

}  // namespace
}  // namespace weir::proxy
