#include "controller/event_writer.h"

#include <algorithm>

#include "util/backoff.h"
#include "util/log.h"

namespace weir::controller {

namespace log = util::log;
using kube::ApiReply;
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
  const auto now = std::chrono::system_clock::now();
  {
    const std::lock_guard lock(mutex_);
    const Key key(problem, uid);
    if (const auto known = series_.find(key); known != series_.end()) {
      auto& series = known->second;
      ++series.count;
      series.last = now;
      series.last_seen = Clock::now();
      if (series.written > 0) set_due(key, series);
    } else if (is_within_limits(problem.object) && queue_.size() < limits_.queue &&
               series_.size() < limits_.series) {
      series_.emplace(key, Series{now, now, Clock::now(), {}, 1, 0, {}});
      queue_.push_back(key);
    } else {
      metrics_.event_dropped();
      return;
    }
  }
  changed_.notify_all();
}

bool EventWriter::is_within_limits(const kube::ObjectRef& object) {
  const auto now = Clock::now();
  if (windows_.size() >= limits_.objects) {
    std::erase_if(windows_, [&](const auto& w) { return now - w.second.begin > limits_.window; });
    if (windows_.size() >= limits_.objects && !windows_.contains(object)) return false;
  }
  Window& window = windows_[object];
  if (window.count == 0 || now - window.begin > limits_.window) window = {now, 0};
  return ++window.count <= limits_.per_object;
}

/// When there is something to write or to forget.
EventWriter::Clock::time_point EventWriter::due_of(const Series& series) const {
  const auto over = series.last_seen + limits_.quiet;
  if (series.count == series.written) return over;
  if (series.written == 1) return series.last_seen;  // it is a series from now on
  return std::min(over, series.written_at + limits_.refresh);
}

void EventWriter::set_due(const Key& key, Series& series) {
  clear_due(key, series);
  series.due = due_of(series);
  due_.emplace(series.due, key);
}

void EventWriter::clear_due(const Key& key, const Series& series) {
  const auto [begin, end] = due_.equal_range(series.due);
  const auto place =
      std::find_if(begin, end, [&](const auto& entry) { return entry.second == key; });
  if (place != end) due_.erase(place);
}

void EventWriter::run() {
  for (;;) {
    const auto entry = next();
    if (!entry) return;
    const auto& [key, series] = *entry;
    const auto reply = write(key, series);
    if (reply.status == ApiStatus::Stopped) return;
    written(key, series, reply);
    if (!sleep(limits_.pause)) return;
  }
}

std::optional<std::pair<EventWriter::Key, EventWriter::Series>> EventWriter::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (is_stopping_) return std::nullopt;
    if (!queue_.empty()) {
      auto key = std::move(queue_.front());
      queue_.pop_front();
      const auto& series = series_.at(key);
      return std::pair(std::move(key), series);
    }
    if (auto entry = next_due(Clock::now())) return entry;
    if (due_.empty()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, due_.begin()->first);
    }
  }
}

/// Of what is due, the first that has something to write. What was quiet for long is forgotten.
std::optional<std::pair<EventWriter::Key, EventWriter::Series>> EventWriter::next_due(
    Clock::time_point now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto key = due_.begin()->second;
    const auto& series = series_.at(key);
    if (series.count > series.written) return std::pair(key, series);
    clear_due(key, series);
    series_.erase(key);
  }
  return std::nullopt;
}

ApiReply EventWriter::write(const Key& key, const Series& series) {
  const auto& [problem, uid] = key;
  const auto target = event_target(problem);
  util::Backoff backoff(limits_.first_retry, 16 * limits_.first_retry);
  ApiReply reply;
  for (int i = 0; i < limits_.tries; ++i) {
    reply = series.written == 0
                ? client_->post(target, make_event(problem, uid, origin_, series.first))
                : client_->patch(target + '/' + event_name(problem, series.first),
                                 make_series(series.count, series.last), kube::kMergePatch);
    if (reply.status != ApiStatus::Unreachable && reply.status != ApiStatus::Overloaded) break;
    if (!sleep(reply.retry_after.value_or(std::chrono::seconds(0)) + backoff.next())) {
      reply.status = ApiStatus::Stopped;
      break;
    }
  }
  return reply;
}

void EventWriter::written(const Key& key, const Series& series, const ApiReply& reply) {
  // Conflict: the post before got through, only its answer did not.
  const bool is_good = reply.status == ApiStatus::Ok || reply.status == ApiStatus::Conflict;
  const bool is_new = series.written == 0;
  {
    const std::lock_guard lock(mutex_);
    auto& now = series_.at(key);
    if (is_good) {
      now.written = series.count;
      now.written_at = Clock::now();
      set_due(key, now);
    } else {
      // What comes next is a new Event: this one may be gone, for Events live for an hour.
      clear_due(key, now);
      series_.erase(key);
    }
  }
  if (is_good) {
    if (is_new) {
      metrics_.event_written();
    } else {
      metrics_.event_repeated();
    }
    failure_was_logged_ = false;
    return;
  }
  metrics_.event_dropped();
  if (!std::exchange(failure_was_logged_, true)) {
    log::warning("cannot write an Event on {}: {}; further failures are only counted",
                 kube::to_string(key.first.object), reply.detail);
  }
}

bool EventWriter::sleep(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return is_stopping_; });
}

}  // namespace weir::controller
