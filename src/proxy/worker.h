#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/delta.h"
#include "proxy/listener.h"
#include "proxy/tcp_ports.h"
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
  /// Has this worker open the ports of TCP services, for all `workers`. Before `start`.
  void lead_tcp(std::vector<ListenAddress> addresses, std::vector<Worker*> workers);
  /// Takes the listening descriptors of a TCP service over. From any thread.
  void listen_tcp(std::uint16_t port, std::vector<int> descriptors);
  void close_tcp(std::uint16_t port);
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
  void accept_tcp(int fd, std::string address, std::uint16_t port);
  /// No new connection on any port.
  void close_listeners();

  WorkerState state_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::map<std::uint16_t, std::vector<std::unique_ptr<Listener>>> tcp_listeners_;
  std::map<std::uint16_t, std::shared_ptr<const table::TcpService>> tcp_services_;
  std::unique_ptr<TcpPorts> tcp_ports_;  // of one worker
  std::thread thread_;
};

}  // namespace weir::proxy
