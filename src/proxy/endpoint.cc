#include "proxy/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace {

EndpointRef pick_of(const std::vector<EndpointRef>& from, const std::vector<EndpointRef>& tried,
                    std::uint64_t& random_state) {
  const auto was_tried = [&](const EndpointRef& endpoint) {
    return std::find(tried.begin(), tried.end(), endpoint) != tried.end();
  };
  if (from.empty()) return nullptr;
  const auto random = next_random(random_state);
  const auto size = from.size();
  const auto& first = from[(random & 0xffffffff) % size];
  const auto& second = from[(random >> 32) % size];
  if (tried.empty()) return second->load < first->load ? second : first;
  EndpointRef best;
  for (std::size_t i = 0; i < size; ++i) {
    const auto& candidate = from[(i + (random >> 32)) % size];
    if (!was_tried(candidate) && (!best || candidate->load < best->load)) best = candidate;
  }
  return best;
}

}  // namespace

/// A pooled connection: any event on it means that the backend closed it, or spoke out of turn.
class Endpoint::Idle final : public IoListener, private TimerListener {
 public:
  Idle(Endpoint& owner, Stream stream, std::uint64_t lane, std::chrono::milliseconds idle)
      : owner_(owner), timer_(*this), stream_(std::move(stream)), lane_(lane) {
    stream_.listen(*this);
    owner_.owner_.loop().timers().set(timer_, idle);
  }

  void on_io(IoHandle& io) override {
    if (io.readable && !stream_.stays_idle()) leave();
  }
  std::uint64_t lane() const { return lane_; }
  Stream take() { return std::move(stream_); }

 private:
  void on_timer(Timer&) override { leave(); }
  void leave() {
    auto& idle = owner_.idle_;
    const auto self = std::find_if(idle.begin(), idle.end(),
                                   [this](const auto& entry) { return entry.get() == this; });
    const auto keep = std::move(*self);  // destroyed at the end of this call
    idle.erase(self);
  }

  Endpoint& owner_;
  Timer timer_;
  Stream stream_;
  const std::uint64_t lane_;
};

Endpoint::Endpoint(EndpointMap& owner, const table::Endpoint& from)
    : owner_(owner), id_(from.id), text_(from.address), port_(from.port) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address_);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address_);
  if (::inet_pton(AF_INET, text_.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port_);
    address_size_ = sizeof *v4;
  } else if (::inet_pton(AF_INET6, text_.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port_);
    address_size_ = sizeof *v6;
  }
}

Endpoint::~Endpoint() {
  const auto self = owner_.by_id_.find(id_);
  if (self != owner_.by_id_.end() && self->second == this) owner_.by_id_.erase(self);
}

bool Endpoint::same_address(const table::Endpoint& other) const {
  return text_ == other.address && port_ == other.port;
}

Stream Endpoint::take_idle(std::uint64_t lane) {
  const auto last = std::find_if(idle_.rbegin(), idle_.rend(),
                                 [lane](const auto& idle) { return idle->lane() == lane; });
  if (last == idle_.rend()) return {};
  auto stream = (*last)->take();
  idle_.erase(std::next(last).base());
  return stream;
}

void Endpoint::keep_idle(Stream stream, std::uint64_t lane, std::size_t limit,
                         std::chrono::milliseconds idle) {
  if (idle_.size() >= limit) return;
  idle_.push_back(std::make_unique<Idle>(*this, std::move(stream), lane, idle));
}

void Endpoint::close_idle() {
  idle_.clear();
}

EndpointRef EndpointMap::get(const table::Endpoint& from) {
  auto& slot = by_id_[from.id];
  // The same identity at another address (a Pod that got a new one) is another endpoint.
  if (slot == nullptr || !slot->same_address(from)) slot = new Endpoint(*this, from);
  return EndpointRef(slot);
}

void EndpointMap::close_idle() {
  for (const auto& [id, endpoint] : by_id_) endpoint->close_idle();
}

Backend::Backend(std::shared_ptr<const table::Backend> from, EndpointMap& endpoints)
    : from_(std::move(from)) {
  for (const auto& endpoint : from_->endpoints) {
    auto& list = endpoint.state == table::Endpoint::State::Ready ? ready_ : draining_;
    list.push_back(endpoints.get(endpoint));
  }
}

EndpointRef Backend::pick(const std::vector<EndpointRef>& tried,
                          std::uint64_t& random_state) const {
  if (auto endpoint = pick_of(ready_, tried, random_state)) return endpoint;
  return pick_of(draining_, tried, random_state);
}

}  // namespace weir::proxy
