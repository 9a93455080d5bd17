#include <optional>

#include "proxy/client_connection.h"

namespace weir::proxy {

namespace {

/// What a request is, and holds, while it waits.
class Waiting {
 public:
  Waiting(WorkerState& worker, OpenConnection& connection, const SharedBackendRef& backend,
          IoHandle* io)
      : turn(backend, worker.loop, io), worker_(worker), held_(worker.held, connection) {}
  ~Waiting() {
    if (began_) worker_.counters.requests_waiting.subtract();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void begin(std::size_t bytes) {
    began_ = true;
    worker_.waiting.push_back(turn);
    worker_.counters.requests_queued.add();
    worker_.counters.requests_waiting.add();
    held_.set(bytes);
  }

  SharedBackend::Turn turn;

 private:
  WorkerState& worker_;
  HeldBytes::Holder held_;
  bool began_ = false;
};

}  // namespace

Task<ClientConnection::Admission> ClientConnection::take_endpoint(BackendRef& backend, Tries& tries,
                                                                  const RequestParts& parts,
                                                                  Affinity& affinity,
                                                                  EndpointRef& endpoint,
                                                                  RequestPlace& place) {
  place.release();
  std::optional<Waiting> waiting;
  // Who waits already was here first.
  bool may_look = backend->shared()->waiting() == 0;
  for (;;) {
    const auto* bound = tries.bound_to(affinity);
    auto* only = bound == nullptr ? nullptr : backend->member(*bound).get();
    if (may_look) {
      endpoint = tries.next_endpoint(affinity, exchange_->tried);
      if (endpoint == nullptr && !tries.met_full()) co_return Admission{};
      if (endpoint != nullptr) {
        const auto& member = backend->member(*endpoint);
        if (place.take(backend->shared(), member, backend->policy().limits->requests, loop())) {
          if (waiting) waiting->turn.found(member.get());
          co_return Admission{};
        }
        endpoint = nullptr;
      }
      tries.postpone();
      if (waiting) waiting->turn.found_none(backend->policy().limits->requests, only);
    }
    if (!waiting) {
      waiting.emplace(worker_, *this, backend->shared(), stream_.io());
      if (!waiting->turn.join(backend->policy().limits->queue, only)) {
        co_return Admission{AnswerReason::QueueFull};
      }
      waiting->begin(capacity_);
      start_timer(std::chrono::milliseconds(backend->policy().limits->queue_timeout_ms));
      may_look = waiting->turn.may_look();
      if (may_look) continue;
    }
    Admission gone;
    gone.client_has_left = true;
    // Its end may have come along with the request: then there is no further event.
    if (client_has_left()) {
      worker_.counters.requests_aborted.add();
      co_return gone;
    }
    const auto wake = co_await wait();
    if (wake == Wake::Timeout) co_return Admission{AnswerReason::QueueTimeout};
    if (wake == Wake::Cancelled) co_return gone;
    may_look = waiting->turn.may_look();
    auto now = worker_.table.find_backend(backend->name());
    if (now == backend) continue;
    if (now == nullptr || now->empty()) co_return Admission{AnswerReason::NoEndpoint};
    backend = std::move(now);
    tries.use(*backend);
    affinity = affinity_of(*backend, parts, worker_.random);
    may_look = true;
    if (backend->has_limit()) continue;
    endpoint = tries.next_endpoint(affinity, exchange_->tried);
    co_return Admission{};
  }
}

}  // namespace weir::proxy
