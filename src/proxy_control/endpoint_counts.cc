#include "proxy_control/endpoint_counts.h"

#include <algorithm>
#include <utility>

namespace weir::proxy_control {

namespace {

using State = table::Endpoint::State;

EndpointCounts::Count count_states(const table::Backend& backend) {
  EndpointCounts::Count count;
  for (const auto& endpoint : backend.endpoints) {
    if (endpoint.state == State::Ready) ++count.ready;
    if (endpoint.state == State::Draining) ++count.draining;
  }
  return count;
}

}  // namespace

void EndpointCounts::adopt(const proxy::Delta& delta) {
  for (const auto& backend : delta.backends) {
    const bool is_checked = !backend->health.is_usual();
    if (!backend->dns && !is_checked) {
      known_.erase(backend->name);
      continue;
    }
    Known known{count_states(*backend), {}};
    const auto shared = is_checked ? shared_.get(backend->name) : nullptr;
    for (const auto& endpoint : backend->endpoints) {
      if (shared == nullptr || endpoint.state != State::Ready) continue;
      known.checked.push_back(shared->member(endpoint.id));
    }
    known_.insert_or_assign(backend->name, std::move(known));
  }
  for (const auto& name : delta.removed_backends) known_.erase(name);
}

EndpointCounts::Count EndpointCounts::of(const table::Backend& backend) const {
  const auto found = known_.find(backend.name);
  if (found == known_.end()) return count_states(backend);
  auto count = found->second.count;
  count.ejected = static_cast<std::uint64_t>(std::ranges::count_if(
      found->second.checked, [](const auto& member) { return member->fails_checks.load(); }));
  count.ready -= count.ejected;
  return count;
}

}  // namespace weir::proxy_control
