#include "proxy_control/memory_keeper.h"

#include <algorithm>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace weir::proxy_control {

class MemoryKeeper::Looks {
 public:
  Looks(boost::asio::io_context& io, std::chrono::milliseconds period, Target target)
      : timer_(io), period_(period), target_(std::move(target)) {
    wait();
  }

 private:
  void wait() {
    timer_.expires_after(period_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      look();
      wait();
    });
  }

  void look() {
    // What the workers have let go since the last look.
    if (std::exchange(trimming_, false)) return target_.trim_heap();
    const auto open = target_.open_connections();
    most_ = std::max(most_, open);
    if (most_ - open < kLeastFall || open > most_ / 2) return;
    most_ = open;
    trimming_ = true;
    target_.trim_workers();
  }

  boost::asio::steady_timer timer_;
  const std::chrono::milliseconds period_;
  const Target target_;
  std::uint64_t most_ = 0;  // open at once since the last fall
  bool trimming_ = false;
};

MemoryKeeper::MemoryKeeper(boost::asio::io_context& io, std::chrono::milliseconds period,
                           Target target)
    : looks_(std::make_unique<Looks>(io, period, std::move(target))) {}

MemoryKeeper::~MemoryKeeper() = default;

}  // namespace weir::proxy_control
