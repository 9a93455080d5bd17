#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "proxy/backend.h"
#include "proxy/fiber.h"
#include "proxy/http_head.h"
#include "proxy/task.h"
#include "proxy/upstream_tls.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

/// What became of a subrequest. Valid only during the call that gives it.
struct SubrequestAnswer {
  const ResponseHead* head = nullptr;  ///< final; nullptr: no endpoint answered
  std::string_view body = {};          ///< without chunked coding, if it was wanted
};

/// A request of weir's own, on behalf of another one: its answer's head counts, the body is thrown
/// away, unless it is wanted. It owns itself, and lives until it has told, and its connection is
/// back in the pool.
class Subrequest final : public Fiber, public OpenConnection {
 public:
  struct What {
    BackendRef backend;
    UpstreamLaneRef lane;  ///< nullptr: plain HTTP
    std::string method;
    std::string bytes;  ///< the whole request, without a body
    table::RequestPolicy policy;
    /// The answer's body is wanted, as a whole, and up to so many bytes: one that is larger is no
    /// answer. 0: it is not.
    std::size_t most_body = 0;
    /// One try, and the end: what is lost is lost.
    bool is_sent_once = false;
  };
  using Done = std::function<void(const SubrequestAnswer&)>;

  /// Calls `done` once, perhaps before this returns. Until then, and no longer, what is returned
  /// may be used.
  static Subrequest* start(WorkerState& worker, What what, Done done);
  /// Nobody waits for the answer any more: `done` will not be called.
  void forget();

  void stop_accepting() override {}
  void cut(TunnelEnd) override { cancel(); }

 private:
  Subrequest(WorkerState& worker, What what, Done done);
  ~Subrequest() = default;

  void on_idle(Wake) override {}
  bool is_abandoned() const override { return done_ == nullptr; }

  Detached run();
  Task<bool> ask();
  /// On a kept connection, or a new one; a closed stream if there is none.
  Task<UpstreamConnection> connection_to(Endpoint& endpoint, bool try_kept, bool& kept);
  Task<bool> send(Stream& stream);
  /// Reads until the final head is in `head_`, and what of the body came with it in `bytes_`.
  Task<bool> receive(Stream& stream);
  /// Reads the body into `body_`.
  Task<bool> collect(Stream& stream);
  /// Reads the rest of a small body, so that the connection can be kept.
  Task<bool> drain(Stream& stream);
  void tell(const SubrequestAnswer& answer);

  WorkerState& worker_;
  What what_;
  Done done_;  // nullptr: told, or forgotten
  std::string bytes_;
  std::size_t head_length_ = 0;
  ResponseHead head_;
  std::string body_;
  HeldBytes::Holder held_;  // of that
  bool is_quiet_ = false;   // nothing more comes on the connection, and it may be kept
  bool is_too_large_ = false;
};

}  // namespace weir::proxy
