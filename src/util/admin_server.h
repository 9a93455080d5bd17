#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "util/metric_families.h"
#include "util/result.h"

namespace boost::asio {
class io_context;
}

namespace weir::util {

struct AdminAnswer {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  ///< a literal
  std::string body;
};

/// For /metrics, of what a scrape takes by its field Accept.
AdminAnswer metrics_answer(const std::vector<prometheus::MetricFamily>& families,
                           std::string_view accept);
/// For probes: 200 "ok", or 503 with the sentence that says why not.
AdminAnswer probe_answer(const std::string& why_not);
AdminAnswer not_found_answer();

struct AdminRequest {
  bool post = false;             ///< else GET, or HEAD, which is answered without its body
  std::string_view path;         ///< without query
  std::string_view query;        ///< behind '?', as sent
  std::string_view accept = {};  ///< the field's value
};

/// HTTP/1.1 for kubelet, load balancers, Prometheus and operators, on the thread that runs the
/// io_context. At most 64 connections at a time; further ones wait in the kernel's queue. A head is
/// at most 8 KiB, there are no bodies, and each request has its deadline.
class AdminServer {
 public:
  /// Called in runs of the io_context, once a request. GET and HEAD only.
  using Pages = std::function<AdminAnswer(const AdminRequest& request)>;
  /// Takes the answer, once, on that thread; at once or later. Nothing happens if it comes too
  /// late.
  using Reply = std::function<void(AdminAnswer answer)>;
  /// As Pages, and for POST, too. The request's views live until it returns. A request without an
  /// answer until the deadline gets 503.
  using Handler = std::function<void(const AdminRequest& request, Reply reply)>;

  struct Options {
    std::string address;  ///< an IP address without brackets
    std::uint16_t port = 0;
    std::size_t max_connections = 64;
    std::chrono::seconds timeout{15};
    /// Not empty: a Unix socket of mode 0600 here (listen_unix), instead of the address; the file
    /// goes when the server stops.
    std::string unix_path = {};
  };

  /// An error names the address or path.
  static Result<std::unique_ptr<AdminServer>> start(boost::asio::io_context& io, Options options,
                                                    Pages pages);
  static Result<std::unique_ptr<AdminServer>> start(boost::asio::io_context& io, Options options,
                                                    Handler handler);
  ~AdminServer();  ///< stops

  std::uint16_t port() const;
  void stop();

 private:
  class Listener;
  explicit AdminServer(std::shared_ptr<Listener> listener);
  static Result<std::unique_ptr<AdminServer>> start(boost::asio::io_context& io, Options options,
                                                    bool takes_post, Handler handler);

  std::shared_ptr<Listener> listener_;
};

}  // namespace weir::util
