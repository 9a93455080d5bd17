#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// c-ares on an io_context: its sockets are waited for by Asio, its timeouts by a timer. No thread.
class AresChannel {
 public:
  struct Answer {
    std::string error;                   ///< empty: there is an answer
    std::vector<std::string> addresses;  ///< as text, IPv4 and IPv6, possibly none
    std::chrono::seconds ttl{0};         ///< the smallest of them
  };
  using Done = std::function<void(const Answer&)>;

  /// `servers` replaces resolv.conf's unless it is empty: "127.0.0.1:5353".
  AresChannel(boost::asio::io_context& io, const std::string& servers);
  /// Lookups that run end without their `done` being called.
  ~AresChannel();

  /// A and AAAA. `done` is called once, from the io_context, or from here when no network is
  /// needed.
  void look_up(const std::string& name, Done done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::proxy_control
