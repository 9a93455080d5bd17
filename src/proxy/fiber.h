#pragma once

#include <chrono>
#include <coroutine>
#include <utility>

#include "proxy/event_loop.h"
#include "proxy/timer_wheel.h"

namespace weir::proxy {

/// Why a fiber goes on.
enum class Wake {
  Io,         ///< something happened on one of its descriptors; look at their flags
  Timeout,    ///< the deadline passed
  Cancelled,  ///< the worker ends: return as soon as possible, without another wait
};

/// What one coroutine at a time waits on: any event on any of its descriptors, or its one deadline.
/// The one place where the HTTP side suspends. What it waits for is the loop around it:
///
///   while (!io->readable) {
///     if (co_await wait(timeout) != Wake::Io) co_return …;
///   }
///
/// While no coroutine waits, events go to `on_idle`: a connection between two requests owns no
/// frame.
class Fiber : public IoListener, private TimerListener {
 public:
  explicit Fiber(EventLoop& loop) : loop_(loop), timer_(*this) {}
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  struct Wait {
    Fiber& fiber;
    bool await_ready() const noexcept { return fiber.cancelled_; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { fiber.waiting_ = waiting; }
    Wake await_resume() noexcept { return fiber.cancelled_ ? Wake::Cancelled : fiber.wake_; }
  };

  /// Starts the deadline, then waits.
  Wait wait(std::chrono::milliseconds timeout) {
    loop_.timers().set(timer_, timeout);
    return Wait{*this};
  }
  /// The deadline that runs goes on.
  Wait wait() { return Wait{*this}; }
  /// Starts the deadline only.
  void start_timer(std::chrono::milliseconds timeout) { loop_.timers().set(timer_, timeout); }

  /// Lets everybody else have a turn.
  Wait yield(IoHandle* io) {
    loop_.call_again(io);
    return Wait{*this};
  }

  void stop_timer() { loop_.timers().stop(timer_); }

  /// Resumes what waits with Wake::Cancelled; every later wait ends at once with it, too.
  void cancel() {
    cancelled_ = true;
    resume(Wake::Cancelled);
  }
  bool cancelled() const { return cancelled_; }

  /// Wakes it as an event on one of its descriptors does.
  void notify() { resume(Wake::Io); }
  /// True once nobody wants what it waits for: whoever waits on its behalf gives up.
  virtual bool is_abandoned() const { return false; }

  EventLoop& loop() { return loop_; }

  void on_io(IoHandle&) final { resume(Wake::Io); }

 protected:
  ~Fiber() = default;
  /// An event, the deadline, or the end, while no coroutine waits. May delete this.
  virtual void on_idle(Wake wake) = 0;

 private:
  void on_timer(Timer&) final { resume(Wake::Timeout); }
  void resume(Wake wake) {
    if (auto waiting = std::exchange(waiting_, nullptr)) {
      wake_ = wake;
      waiting.resume();
    } else {
      on_idle(wake);
    }
  }

  EventLoop& loop_;
  Timer timer_;
  std::coroutine_handle<> waiting_;
  Wake wake_ = Wake::Io;
  bool cancelled_ = false;
};

}  // namespace weir::proxy
