#include "kube/api_source.h"

namespace weir::kube {

ApiSource::ApiSource(std::shared_ptr<Credentials> credentials, ApiSourceOptions options)
    : credentials_(std::move(credentials)), options_(std::move(options)) {}

ApiSource::~ApiSource() {
  ApiSource::stop();
}

void ApiSource::start(Sink sink) {
  SourceEvents unwatched;
  for (const auto kind : kObjectKinds) {
    const auto& kinds = options_.kinds;
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
      unwatched.synced.push_back(kind);
    }
  }
  if (!unwatched.synced.empty()) sink(std::move(unwatched));
  for (const auto kind : options_.kinds) {
    watches_.push_back(std::make_unique<ListWatch>(kind, credentials_, options_.list_watch, sink));
    threads_.emplace_back([watch = watches_.back().get()] { watch->run(); });
  }
}

void ApiSource::stop() {
  for (const auto& watch : watches_) watch->stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace weir::kube
