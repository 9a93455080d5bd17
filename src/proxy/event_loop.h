#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "proxy/timer_wheel.h"

namespace weir::proxy {

struct IoHandle;

/// Whoever hears about a descriptor. Called on the loop's thread; may close handles, its own
/// included.
class IoListener {
 public:
  virtual void on_io(IoHandle& io) = 0;

 protected:
  ~IoListener() = default;
};

/// A descriptor registered with an EventLoop for as long as it is open: edge-triggered, both ways,
/// once. So waiting costs no syscall; what is known about readiness is kept here instead.
struct IoHandle {
  int fd = -1;
  bool readable = false;     ///< a read may give bytes; cleared by whoever met EAGAIN
  bool writable = false;     ///< a write may take bytes; cleared by whoever met EAGAIN
  bool peer_closed = false;  ///< the peer's FIN or reset is here, perhaps behind unread bytes
  /// The socket is empty, while TLS may still hold what came out of it: `readable` stays until that
  /// is read, too. Cleared by the next event.
  bool drained = false;
  IoListener* listener = nullptr;
};

/// One thread's epoll loop with its timers. decisions/0001 says why the data plane does not run on
/// Asio: 4 syscalls a request instead of 6. All functions but `post` and `stop` are for that
/// thread.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Takes the non-blocking `fd` over. The handle lives until `close`; nullptr (and `fd` closed)
  /// when the kernel is out of memory for it.
  IoHandle* open(int fd, IoListener* listener);
  /// Closes the descriptor. Events for it that are already here are dropped.
  void close(IoHandle* io);
  /// As `close`, but gives the descriptor back open.
  int release(IoHandle* io);

  /// Calls `listener->on_io(io)` again in the next turn, after everybody else's events: for those
  /// who stop before EAGAIN, to be fair. Dropped when the handle is closed first.
  void call_again(IoHandle* io);

  /// Descriptors that are open here.
  std::size_t open_handles() const { return open_handles_; }

  /// Gives back what handles have cost that are closed now. Costs as much as there are.
  void trim();

  /// Runs `task` on the loop's thread soon. From any thread.
  void post(std::function<void()> task);

  /// Until `stop`.
  void run();
  /// From any thread.
  void stop();

  /// Rises with each turn: what may happen so often a turn is counted by it.
  std::uint64_t turn() const { return turn_; }
  /// As of this turn of the loop.
  TimerWheel::TimePoint now() const { return timers_.now(); }
  TimerWheel& timers() { return timers_; }

 private:
  void run_posted();
  void run_again();
  void forget_closed();

  int epoll_ = -1;
  int wake_ = -1;
  bool stopping_ = false;
  std::uint64_t turn_ = 0;
  TimerWheel timers_;
  std::size_t open_handles_ = 0;
  std::vector<IoHandle*> again_;
  /// Closed in this turn: epoll may still name them in the batch at hand.
  std::vector<IoHandle*> closed_;
  std::vector<IoHandle*> free_;
  std::vector<std::unique_ptr<IoHandle[]>> slabs_;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

}  // namespace weir::proxy
