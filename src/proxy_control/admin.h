#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/options.h"
#include "util/result.h"

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// What the admin listener tells. Asked on the control thread, once a request.
struct AdminPages {
  /// For /readyz and /lb-healthz: a complete table is live, and no drain has begun. If not, why, as
  /// a sentence; empty: ready.
  std::function<std::string()> why_not_ready;
  std::function<std::string()> metrics;  ///< /metrics
};

struct AdminAnswer {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// The answer to one request. `target` may have a query, which is passed over.
AdminAnswer admin_answer(std::string_view method, std::string_view target, const AdminPages& pages);

/// HTTP/1.1 for kubelet, load balancers and Prometheus, on the control thread. At most 64
/// connections at a time; further ones wait in the kernel's queue. A head is at most 8 KiB, there
/// are no bodies, and each request has its deadline.
class AdminServer {
 public:
  struct Options {
    proxy::ListenAddress listen;
    std::size_t max_connections = 64;
    std::chrono::seconds timeout{15};
  };

  /// An error names the address.
  static util::Result<std::unique_ptr<AdminServer>> start(boost::asio::io_context& io,
                                                          Options options, AdminPages pages);
  ~AdminServer();

  std::uint16_t port() const;

 private:
  class Listener;
  explicit AdminServer(std::shared_ptr<Listener> listener);

  std::shared_ptr<Listener> listener_;
};

}  // namespace weir::proxy_control
