#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/delta.h"
#include "proxy/listener.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

/// One thread with its loop, its listeners and everything its connections touch. Functions are for
/// the control thread, but for `state`'s counters.
class Worker {
 public:
  Worker(const Options& options, std::string ticket_seed,
         std::shared_ptr<const ServerCertificate> self_signed, TunnelRegistry& registry,
         SharedBackends& backends, PasswordChecker& passwords, ClientUse& client_use,
         HttpRegistry& http);
  /// Cuts what is left and ends the thread.
  ~Worker();

  /// Takes the listening descriptors over. Before `start`.
  void listen(int fd, bool tls);
  void start(unsigned index);

  /// `done` is called on the worker's thread, between two requests.
  void adopt(std::shared_ptr<const Delta> delta, std::function<void()> done);
  void stop_accepting();
  void drain_tunnels(std::chrono::milliseconds window);
  /// `use` is called on the worker's thread.
  void with_tunnels(std::function<void(Tunnels&)> use);
  void close_all();
  /// Gives memory back that a crowd has left behind.
  void trim();

  const Counters& counters() const { return state_.counters; }

 private:
  /// False: the worker has as many as it may.
  bool has_room();
  void accept(int fd, std::string address, bool tls);

  WorkerState state_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::thread thread_;
};

}  // namespace weir::proxy
