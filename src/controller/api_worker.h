#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "kube/api_client.h"

namespace weir::controller {

/// Requests that wait for answers, one after another on a thread of its own, so that the
/// controller's loop never does.
class ApiWorker {
 public:
  using Task = std::function<void(kube::ApiClient&)>;

  explicit ApiWorker(std::unique_ptr<kube::ApiClient> client);
  /// Ends the request under way; tasks that have not begun are dropped.
  ~ApiWorker();

  /// From any thread; never waits.
  void post(Task task);

 private:
  void run();

  const std::unique_ptr<kube::ApiClient> client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool is_stopping_ = false;
  std::thread thread_;  // last: it uses all of these
};

}  // namespace weir::controller
