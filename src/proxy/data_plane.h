#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/client_limits.h"
#include "proxy/counters.h"
#include "proxy/delta.h"
#include "proxy/http_counters.h"
#include "proxy/options.h"
#include "proxy/password_checker.h"
#include "proxy/shared_backend.h"
#include "proxy/tunnel_registry.h"
#include "util/result.h"

namespace weir::proxy {

class Tunnels;
class Worker;

/// All workers: what the control thread sees of the data plane. Its functions are for one thread
/// (the control thread's), callbacks arrive on worker threads.
class DataPlane {
 public:
  /// Binds every listener for every worker, then starts the threads. An error names the address.
  /// Requests get 503 until the first `adopt` is done.
  static util::Result<std::unique_ptr<DataPlane>> start(const Options& options);
  /// Cuts what is left; call `drain` before.
  ~DataPlane();

  /// Each worker takes the delta between two requests. `done` is called once, on the thread of the
  /// worker that was last, when all of them run it.
  void adopt(const std::shared_ptr<const Delta>& delta, const std::function<void()>& done);

  /// Closes listeners and idle connections; requests that run finish, and their connections close.
  /// Tunnels stay open. Call once.
  void stop_accepting();
  /// Tunnels end politely, evenly within `window`.
  void drain_tunnels(std::chrono::milliseconds window);
  /// Each worker calls `use` on its own thread, with its number (below `counters().size()`) and its
  /// tunnels. `done` as that of `adopt`.
  void with_tunnels(const std::function<void(std::size_t worker, Tunnels& tunnels)>& use,
                    const std::function<void()>& done);
  /// Ends the tunnels and requests that are left.
  void close_all();
  /// Each worker soon gives back what connections that are gone have left behind.
  void trim();
  /// Client connections, tunnels among them, over all workers.
  std::uint64_t open_connections() const;

  /// Over all workers: how many client connections there may be. A tunnel's other half takes the
  /// place of one of them.
  std::uint64_t most_connections() const;

  /// The ports as bound (port 0 was replaced), in the order of the options.
  const std::vector<ListenAddress>& http() const { return http_; }
  const std::vector<ListenAddress>& https() const { return https_; }

  /// One per worker, alive as long as this object; read from any thread.
  std::vector<const Counters*> counters() const;
  const TunnelRegistry& tunnels() const { return tunnels_; }
  const HttpRegistry& http_counters() const { return http_counters_; }
  SharedBackends& backends() { return backends_; }

 private:
  explicit DataPlane(const Options& options);

  Options options_;
  std::vector<ListenAddress> http_;
  std::vector<ListenAddress> https_;
  TunnelRegistry tunnels_;
  HttpRegistry http_counters_;
  SharedBackends backends_;
  PasswordChecker passwords_;
  ClientUse client_use_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace weir::proxy
