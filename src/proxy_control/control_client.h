#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy_control/control_counters.h"
#include "proxy_control/table_holder.h"
#include "table/frame.h"

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// The proxy's end of the control socket (docs/control-socket.md): dials forever, says what is
/// held, and passes whole updates on. Whatever goes wrong is logged once, counted, and ends in
/// another dial: after a jittered backoff, or at once when the socket's file appears.
class ControlClient {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual std::map<table::ResourceKey, util::ContentHash> held() const = 0;
    /// Uses the update up. Returns what is refused. `live` is called once, on the control thread,
    /// when every worker runs the rest; the Ack goes out then. The next update comes only after
    /// that. No copy of it outlives the io_context.
    virtual std::vector<Refusal> apply(table::Update update, std::function<void()> live) = 0;
  };

  struct Options {
    std::string path;      ///< of the socket
    std::string software;  ///< "weir-proxy 0.1.0"
    std::chrono::milliseconds first_wait{50};
    std::chrono::milliseconds max_wait{5'000};
    /// For the rest of a frame once it has begun, and for a frame of ours to be taken.
    std::chrono::milliseconds frame_timeout{30'000};
    std::uint64_t max_update_bytes = std::uint64_t{1} << 30;  ///< over all parts of an update
  };

  /// The handler and the counters outlive the io_context's last run.
  ControlClient(boost::asio::io_context& io, Options options, Handler& handler,
                ControlCounters& counters);
  ~ControlClient();

  /// Call once.
  void start();

 private:
  class Dialer;
  std::unique_ptr<Dialer> dialer_;
  boost::asio::io_context& io_;
};

}  // namespace weir::proxy_control
