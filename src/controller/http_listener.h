#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "util/result.h"

namespace boost::asio {
class io_context;
}

namespace weir::controller {

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// Answers GET and HEAD for probes and scrapes: one request a connection, at most 64 connections at
/// once, 10 s for each. For the thread that runs the io_context.
class HttpListener {
 public:
  /// `path` has no query. Called in runs of the io_context.
  using Handler = std::function<HttpAnswer(std::string_view path)>;

  /// `address` is an IP address without brackets; port 0 takes a free one. An error names the
  /// address.
  static util::Result<std::unique_ptr<HttpListener>> listen(boost::asio::io_context& io,
                                                            const std::string& address,
                                                            std::uint16_t port, Handler handler);
  ~HttpListener();  ///< stops

  std::uint16_t port() const;
  void stop();

 private:
  struct Impl;
  explicit HttpListener(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace weir::controller
