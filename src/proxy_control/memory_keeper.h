#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// Gives memory back to the system after a crowd of connections has gone: the allocator alone keeps
/// it for the next one. For the control thread.
class MemoryKeeper {
 public:
  struct Target {
    std::function<std::uint64_t()> open_connections;
    std::function<void()> trim_workers;  ///< soon, on their threads
    std::function<void()> trim_heap;
  };
  /// A fall by less than this is not worth the while.
  static constexpr std::uint64_t kLeastFall = 1'000;

  /// Looks every `period`.
  MemoryKeeper(boost::asio::io_context& io, std::chrono::milliseconds period, Target target);
  ~MemoryKeeper();

 private:
  class Looks;
  std::unique_ptr<Looks> looks_;
};

}  // namespace weir::proxy_control
