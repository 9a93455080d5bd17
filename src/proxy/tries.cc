#include "proxy/tries.h"

#include <algorithm>

namespace weir::proxy {

namespace {

/// Keys drawn for a new cookie until one leads away from what has failed.
constexpr int kKeyDraws = 16;

}  // namespace

bool AllowedRetries::allow(AnswerReason failure) const {
  switch (failure) {
    case AnswerReason::UpstreamReset:
      return on_error;
    case AnswerReason::ResponseTimeout:
      return on_timeout;
    case AnswerReason::BadResponse:
      return on_invalid_response;
    default:
      return false;
  }
}

bool AllowedRetries::allow_status(int status) const {
  return on_status != nullptr && std::binary_search(on_status->begin(), on_status->end(), status);
}

Tries::Tries(WorkerState& worker, const Backend& backend, const table::Retries& policy,
             const table::TunnelPolicy* tunnels)
    : worker_(worker),
      backend_(&backend),
      policy_(policy),
      tunnels_(tunnels),
      began_(worker.loop.now()) {
  if (tunnels != nullptr && tunnels->limit_per_endpoint != 0) {
    last_failure_ = AnswerReason::TunnelLimit;  // with no endpoint at all, nobody comes here
  }
  backend_->retry_budget().request_began();
}

bool Tries::is_over() const {
  if (count_ >= policy_.tries) return true;
  return policy_.window_ms != 0 &&
         worker_.loop.now() - began_ >= std::chrono::milliseconds(policy_.window_ms);
}

/// The client's endpoint stays the same whatever fails there.
bool Tries::stays(const Affinity& affinity) const {
  return affinity.is_sticky && !backend_->policy().sticky_cookie->change_on_failure;
}

const Endpoint* Tries::bound_to(const Affinity& affinity) const {
  return count_ == 0 || stays(affinity) ? affinity.endpoint.get() : nullptr;
}

EndpointRef Tries::choose(const Affinity& affinity, const std::vector<EndpointRef>& tried) {
  Choosing choosing{worker_.loop.now(), worker_.random, affinity.hash, affinity.may_overflow,
                    tried};
  if (tunnels_ != nullptr) {
    choosing.tunnels = &worker_.tunnels.registry();
    choosing.most_tunnels = tunnels_->limit_per_endpoint;
  } else if (backend_->has_limit()) {
    choosing.met_full = &met_full_;
  }
  return backend_->choose(choosing);
}

EndpointRef Tries::next_endpoint(Affinity& affinity, std::vector<EndpointRef>& tried) {
  if (count_ > 0 && is_over()) return nullptr;
  met_full_ = false;
  const bool again = count_ == 0 || stays(affinity);
  ++count_;
  if (affinity.endpoint != nullptr && again) return affinity.endpoint;
  if (again) tried.clear();
  const auto& cookie = backend_->policy().sticky_cookie;
  if (cookie && cookie->mode == table::StickyCookie::Mode::Balanced && !tried.empty()) {
    // The client is to come back to where it is going now, not to what has failed.
    const std::vector<EndpointRef> none;
    affinity.is_sticky = false;
    for (int i = 0; i < kKeyDraws; ++i) {
      affinity.draw_key(worker_.random);
      auto endpoint = choose(affinity, none);
      if (std::find(tried.begin(), tried.end(), endpoint) == tried.end()) return endpoint;
    }
  }
  if (auto endpoint = choose(affinity, tried)) return endpoint;
  if (met_full_) return nullptr;
  tried.clear();
  return choose(affinity, tried);
}

AllowedRetries Tries::allowed(std::string_view method) const {
  AllowedRetries retries;
  if (is_over() || backend_->retry_budget().empty()) return retries;
  retries.on_error = policy_.on_error;
  retries.on_timeout = policy_.on_timeout;
  retries.on_invalid_response = policy_.on_invalid_response;
  retries.repeat_sent = policy_.non_idempotent || is_idempotent(method);
  if (!policy_.on_status.empty()) retries.on_status = &policy_.on_status;
  return retries;
}

void Tries::connect_failed(Endpoint& endpoint, AnswerReason failure) {
  last_failure_ = failure;
  // What one route asks of TLS is no verdict for the others.
  if (failure != AnswerReason::UpstreamTls) blame(endpoint);
}

void Tries::failed(Endpoint& endpoint, AnswerReason failure) {
  last_failure_ = failure;
  if (failure == AnswerReason::UpstreamReset) blame(endpoint);
}

void Tries::blame(Endpoint& endpoint) {
  if (endpoint.health.failed(worker_.loop.now(), backend_->policy().passive_health)) {
    worker_.counters.endpoint_ejections.add();
  }
}

void Tries::take_retry() {
  backend_->retry_budget().take();
  worker_.counters.upstream_retries.add();
}

}  // namespace weir::proxy
