#include "inspect/live_input.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "kube/api_source.h"
#include "util/units.h"

namespace weir::inspect {

namespace {

/// Gathers first lists. What is told after them is not waited for.
class Gatherer {
 public:
  explicit Gatherer(const std::vector<kube::Kind>& kinds) : missing_(kinds.begin(), kinds.end()) {}

  void take(kube::SourceEvents events) {
    const std::scoped_lock lock(mutex_);
    for (auto& object : events.upserts) {
      const auto ref = kube::ref_of(object);
      if (missing_.contains(ref.kind)) objects_.insert_or_assign(ref, std::move(object));
    }
    for (auto& problem : events.problems) problems_.push_back({"", std::move(problem)});
    for (const auto kind : events.synced) missing_.erase(kind);
    if (missing_.empty()) complete_.notify_all();
  }

  bool wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return complete_.wait_for(lock, patience, [&] { return missing_.empty(); });
  }

  /// Once nothing is told any more.
  Input input() {
    Input input;
    for (auto& [ref, object] : objects_) input.add(std::move(object));
    for (auto& problem : problems_) input.add_finding(std::move(problem));
    return input;
  }

 private:
  std::mutex mutex_;
  std::condition_variable complete_;
  std::set<kube::Kind> missing_;
  std::map<kube::ObjectRef, kube::Object> objects_;
  std::vector<Finding> problems_;
};

}  // namespace

util::Result<Input> read_cluster(const std::shared_ptr<kube::Credentials>& credentials,
                                 const std::vector<kube::Kind>& kinds,
                                 const std::string& watch_namespace,
                                 std::chrono::milliseconds patience) {
  kube::ApiSourceOptions options;
  options.kinds = kinds;
  options.list_watch.watch_namespace = watch_namespace;
  Gatherer gatherer(kinds);
  kube::ApiSource source(credentials, std::move(options));
  source.start([&](kube::SourceEvents events) { gatherer.take(std::move(events)); });
  const bool complete = gatherer.wait(patience);
  source.stop();
  if (complete) return gatherer.input();
  return util::unavailable(fmt::format("the API server at {} has not given its objects within {}",
                                       credentials->server().host, util::to_string(patience)));
}

}  // namespace weir::inspect
