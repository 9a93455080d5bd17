#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/affinity.h"
#include "proxy/backend.h"
#include "proxy/counters.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

/// After which ends a try may be followed by another one. Nothing, when it is the last.
struct AllowedRetries {
  bool on_error = false;
  bool on_timeout = false;
  bool on_invalid_response = false;
  bool repeat_sent = false;  ///< what has been sent may be sent again
  const std::vector<std::uint16_t>* on_status = nullptr;

  bool allow(AnswerReason failure) const;
  bool allow_status(int status) const;
};

/// The endpoints that one request is offered to, one after the other, within the route's and the
/// backend's bounds. Lives as long as the request; on the worker's thread.
class Tries {
 public:
  /// `tunnels`: set for a handshake that is to open a tunnel.
  Tries(WorkerState& worker, const Backend& backend, const table::Retries& policy,
        const table::TunnelPolicy* tunnels);

  /// The next one to try: the one that a cookie names, else by the balancer, else, when all have
  /// been tried, again one of them. nullptr: no further try, or `met_full`.
  EndpointRef next_endpoint(Affinity& affinity, std::vector<EndpointRef>& tried);
  /// The last call found none because those that might be tried have no room.
  bool met_full() const { return met_full_; }
  /// The last call does not count: it led to no try.
  void postpone() { --count_; }
  /// The one endpoint that `next_endpoint` would name by the cookie; nullptr: it would choose.
  const Endpoint* bound_to(const Affinity& affinity) const;
  /// The table has changed while the request waited: this is the backend from now on.
  void use(const Backend& backend) { backend_ = &backend; }
  /// For the try that begins now.
  AllowedRetries allowed(std::string_view method) const;

  void connect_failed(Endpoint& endpoint, AnswerReason failure);
  void failed(Endpoint& endpoint, AnswerReason failure);
  /// The request is sent again.
  void take_retry();

  /// What to answer when there is no further try.
  AnswerReason last_failure() const { return last_failure_; }

 private:
  bool is_over() const;
  void blame(Endpoint& endpoint);
  bool stays(const Affinity& affinity) const;
  EndpointRef choose(const Affinity& affinity, const std::vector<EndpointRef>& tried);

  WorkerState& worker_;
  const Backend* backend_;
  const table::Retries& policy_;
  const table::TunnelPolicy* const tunnels_;
  const TimerWheel::TimePoint began_;
  std::uint32_t count_ = 0;
  bool met_full_ = false;
  AnswerReason last_failure_ = AnswerReason::NoEndpoint;
};

}  // namespace weir::proxy
