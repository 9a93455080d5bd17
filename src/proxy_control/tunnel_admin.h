#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include <boost/asio/steady_timer.hpp>

#include "proxy/data_plane.h"
#include "proxy/tunnel_query.h"
#include "util/admin_server.h"
#include "util/result.h"

namespace weir::proxy_control {

/// What operators see and do of single tunnels, as JSON over the admin socket
/// (docs/tunnels-operating.md):
///
///   GET  /v1/tunnels?<filters>&limit=N
///   GET  /v1/tunnels/ID
///   GET  /v1/tunnels/forecast
///   POST /v1/tunnels/end?<filters>&code=N&reason=TEXT&over=DURATION
///
/// For the control thread. Each worker is asked on its own thread; 503 if one does not answer in
/// time.
class TunnelAdmin {
 public:
  /// The io_context outlives it. The workers end before it does: they may answer late.
  TunnelAdmin(boost::asio::io_context& io, proxy::DataPlane& data_plane,
              std::chrono::milliseconds patience = std::chrono::seconds(5));

  void answer(const util::AdminRequest& request, util::AdminServer::Reply reply);

 private:
  class Query;
  using Ask = std::function<void(std::size_t worker, proxy::Tunnels& tunnels)>;
  using Join = std::function<util::AdminAnswer()>;
  /// A request that the workers are at.
  struct Asked {
    util::AdminServer::Reply reply;
    Join join;
    std::unique_ptr<boost::asio::steady_timer> deadline;
  };

  void list(Query query, util::AdminServer::Reply reply);
  void show(std::string_view id, util::AdminServer::Reply reply);
  void forecast(util::AdminServer::Reply reply);
  void end(Query query, util::AdminServer::Reply reply);
  void ask(const Ask& ask, Join join, util::AdminServer::Reply reply);
  void finish(std::uint64_t number, const util::AdminAnswer* instead);

  boost::asio::io_context& io_;
  proxy::DataPlane& data_plane_;
  const std::chrono::milliseconds patience_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Asked> asked_;
};

}  // namespace weir::proxy_control
