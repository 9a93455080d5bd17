#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "controller/push_session.h"
#include "controller/status_options.h"
#include "ingress/options.h"
#include "kube/credentials.h"
#include "kube/source.h"
#include "util/nginx_labels.h"
#include "util/result.h"

namespace boost::asio {
class io_context;
}

namespace weir::controller {

struct MetricsListen {
  std::string address;  ///< without brackets
  std::uint16_t port = 0;
};

struct Options {
  ingress::Options translation;
  std::string socket_path;
  PushDeadlines deadlines;
  std::optional<MetricsListen> metrics_listen;          ///< /metrics, /healthz, /readyz
  std::string instance;                                 ///< this Pod, named by Events
  std::optional<StatusOptions> status;                  ///< nothing: no status is written
  std::optional<util::NginxLabels> nginx_metrics = {};  ///< metrics by ingress-nginx's names, too
};

/// The one loop that owns cluster state: objects come in from the source's threads, changes of the
/// table go out to the proxies. Publishes nothing until every kind's first list is there, then what
/// changes as it changes; events that arrived together are translated together.
class Controller {
 public:
  /// Listens, starts nothing. `io` is run by one thread and outlives the controller; it is not run
  /// any more once the controller is destroyed. With `credentials`, Events and status are written;
  /// nullptr: there is no API server. An error says which flag is to blame.
  static util::Result<std::unique_ptr<Controller>> create(
      boost::asio::io_context& io, Options options, std::unique_ptr<kube::Source> source,
      const std::shared_ptr<kube::Credentials>& credentials);
  ~Controller();  ///< stops

  /// Starts the source. Call once.
  void start();
  /// On the io_context's thread: ends the source and all listeners, after which the io_context has
  /// nothing left to do. A leader may wait for its last writes, 15 seconds at most. May be called
  /// twice.
  void stop();

  /// Of the metrics listener, as bound; 0 without one.
  std::uint16_t metrics_port() const;

 private:
  class Impl;
  explicit Controller(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::controller
