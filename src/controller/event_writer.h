#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "controller/event_body.h"
#include "controller/metrics.h"
#include "kube/api_client.h"
#include "kube/problem.h"

namespace weir::controller {

/// Posts problems as Events on their objects, on a thread of its own. Best effort: the log and the
/// metrics have them all, an Event is for who looks at the object.
///
/// A problem that comes again while its Event is remembered becomes that Event's series instead of
/// another Event, as client-go does it: the second time is written at once, further ones at most
/// every `refresh`, and the last count when it has been quiet for `quiet`. Then it is forgotten.
class EventWriter {
 public:
  struct Limits {
    std::size_t queue = 1000;      ///< Events that wait to be posted; more are dropped
    std::size_t per_object = 10;   ///< new Events in each `window`
    std::size_t objects = 10'000;  ///< known in one window
    std::size_t series = 10'000;   ///< Events that are remembered; more problems are dropped
    std::chrono::milliseconds window{300'000};
    std::chrono::milliseconds quiet{360'000};
    std::chrono::milliseconds refresh{1'800'000};
    std::chrono::milliseconds pause{50};           ///< between two requests
    std::chrono::milliseconds first_retry{1'000};  ///< doubles
    int tries = 5;
  };

  EventWriter(std::unique_ptr<kube::ApiClient> client, EventOrigin origin, Limits limits,
              Metrics& metrics);
  ~EventWriter();  ///< ends the request under way; what is queued is not written

  /// From one thread; never waits for a request.
  void report(const kube::Problem& problem, const std::string& uid);

 private:
  using Clock = std::chrono::steady_clock;
  using Key = std::pair<kube::Problem, std::string>;  // and the object's uid

  struct Series {
    std::chrono::system_clock::time_point first;  // names the Event
    std::chrono::system_clock::time_point last;
    Clock::time_point last_seen;
    Clock::time_point written_at;
    std::size_t count = 1;
    std::size_t written = 0;  // the count that the API server has
    Clock::time_point due;    // while written > 0: when to look at it
  };
  struct Window {
    Clock::time_point begin;
    std::size_t count = 0;
  };

  bool is_within_limits(const kube::ObjectRef& object);
  Clock::time_point due_of(const Series& series) const;
  void set_due(const Key& key, Series& series);
  void clear_due(const Key& key, const Series& series);
  void run();
  /// What to write next: waits for it. Nothing: it is time to end.
  std::optional<std::pair<Key, Series>> next();
  std::optional<std::pair<Key, Series>> next_due(Clock::time_point now);
  kube::ApiReply write(const Key& key, const Series& series);
  void written(const Key& key, const Series& series, const kube::ApiReply& reply);
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
  std::map<Key, Series> series_;
  std::deque<Key> queue_;  // of those, what is to be posted
  std::multimap<Clock::time_point, Key> due_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::controller
