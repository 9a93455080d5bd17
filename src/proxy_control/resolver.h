#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "proxy_control/control_counters.h"
#include "table/table.h"

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// Fills in the endpoints of backends that are named by DNS, and keeps them as fresh as their times
/// to live say (1 s to 300 s). Names resolve as libc would: /etc/hosts, resolv.conf, its search
/// list; A and AAAA. A lookup that fails is tried again with backoff; the last good answer stays.
///
/// Loopback and unspecified addresses are passed over, and "localhost" is not asked for, unless the
/// backend allows loopback: an object of the cluster must not reach what listens only for this
/// host.
///
/// For the control thread.
class Resolver {
 public:
  struct Options {
    std::string servers;  ///< "127.0.0.1:53,…" instead of resolv.conf's; for tests
    std::chrono::milliseconds first_retry{1'000};
    std::chrono::milliseconds max_retry{30'000};
  };
  /// A followed backend with other endpoints than before.
  using Publish = std::function<void(std::shared_ptr<const table::Backend>)>;

  /// The counters outlive it.
  Resolver(boost::asio::io_context& io, Options options, ControlCounters& counters,
           Publish publish);
  ~Resolver();

  /// How the backend is to be served from now on: itself if DNS does not name it, else a copy with
  /// the addresses known so far; `publish` tells when they change, until `forget`, or until a
  /// version comes that names no DNS.
  std::shared_ptr<const table::Backend> follow(std::shared_ptr<const table::Backend> backend);
  void forget(const std::string& backend);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::proxy_control
