#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include "proxy/event_loop.h"
#include "proxy/stream.h"
#include "table/table.h"

/// One worker's view of backends: which endpoint takes the next request, and the connections that
/// are kept to it. All of it belongs to that worker's thread, so the counts are plain.
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

/// An endpoint by its identity: outlives the table's generations as long as a backend, a request or
/// a tunnel holds it.
class Endpoint : public LocalRefCount<Endpoint> {
 public:
  Endpoint(EndpointMap& owner, const table::Endpoint& from);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& id() const { return id_; }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t address_size() const { return address_size_; }
  int family() const { return address_.ss_family; }
  bool same_address(const table::Endpoint& other) const;

  /// Requests in flight and tunnels open from this worker.
  std::uint32_t load = 0;

  /// The connection of that lane (UpstreamLane::number; 0: plain) that was used last, or a closed
  /// stream.
  Stream take_idle(std::uint64_t lane = 0);
  /// Keeps an idle connection for later, up to `limit` of them and `idle` long.
  void keep_idle(Stream stream, std::uint64_t lane, std::size_t limit,
                 std::chrono::milliseconds idle);
  void close_idle();

 private:
  friend class EndpointMap;
  class Idle;

  EndpointMap& owner_;
  std::string id_;
  std::string text_;  // address as configured
  std::uint16_t port_;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  std::vector<std::unique_ptr<Idle>> idle_;  // last used at the back
};

using EndpointRef = boost::intrusive_ptr<Endpoint>;

/// Endpoints by identity. Holds none: an entry goes with its Endpoint. Outlives them all.
class EndpointMap {
 public:
  explicit EndpointMap(EventLoop& loop) : loop_(loop) {}

  EndpointRef get(const table::Endpoint& from);
  EventLoop& loop() { return loop_; }
  void close_idle();

 private:
  friend class Endpoint;
  EventLoop& loop_;
  std::unordered_map<std::string, Endpoint*> by_id_;
};

/// A backend with its endpoints resolved to this worker's records. Replaced as a whole by an
/// update; a request that is choosing keeps the one it began with.
class Backend : public LocalRefCount<Backend> {
 public:
  Backend(std::shared_ptr<const table::Backend> from, EndpointMap& endpoints);

  const std::string& name() const { return from_->name; }
  bool empty() const { return ready_.empty() && draining_.empty(); }

  /// The less loaded of two endpoints drawn at random (power of two choices), without those in
  /// `tried`; draining ones only when no ready one is left. nullptr: all were tried.
  EndpointRef pick(const std::vector<EndpointRef>& tried, std::uint64_t& random_state) const;

 private:
  std::shared_ptr<const table::Backend> from_;
  std::vector<EndpointRef> ready_;
  std::vector<EndpointRef> draining_;
};

using BackendRef = boost::intrusive_ptr<const Backend>;

}  // namespace weir::proxy
