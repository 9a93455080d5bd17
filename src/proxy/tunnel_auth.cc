#include "proxy/tunnel_auth.h"

#include <algorithm>
#include <utility>

#include "proxy/tunnel.h"

namespace weir::proxy {

namespace {

constexpr std::uint16_t kPolicyViolation = 1008;  // RFC 6455 §7.4.1
constexpr std::chrono::milliseconds kShortest{1'000};

}  // namespace

TunnelAuth::TunnelAuth(Tunnel& tunnel, WorkerState& worker, AuthQuestion question,
                       std::chrono::milliseconds interval)
    : tunnel_(tunnel),
      worker_(worker),
      question_(std::move(question)),
      interval_(std::max(interval, kShortest)),
      timer_(*this) {
  arm();
}

TunnelAuth::~TunnelAuth() {
  if (asked_ != nullptr) asked_->forget();
}

void TunnelAuth::arm() {
  const auto most = static_cast<std::uint64_t>(interval_.count());
  const auto less = next_random(worker_.random) % (most / 10 + 1);
  worker_.loop.timers().set(timer_, std::chrono::milliseconds(most - less));
}

void TunnelAuth::on_timer(Timer&) {
  Subrequest::What what;
  what.backend = worker_.table.find_backend(question_.backend);
  if (what.backend == nullptr || what.backend->empty()) return hear(nullptr);
  what.lane = question_.lane;
  what.method = question_.method;
  what.bytes = question_.bytes;
  what.policy = question_.policy;
  bool told = false;
  auto* asked = Subrequest::start(worker_, std::move(what),
                                  [this, &told_at_once = told](const SubrequestAnswer& answer) {
                                    if (asked_ == nullptr) told_at_once = true;
                                    asked_ = nullptr;
                                    hear(answer.head);
                                  });
  if (!told) asked_ = asked;
}

void TunnelAuth::hear(const ResponseHead* head) {
  auto& counters = worker_.counters;
  if (head != nullptr && head->status >= 200 && head->status < 300) {
    counters.tunnel_auth_yes.add();
  } else if (head != nullptr && (head->status == 401 || head->status == 403)) {
    counters.tunnel_auth_no.add();
    return tunnel_.end(TunnelEnd::AuthExpired, {kPolicyViolation, {}});  // may delete this
  } else {
    counters.tunnel_auth_unknown.add();
  }
  arm();
}

}  // namespace weir::proxy
