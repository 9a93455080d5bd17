#include "proxy/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "util/hash.h"

namespace weir::proxy {

namespace {

std::uint64_t hash_of(std::string_view id) {
  util::Hash64 hash;
  hash.add(id);
  return hash.value();
}

}  // namespace

/// A pooled connection: any event on it means that the backend closed it, or spoke out of turn.
class Endpoint::Idle final : public IoListener, private TimerListener {
 public:
  Idle(Endpoint& owner, UpstreamConnection connection, std::chrono::milliseconds idle)
      : owner_(owner), timer_(*this), connection_(std::move(connection)) {
    connection_.stream.listen(*this);
    owner_.owner_.loop().timers().set(timer_, idle);
  }

  void on_io(IoHandle& io) override {
    if (io.readable) leave();
  }
  UpstreamConnection take() { return std::move(connection_); }

 private:
  void on_timer(Timer&) override { leave(); }
  void leave() {
    auto& idle = owner_.idle_;
    const auto self = std::find_if(idle.begin(), idle.end(),
                                   [this](const auto& entry) { return entry.get() == this; });
    const auto keep = std::move(*self);  // destroyed at the end of this call
    idle.erase(self);
    owner_.fewest_idle_ = std::min(owner_.fewest_idle_, idle.size());
  }

  Endpoint& owner_;
  Timer timer_;
  UpstreamConnection connection_;
};

Endpoint::Endpoint(EndpointMap& owner, const table::Endpoint& from)
    : owner_(owner),
      id_(from.id),
      text_(from.address),
      port_(from.port),
      id_hash_(hash_of(id_)),
      known_since_(owner.loop().now()),
      trim_(*this) {
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

std::string Endpoint::address_and_port() const {
  const bool v6 = family() == AF_INET6;
  return (v6 ? "[" + text_ + "]" : text_) + ":" + std::to_string(port_);
}

bool Endpoint::same_address(const table::Endpoint& other) const {
  return text_ == other.address && port_ == other.port;
}

UpstreamConnection Endpoint::take_idle() {
  if (idle_.empty()) return {};
  auto connection = idle_.back()->take();
  idle_.pop_back();
  fewest_idle_ = std::min(fewest_idle_, idle_.size());
  return connection;
}

void Endpoint::keep_idle(UpstreamConnection connection, const PoolLimits& limits) {
  auto& timers = owner_.loop().timers();
  if (idle_.size() >= limits.idle_connections || connection.requests >= limits.requests ||
      timers.now() >= connection.close_after) {
    return;
  }
  const auto tenth = static_cast<std::uint64_t>(limits.idle.count() / 10);
  const auto spread = tenth == 0 ? 0 : owner_.draw() % tenth;
  const auto idle = limits.idle - std::chrono::milliseconds(spread);
  idle_.push_back(std::make_unique<Idle>(*this, std::move(connection), idle));
  if (!trim_.running()) {
    fewest_idle_ = idle_.size();
    timers.set(trim_, kTrimEvery);
  }
}

void Endpoint::close_idle() {
  idle_.clear();
  fewest_idle_ = 0;
}

void Endpoint::on_timer(Timer&) {
  const auto surplus = fewest_idle_ / 2;
  // The front ones are those that were not used for the longest time.
  idle_.erase(idle_.begin(), idle_.begin() + static_cast<std::ptrdiff_t>(surplus));
  fewest_idle_ = idle_.size();
  if (!idle_.empty()) owner_.loop().timers().set(trim_, kTrimEvery);
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

}  // namespace weir::proxy
