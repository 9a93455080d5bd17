#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// The polite end: not ready at once; listeners stay for `delay`, so that who balances load has
/// seen it; then they close, requests finish, and tunnels end politely, spread over most of
/// `timeout`. What is left after it is cut. For the control thread.
class Drain {
 public:
  /// The data plane, as far as it is needed here.
  struct Target {
    std::function<void()> stop_accepting;
    std::function<void(std::chrono::milliseconds window)> drain_tunnels;
    std::function<std::uint64_t()> open_connections;
    std::function<void()> close_all;
  };
  struct Times {
    std::chrono::milliseconds delay{0};
    std::chrono::milliseconds timeout{30'000};
  };

  /// `ended` is called once, after the last connection.
  Drain(boost::asio::io_context& io, Times times, Target target, std::function<void()> ended);
  ~Drain();

  /// Once; further calls change nothing.
  void begin();
  bool has_begun() const;

 private:
  class Steps;
  std::unique_ptr<Steps> steps_;
};

}  // namespace weir::proxy_control
