#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controller/metrics.h"
#include "controller/published_table.h"
#include "controller/push_session.h"
#include "util/result.h"

namespace boost::asio {
class io_context;
}

namespace weir::controller {

/// Listens on the control socket and keeps any number of proxies in step with the table. For the
/// thread that runs the io_context, which is destroyed before `table` and `metrics` are.
class PushServer {
 public:
  /// An error names the socket's path. `on_refusal` may be called in any run of the io_context.
  static util::Result<std::unique_ptr<PushServer>> listen(
      boost::asio::io_context& io, const std::string& path, PushDeadlines deadlines,
      const PublishedTable& table, Metrics& metrics, RefusalHandler on_refusal);
  ~PushServer();  ///< stops

  /// After each step of the table: sessions that are not busy send it at once.
  void table_changed(const std::vector<table::ResourceKey>& changed);
  /// Removes the socket's file and closes every session. May be called twice.
  void stop();

 private:
  struct Impl;
  explicit PushServer(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace weir::controller
