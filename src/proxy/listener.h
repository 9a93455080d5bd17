#pragma once

#include <functional>

#include "proxy/event_loop.h"
#include "proxy/options.h"
#include "proxy/timer_wheel.h"
#include "proxy/worker_state.h"
#include "util/result.h"

namespace weir::proxy {

/// Binds a non-blocking TCP socket with SO_REUSEPORT and listens. An error names the address. Sets
/// the port that the kernel chose when it was 0. `first`: of this process on that address; that
/// another program of the same user holds it, with SO_REUSEPORT as well, is an error then.
util::Result<int> bind_listener(ListenAddress& address, bool first);

/// One worker's share of a listening address: the kernel spreads new connections over the workers.
class Listener final : public IoListener, private TimerListener {
 public:
  /// Called with a non-blocking descriptor and the client's address.
  using Accepted = std::function<void(int fd, std::string address)>;

  Listener(WorkerState& worker, int fd, Accepted accepted);
  ~Listener();

  /// Takes what the kernel has queued, then closes: a client that is connected is not reset.
  void close();

 private:
  void on_io(IoHandle& io) override;
  void on_timer(Timer& timer) override;
  /// False: nothing is left to accept, or nothing can be accepted now.
  bool accept_one();

  WorkerState& worker_;
  Accepted accepted_;
  Timer retry_;  // out of descriptors: again in a moment
  IoHandle* io_;
};

}  // namespace weir::proxy
