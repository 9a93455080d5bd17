#include "kube/api_stats.h"

#include <algorithm>

namespace weir::kube {

namespace {

/// As client-go says it.
std::string code_of(int status) {
  return status == 0 ? "<error>" : std::to_string(status);
}

}  // namespace

const char* to_string(WatchEnd end) {
  switch (end) {
    case WatchEnd::Eof:
      return "eof";
    case WatchEnd::Gone:
      return "gone";
    case WatchEnd::Error:
      return "error";
    case WatchEnd::Count:
      break;
  }
  return "";
}

const char* to_string(ListReason reason) {
  switch (reason) {
    case ListReason::Initial:
      return "initial";
    case ListReason::Gone:
      return "gone";
    case ListReason::Refused:
      return "refused";
    case ListReason::Silent:
      return "silent";
    case ListReason::Count:
      break;
  }
  return "";
}

void ApiStats::requested(const char* verb, int status, std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  const std::lock_guard lock(mutex_);
  ++numbers_.requests[{verb, code_of(status)}];
  auto& times = numbers_.times[verb];
  ++times.buckets[static_cast<std::size_t>(bucket)];
  times.sum += seconds;
}

void ApiStats::retried(const char* verb, int status) {
  const std::lock_guard lock(mutex_);
  ++numbers_.retries[{verb, code_of(status)}];
}

void ApiStats::watches(Kind kind) {
  const std::lock_guard lock(mutex_);
  numbers_.kinds[kind];
}

void ApiStats::watch_ended(Kind kind, WatchEnd end) {
  const std::lock_guard lock(mutex_);
  ++numbers_.kinds[kind].restarts[static_cast<std::size_t>(end)];
}

void ApiStats::listed(Kind kind, ListReason reason) {
  const std::lock_guard lock(mutex_);
  ++numbers_.kinds[kind].lists[static_cast<std::size_t>(reason)];
}

void ApiStats::heard(Kind kind) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  numbers_.kinds[kind].last_event = std::chrono::duration<double>(now).count();
}

ApiStats::Numbers ApiStats::now() const {
  const std::lock_guard lock(mutex_);
  return numbers_;
}

}  // namespace weir::kube
