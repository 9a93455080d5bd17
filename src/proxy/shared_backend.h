#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <boost/intrusive/list.hpp>

#include "proxy/by_name.h"
#include "proxy/event_loop.h"

/// What the whole process knows about a backend, where its policy asks for it (docs/balancing.md):
/// so a limit holds over all workers. Any thread, unless said otherwise.
namespace weir::proxy {

/// One endpoint of one backend, by its identity.
struct SharedMember {
  std::atomic<std::uint32_t> requests{0};  ///< in flight; counted only where there is a limit
  std::atomic<bool> fails_checks{false};   ///< of its health, made for all workers together
  std::atomic<std::uint32_t> waiting{0};   ///< for this endpoint and no other: it is theirs first
};
using SharedMemberRef = std::shared_ptr<SharedMember>;

/// A backend with the requests that wait for one of its endpoints, first come, first served. Some
/// are bound to one endpoint, by a cookie; they hold up only each other.
///
/// Who waits is called when there may be room for it, and then looks for itself. A call is never
/// lost: who leaves without having used the room that it was called for has the next one called.
class SharedBackend {
 public:
  SharedMemberRef member(const std::string& endpoint_id) { return members_.get(endpoint_id); }

  /// Requests that wait.
  std::size_t waiting() const { return waiting_.load(); }

  /// There is room at this endpoint for one more: who is first among those that it suits is called.
  /// `here`: the caller's loop; nullptr: it has none.
  void call_next(const SharedMemberRef& member, const EventLoop* here);
  /// There may be room anywhere.
  void call_everyone();

  class Turn;

 private:
  struct Waiter;
  using Waiters = std::list<std::shared_ptr<Waiter>>;

  // With the mutex held.
  static void call(const std::shared_ptr<Waiter>& waiter, const EventLoop* here);
  void call_from(Waiters::iterator first, const SharedMemberRef& member, const EventLoop* here);
  void call_all(const EventLoop* here);
  static void bind(Waiter& waiter, SharedMember* only);

  ByName<SharedMember> members_;
  std::mutex mutex_;
  Waiters waiters_;      // guarded by mutex_
  bool missed_ = false;  // guarded by mutex_; there was room, and everybody had been called
  std::atomic<std::size_t> waiting_{0};
};
using SharedBackendRef = std::shared_ptr<SharedBackend>;
using SharedBackends = ByName<SharedBackend>;

/// One request that waits, or is about to. On its worker's thread; linked into that worker's list.
class SharedBackend::Turn : public boost::intrusive::list_base_hook<
                                boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// `io`'s listener is called when it may be the request's turn.
  Turn(SharedBackendRef backend, EventLoop& loop, IoHandle* io);
  /// Leaves.
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// To the end of the queue; false: `most` wait already. `only`: it waits for this endpoint alone.
  bool join(std::size_t most, SharedMember* only);
  /// It may look for an endpoint: nobody before it wants the same, or it has been called. Once a
  /// call.
  bool may_look();
  /// It has looked and found none. From now on it waits for `only`, or for any.
  void found_none(std::uint32_t limit, SharedMember* only);
  /// It has found this one, and is done.
  void found(const SharedMember* member);
  /// Something else has changed: `io`'s listener is called.
  void look_again();

 private:
  void leave(const SharedMember* used);

  SharedBackendRef backend_;
  std::shared_ptr<Waiter> waiter_;
  Waiters::iterator place_;
  bool joined_ = false;
  SharedMemberRef called_for_;  // by the call that it has answered last
};

/// A request in flight at an endpoint that has a limit.
class RequestPlace {
 public:
  RequestPlace() = default;
  ~RequestPlace() { release(); }
  RequestPlace(const RequestPlace&) = delete;
  RequestPlace& operator=(const RequestPlace&) = delete;

  /// False: there are `limit` already. It must hold none.
  bool take(const SharedBackendRef& backend, const SharedMemberRef& member, std::uint32_t limit,
            const EventLoop& loop);
  /// On the loop's thread; nothing if it holds none.
  void release();

 private:
  SharedBackendRef backend_;
  SharedMemberRef member_;
  const EventLoop* loop_ = nullptr;
};

}  // namespace weir::proxy
