#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "controller/event_body.h"
#include "controller/metrics.h"
#include "kube/api_client.h"
#include "kube/problem.h"

namespace weir::controller {

/// Posts problems as Events on their objects, on a thread of its own. Best effort: the log and the
/// metrics have them all, an Event is for who looks at the object.
class EventWriter {
 public:
  struct Limits {
    std::size_t queue = 1000;      ///< more is dropped
    std::size_t per_object = 10;   ///< in each `window`
    std::size_t objects = 10'000;  ///< known in one window
    std::chrono::milliseconds window{300'000};
    std::chrono::milliseconds pause{50};           ///< between two posts
    std::chrono::milliseconds first_retry{1'000};  ///< doubles
    int tries = 5;
  };

  EventWriter(std::unique_ptr<kube::ApiClient> client, EventOrigin origin, Limits limits,
              Metrics& metrics);
  ~EventWriter();  ///< ends the request under way; what is queued is not written

  /// From one thread; never waits.
  void report(const kube::Problem& problem, const std::string& uid);

 private:
  struct Entry {
    kube::Problem problem;
    std::string uid;
    std::chrono::system_clock::time_point time;
  };
  struct Window {
    std::chrono::steady_clock::time_point begin;
    std::size_t count = 0;
  };

  bool is_within_limits(const kube::ObjectRef& object);
  void run();
  void post(const Entry& entry);
  /// False if it is time to end.
  bool sleep(std::chrono::milliseconds time);

  const std::unique_ptr<kube::ApiClient> client_;
  const EventOrigin origin_;
  const Limits limits_;
  Metrics& metrics_;
  std::map<kube::ObjectRef, Window> windows_;  // of the reporting thread
  bool failure_was_logged_ = false;            // of the writing thread

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> queue_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::controller
