#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include "proxy/endpoint_health.h"
#include "proxy/event_loop.h"
#include "proxy/shared_backend.h"
#include "proxy/stream.h"
#include "proxy/tunnel_registry.h"
#include "table/table.h"

/// One worker's view of endpoints and the connections that are kept to them. All of it belongs to
/// that worker's thread, so the counts are plain.
namespace weir::proxy {

class EndpointMap;

/// xorshift64*: for balancing, not for secrets. `state` is never 0.
inline std::uint64_t next_random(std::uint64_t& state) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545F4914F6CDD1DULL;
}

template <class T>
using LocalRefCount = boost::intrusive_ref_counter<T, boost::thread_unsafe_counter>;

/// A connection to an endpoint, with what it has been used for.
struct UpstreamConnection {
  Stream stream;
  std::uint64_t lane = 0;             ///< UpstreamLane::number; 0: plain
  std::uint64_t requests = 0;         ///< that it has carried
  TimerWheel::TimePoint close_after;  ///< not kept any longer
};

/// What of idle connections is kept, per worker and endpoint.
struct PoolLimits {
  std::size_t idle_connections = 64;
  std::chrono::milliseconds idle{55'000};
  std::uint64_t requests = 10'000;  ///< a connection
};

/// An endpoint by its identity: outlives the table's generations as long as a backend, a request or
/// a tunnel holds it.
class Endpoint : public LocalRefCount<Endpoint>, private TimerListener {
 public:
  Endpoint(EndpointMap& owner, const table::Endpoint& from);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& id() const { return id_; }
  /// "10.0.0.1:80", "[2001:db8::1]:80".
  std::string address_and_port() const;
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t address_size() const { return address_size_; }
  int family() const { return address_.ss_family; }
  bool same_address(const table::Endpoint& other) const;

  /// Requests in flight from this worker.
  std::uint32_t load = 0;

  /// As all workers see it.
  const std::shared_ptr<SharedEndpoint>& shared(TunnelRegistry& registry) {
    if (shared_ == nullptr) shared_ = registry.endpoint(id_);
    return shared_;
  }
  /// Open, or being opened, over all workers.
  std::uint32_t tunnels() const { return shared_ == nullptr ? 0 : shared_->tunnels.load(); }

  EndpointHealth health;
  /// When this worker first heard of it: for slow start.
  TimerWheel::TimePoint known_since() const { return known_since_; }
  /// Of its identity; the same in every worker and replica.
  std::uint64_t id_hash() const { return id_hash_; }

  /// The connection of that lane that was used last; its stream is closed if there is none.
  UpstreamConnection take_idle(std::uint64_t lane = 0);
  /// Keeps an idle connection for later. Idle times are spread by a tenth, so that a burst's
  /// connections do not all end at once.
  void keep_idle(UpstreamConnection connection, const PoolLimits& limits);
  void close_idle();
  std::size_t idle_connections() const { return idle_.size(); }

 private:
  friend class EndpointMap;
  class Idle;
  static constexpr std::chrono::milliseconds kTrimEvery{5'000};

  /// Takes that one out of `idle_`.
  UpstreamConnection take(std::ptrdiff_t index);
  /// Closes half of the connections that nobody needed since the last call.
  void on_timer(Timer&) override;

  EndpointMap& owner_;
  std::string id_;
  std::string text_;  // address as configured
  std::uint16_t port_;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  std::uint64_t id_hash_;
  std::shared_ptr<SharedEndpoint> shared_;  // once somebody asked
  TimerWheel::TimePoint known_since_;
  std::vector<std::unique_ptr<Idle>> idle_;  // last used at the back
  std::size_t fewest_idle_ = 0;              // since the last trim
  Timer trim_;
};

using EndpointRef = boost::intrusive_ptr<Endpoint>;

/// Endpoints by identity. Holds none: an entry goes with its Endpoint. Outlives them all.
class EndpointMap {
 public:
  /// `shared` outlives it.
  EndpointMap(EventLoop& loop, SharedBackends& shared);
  ~EndpointMap();

  EndpointRef get(const table::Endpoint& from);
  EventLoop& loop() { return loop_; }
  SharedBackends& shared_backends() { return shared_backends_; }
  void close_idle();
  /// Keeps no more records than there are connections.
  void trim();
  /// A number drawn at random.
  std::uint64_t draw() { return next_random(random_); }

 private:
  friend class Endpoint;
  EventLoop& loop_;
  SharedBackends& shared_backends_;
  std::uint64_t random_ = std::random_device{}() | 1U;
  std::unordered_map<std::string, Endpoint*> by_id_;
  /// Records without a connection, so that keeping one allocates nothing.
  std::vector<std::unique_ptr<Endpoint::Idle>> spare_idle_;
};

}  // namespace weir::proxy
