#include "proxy/timer_wheel.h"

#include <algorithm>

namespace weir::proxy {

TimerWheel::TimerWheel() : start_(Clock::now()), now_(start_) {}

std::uint64_t TimerWheel::tick_of(TimePoint time) const {
  return static_cast<std::uint64_t>((time - start_) / kTick);
}

void TimerWheel::link(Timer& timer, std::uint64_t tick) {
  auto& slot = slots_[tick % kSlots];
  timer.previous = slot.previous;
  timer.next = &slot;
  slot.previous->next = &timer;
  slot.previous = &timer;
  any_linked_ = true;
}

void TimerWheel::set(Timer& timer, std::chrono::milliseconds after) {
  // +1: the current tick has begun already.
  const auto deadline = tick_of(now_ + after) + 1;
  const bool later = timer.running() && deadline >= timer.deadline_;
  timer.deadline_ = deadline;
  if (later) return;
  timer.unlink();
  // Farther than a round: the slot just before this one looks at it again.
  link(timer, std::min(std::max(deadline, done_ + 1), done_ + kSlots - 1));
}

void TimerWheel::stop(Timer& timer) {
  timer.unlink();
}

void TimerWheel::expire() {
  if (!any_linked_) {
    done_ = tick_of(now_);
    return;
  }
  const auto target = tick_of(now_);
  // After a long sleep one round visits every slot.
  if (target > done_ + kSlots) done_ = target - kSlots;
  while (done_ < target) {
    const auto tick = ++done_;
    auto& slot = slots_[tick % kSlots];
    if (slot.next == &slot) continue;
    // Taken out as a whole: a listener may set timers into this very slot.
    TimerLink due;
    due.next = slot.next;
    due.previous = slot.previous;
    due.next->previous = &due;
    due.previous->next = &due;
    slot.next = slot.previous = &slot;
    while (due.next != &due) {
      auto& timer = static_cast<Timer&>(*due.next);
      timer.unlink();
      if (timer.deadline_ > tick) {
        link(timer, std::min(timer.deadline_, done_ + kSlots - 1));
      } else {
        timer.listener_.on_timer(timer);
      }
    }
  }
  // Stopping a timer does not count down, so once a round it is looked at whether any is left.
  if (target / kSlots != round_) {
    round_ = target / kSlots;
    any_linked_ = std::any_of(slots_.begin(), slots_.end(),
                              [](const TimerLink& slot) { return slot.next != &slot; });
  }
}

int TimerWheel::wait_ms() const {
  if (!any_linked_) return -1;
  const auto next = start_ + kTick * static_cast<std::int64_t>(done_ + 1);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now_);
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

}  // namespace weir::proxy
