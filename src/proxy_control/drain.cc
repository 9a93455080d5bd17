#include "proxy_control/drain.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "util/log.h"

namespace weir::proxy_control {

namespace asio = boost::asio;

namespace {
/// How often open connections are counted while they end.
constexpr std::chrono::milliseconds kLook{20};
}  // namespace

class Drain::Steps {
 public:
  Steps(asio::io_context& io, Times times, Target target, std::function<void()> ended)
      : timer_(io), times_(times), target_(std::move(target)), ended_(std::move(ended)) {}

  bool has_begun() const { return begun_; }

  void begin() {
    if (std::exchange(begun_, true)) return;
    util::log::info("draining: listeners close in {} ms, what is open has {} ms after that",
                    times_.delay.count(), times_.timeout.count());
    after(times_.delay, [this] {
      target_.stop_accepting();
      // The last tenth is for Close frames that are not answered at once.
      target_.drain_tunnels(times_.timeout * 9 / 10);
      deadline_ = asio::steady_timer::clock_type::now() + times_.timeout;
      look();
    });
  }

 private:
  void look() {
    const auto open = target_.open_connections();
    if (open == 0) {
      util::log::info("drained");
      return ended_();
    }
    if (asio::steady_timer::clock_type::now() >= deadline_) {
      util::log::warning("drain timeout: {} connections are cut", open);
      target_.close_all();
      return ended_();
    }
    after(kLook, [this] { look(); });
  }

  void after(std::chrono::milliseconds wait, std::function<void()> then) {
    timer_.expires_after(wait);
    timer_.async_wait([then = std::move(then)](const boost::system::error_code& error) {
      if (!error) then();
    });
  }

  asio::steady_timer timer_;
  Times times_;
  Target target_;
  std::function<void()> ended_;
  asio::steady_timer::time_point deadline_;
  bool begun_ = false;
};

Drain::Drain(asio::io_context& io, Times times, Target target, std::function<void()> ended)
    : steps_(std::make_unique<Steps>(io, times, std::move(target), std::move(ended))) {}

Drain::~Drain() = default;

void Drain::begin() {
  steps_->begin();
}

bool Drain::has_begun() const {
  return steps_->has_begun();
}

}  // namespace weir::proxy_control
