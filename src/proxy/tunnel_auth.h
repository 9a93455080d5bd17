#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "proxy/subrequest.h"
#include "proxy/timer_wheel.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

class Tunnel;

/// What the auth service was asked about a tunnel's handshake, to be asked again.
struct AuthQuestion {
  std::string backend;  ///< Backend::name
  UpstreamLaneRef lane;
  std::string method;
  std::string bytes;  ///< the request: with the client's credentials, so it is for no log
  table::RequestPolicy policy;
};

/// Asks about an open tunnel again and again, and ends it politely when the service says no (401,
/// 403). No answer is no such word: the tunnel stays, and the next time counts.
class TunnelAuth final : private TimerListener {
 public:
  /// `interval` is shortened by up to a tenth each time, so that those who came together are not
  /// asked about together.
  TunnelAuth(Tunnel& tunnel, WorkerState& worker, AuthQuestion question,
             std::chrono::milliseconds interval);
  ~TunnelAuth();
  TunnelAuth(const TunnelAuth&) = delete;
  TunnelAuth& operator=(const TunnelAuth&) = delete;

 private:
  void arm();
  void on_timer(Timer&) override;
  void hear(const ResponseHead* head);

  Tunnel& tunnel_;
  WorkerState& worker_;
  const AuthQuestion question_;
  const std::chrono::milliseconds interval_;
  Subrequest* asked_ = nullptr;  // while there is no answer
  Timer timer_;
};

}  // namespace weir::proxy
