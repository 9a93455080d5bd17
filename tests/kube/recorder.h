#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kube/source.h"

namespace weir::kube {

/// A sink that keeps what a source told, the way the controller would.
class Recorder {
 public:
  struct State {
    std::map<ObjectRef, Object> objects;
    std::map<ObjectRef, std::vector<Problem>> problems;
    std::set<Kind> synced;
    std::vector<SourceEvents> calls;
  };

  Source::Sink sink() {
    return [this](SourceEvents events) { take(std::move(events)); };
  }

  /// Waits for `is_reached(state)`; a failure of the test if that never comes.
  template <class P>
  State wait(const char* what, P is_reached) {
    std::unique_lock lock(mutex_);
    const bool reached =
        changed_.wait_for(lock, std::chrono::seconds(60), [&] { return is_reached(state_); });
    EXPECT_TRUE(reached) << "never came: " << what;
    return state_;
  }
  State state() {
    const std::lock_guard lock(mutex_);
    return state_;
  }

 private:
  void take(SourceEvents events) {
    const std::lock_guard lock(mutex_);
    for (const auto& ref : events.removes) {
      state_.objects.erase(ref);
      state_.problems.erase(ref);
    }
    for (const auto& object : events.upserts) {
      state_.objects.insert_or_assign(ref_of(object), object);
      state_.problems.erase(ref_of(object));
    }
    for (const auto& problem : events.problems) state_.problems.erase(problem.object);
    for (const auto& problem : events.problems) state_.problems[problem.object].push_back(problem);
    state_.synced.insert(events.synced.begin(), events.synced.end());
    state_.calls.push_back(std::move(events));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
};

}  // namespace weir::kube
