#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proxy/delta.h"
#include "proxy/options.h"
#include "proxy/timer_wheel.h"

namespace weir::proxy {

class Worker;
struct WorkerState;

/// The ports of TCP services: open as the table says, for all workers at once, as the kernel
/// spreads a port's connections over those that listen. One that cannot be opened is tried again.
/// On the thread of one worker, whose `state` is given.
class TcpPorts : private TimerListener {
 public:
  /// The ports are open on these addresses. What is referred to outlives it.
  TcpPorts(WorkerState& state, std::vector<ListenAddress> addresses, std::vector<Worker*> workers);

  void adopt(const Delta& delta);
  /// No port is opened any more. Those that are open, the workers close.
  void stop();

 private:
  static constexpr std::chrono::milliseconds kRetry{1'000};

  struct Port {
    bool is_open = false;
    std::string told;  // the failure that the log has
  };

  void open(std::uint16_t number, Port& port);
  /// Empty: it is open. Else why it is not.
  std::string try_open(std::uint16_t number);
  void on_timer(Timer&) override;
  void open_all();

  WorkerState& state_;
  std::vector<ListenAddress> addresses_;
  std::vector<Worker*> workers_;
  std::map<std::uint16_t, Port> ports_;
  Timer retry_;
};

}  // namespace weir::proxy
