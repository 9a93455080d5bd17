#include "proxy/shared_backend.h"

#include <algorithm>

namespace weir::proxy {

struct SharedBackend::Waiter {
  Waiter(EventLoop& with, IoHandle* handle) : loop(with), io(handle) {}

  EventLoop& loop;
  IoHandle* io;  // touched on the loop's thread only; nullptr: it waits no more
  // Guarded by the backend's mutex.
  SharedMember* only = nullptr;
  bool called = false;
  SharedMemberRef called_for;  // nullptr: it may look anyhow

  bool suits(const SharedMember* member) const { return only == nullptr || only == member; }
  /// It comes before somebody who would be bound to `other`, or is not bound.
  bool holds_up(const SharedMember* other) const { return only == nullptr || only == other; }
};

void SharedBackend::call(const std::shared_ptr<Waiter>& waiter, const EventLoop* here) {
  waiter->called = true;
  if (&waiter->loop == here) {
    waiter->loop.call_again(waiter->io);
    return;
  }
  waiter->loop.post([waiter] {
    if (waiter->io != nullptr) waiter->loop.call_again(waiter->io);
  });
}

void SharedBackend::bind(Waiter& waiter, SharedMember* only) {
  if (waiter.only != nullptr) waiter.only->waiting.fetch_sub(1);
  if (only != nullptr) only->waiting.fetch_add(1);
  waiter.only = only;
}

void SharedBackend::call_from(Waiters::iterator first, const SharedMemberRef& member,
                              const EventLoop* here) {
  const auto next = std::find_if(first, waiters_.end(), [&](const auto& waiter) {
    return !waiter->called && waiter->suits(member.get());
  });
  if (next == waiters_.end()) {
    missed_ = true;
    return;
  }
  (*next)->called_for = member;
  call(*next, here);
}

void SharedBackend::call_all(const EventLoop* here) {
  missed_ = false;
  for (const auto& waiter : waiters_) {
    if (!waiter->called) call(waiter, here);
  }
}

void SharedBackend::call_next(const SharedMemberRef& member, const EventLoop* here) {
  // Who joins looks once more afterwards, so one of both sees the other.
  if (waiting() == 0) return;
  const std::lock_guard lock(mutex_);
  call_from(waiters_.begin(), member, here);
}

void SharedBackend::call_everyone() {
  if (waiting() == 0) return;
  const std::lock_guard lock(mutex_);
  call_all(nullptr);
}

SharedBackend::Turn::Turn(SharedBackendRef backend, EventLoop& loop, IoHandle* io)
    : backend_(std::move(backend)), waiter_(std::make_shared<Waiter>(loop, io)) {}

SharedBackend::Turn::~Turn() {
  leave(nullptr);
}

bool SharedBackend::Turn::join(std::size_t most, SharedMember* only) {
  const std::lock_guard lock(backend_->mutex_);
  auto& waiters = backend_->waiters_;
  if (waiters.size() >= most) return false;
  bind(*waiter_, only);
  waiter_->called =
      std::ranges::none_of(waiters, [only](const auto& other) { return other->holds_up(only); });
  place_ = waiters.insert(waiters.end(), waiter_);
  backend_->waiting_.store(waiters.size());
  joined_ = true;
  return true;
}

bool SharedBackend::Turn::may_look() {
  const std::lock_guard lock(backend_->mutex_);
  called_for_ = std::move(waiter_->called_for);
  waiter_->called_for = nullptr;
  return std::exchange(waiter_->called, false);
}

void SharedBackend::Turn::found_none(std::uint32_t limit, SharedMember* only) {
  const std::lock_guard lock(backend_->mutex_);
  bind(*waiter_, only);
  const auto offered = std::exchange(called_for_, nullptr);
  // What does not suit this one may suit the next.
  if (offered == nullptr || offered->requests.load() >= limit) return;
  backend_->call_from(std::next(place_), offered, &waiter_->loop);
}

void SharedBackend::Turn::found(const SharedMember* member) {
  leave(member);
}

void SharedBackend::Turn::look_again() {
  waiter_->loop.call_again(waiter_->io);
}

void SharedBackend::Turn::leave(const SharedMember* used) {
  if (!std::exchange(joined_, false)) return;
  const auto* here = &waiter_->loop;
  const std::lock_guard lock(backend_->mutex_);
  waiter_->io = nullptr;
  bind(*waiter_, nullptr);
  backend_->waiters_.erase(place_);
  backend_->waiting_.store(backend_->waiters_.size());
  const bool never_looked = waiter_->called && waiter_->called_for == nullptr;
  for (const auto& offered : {called_for_, waiter_->called_for}) {
    if (offered != nullptr && offered.get() != used) {
      backend_->call_from(backend_->waiters_.begin(), offered, here);
    }
  }
  if (never_looked || backend_->missed_) backend_->call_all(here);
}

bool RequestPlace::take(const SharedBackendRef& backend, const SharedMemberRef& member,
                        std::uint32_t limit, const EventLoop& loop) {
  auto& requests = member->requests;
  auto before = requests.load();
  do {
    if (before >= limit) return false;
  } while (!requests.compare_exchange_weak(before, before + 1));
  backend_ = backend;
  member_ = member;
  loop_ = &loop;
  return true;
}

void RequestPlace::release() {
  if (backend_ == nullptr) return;
  member_->requests.fetch_sub(1);
  backend_->call_next(member_, loop_);
  backend_.reset();
  member_.reset();
}

}  // namespace weir::proxy
