#include "controller/event_writer.h"

#include "util/backoff.h"
#include "util/log.h"

namespace weir::controller {

namespace log = util::log;
using kube::ApiStatus;

EventWriter::EventWriter(std::unique_ptr<kube::ApiClient> client, EventOrigin origin, Limits limits,
                         Metrics& metrics)
    : client_(std::move(client)),
      origin_(std::move(origin)),
      limits_(limits),
      metrics_(metrics),
      thread_([this] { run(); }) {}

EventWriter::~EventWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  client_->stop();
  thread_.join();
}

void EventWriter::report(const kube::Problem& problem, const std::string& uid) {
  if (!is_within_limits(problem.object)) {
    metrics_.event_dropped();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= limits_.queue) {
      metrics_.event_dropped();
      return;
    }
    queue_.push_back({problem, uid, std::chrono::system_clock::now()});
  }
  changed_.notify_all();
}

bool EventWriter::is_within_limits(const kube::ObjectRef& object) {
  const auto now = std::chrono::steady_clock::now();
  if (windows_.size() >= limits_.objects) {
    std::erase_if(windows_, [&](const auto& w) { return now - w.second.begin > limits_.window; });
    if (windows_.size() >= limits_.objects && !windows_.contains(object)) return false;
  }
  Window& window = windows_[object];
  if (window.count == 0 || now - window.begin > limits_.window) window = {now, 0};
  return ++window.count <= limits_.per_object;
}

void EventWriter::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
    if (is_stopping_) return;
    const Entry entry = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    post(entry);
    if (!sleep(limits_.pause)) return;
  }
}

void EventWriter::post(const Entry& entry) {
  const auto target = event_target(entry.problem);
  const auto body = make_event(entry.problem, entry.uid, origin_, entry.time);
  util::Backoff backoff(limits_.first_retry, 16 * limits_.first_retry);
  kube::ApiReply reply;
  for (int i = 0; i < limits_.tries; ++i) {
    reply = client_->post(target, body);
    if (reply.status == ApiStatus::Ok) {
      metrics_.event_written();
      failure_was_logged_ = false;
      return;
    }
    // Conflict: the post before got through, only its answer did not.
    if (reply.status == ApiStatus::Conflict || reply.status == ApiStatus::Stopped) return;
    if (reply.status != ApiStatus::Unreachable && reply.status != ApiStatus::Overloaded) break;
    if (!sleep(reply.retry_after.value_or(std::chrono::seconds(0)) + backoff.next())) return;
  }
  metrics_.event_dropped();
  if (!std::exchange(failure_was_logged_, true)) {
    log::warning("cannot write an Event on {}: {}; further failures are only counted",
                 kube::to_string(entry.problem.object), reply.detail);
  }
}

bool EventWriter::sleep(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return is_stopping_; });
}

}  // namespace weir::controller
