#include "proxy/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "util/hash.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kSpareIdle = 64;

std::uint64_t hash_of(std::string_view id) {
  util::Hash64 hash;
  hash.add(id);
  return hash.value();
}

}  // namespace

/// A pooled connection: any event on it means that the backend closed it, or spoke out of turn.
class Endpoint::Idle final : public IoListener, private TimerListener {
 public:
  explicit Idle(TimerWheel& timers) : timers_(timers), timer_(*this) {}

  void keep(Endpoint& owner, UpstreamConnection connection, std::chrono::milliseconds idle) {
    owner_ = &owner;
    connection_ = std::move(connection);
    connection_.stream.listen(*this);
    timers_.set(timer_, idle);
  }
  /// It keeps nothing from then on.
  UpstreamConnection take() {
    timers_.stop(timer_);
    return std::move(connection_);
  }
  std::uint64_t lane() const { return connection_.lane; }

  void on_io(IoHandle& io) override {
    if (io.readable && !connection_.stream.stays_idle()) leave();
  }

 private:
  void on_timer(Timer&) override { leave(); }
  void leave() {
    const auto& idle = owner_->idle_;
    const auto self = std::find_if(idle.begin(), idle.end(),
                                   [this](const auto& entry) { return entry.get() == this; });
    owner_->take(self - idle.begin());  // closed at the end of this call, which may delete this
  }

  TimerWheel& timers_;
  Endpoint* owner_ = nullptr;
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

UpstreamConnection Endpoint::take_idle(std::uint64_t lane) {
  const auto last = std::find_if(idle_.rbegin(), idle_.rend(),
                                 [lane](const auto& idle) { return idle->lane() == lane; });
  if (last == idle_.rend()) return {};
  return take(std::next(last).base() - idle_.begin());
}

UpstreamConnection Endpoint::take(std::ptrdiff_t index) {
  const auto at = idle_.begin() + index;
  auto record = std::move(*at);
  idle_.erase(at);
  fewest_idle_ = std::min(fewest_idle_, idle_.size());
  auto connection = record->take();
  auto& spare = owner_.spare_idle_;
  if (spare.size() < kSpareIdle) spare.push_back(std::move(record));
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
  auto& spare = owner_.spare_idle_;
  if (spare.empty()) spare.push_back(std::make_unique<Idle>(timers));
  idle_.push_back(std::move(spare.back()));
  spare.pop_back();
  idle_.back()->keep(*this, std::move(connection), idle);
  if (!trim_.running()) {
    fewest_idle_ = idle_.size();
    timers.set(trim_, kTrimEvery);
  }
}

void EndpointMap::trim() {
  spare_idle_.clear();
  spare_idle_.shrink_to_fit();
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

EndpointMap::EndpointMap(EventLoop& loop, SharedBackends& shared)
    : loop_(loop), shared_backends_(shared) {}

EndpointMap::~EndpointMap() = default;

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
