#include "kube/api_source.h"

#include <atomic>

namespace weir::kube {

namespace {

/// The sink of one of several watches of a kind, of which `missing` have not told a first list. The
/// kind is synced with the last one.
Source::Sink sink_of_one(Source::Sink sink, std::shared_ptr<std::atomic<std::size_t>> missing) {
  return [sink = std::move(sink), missing = std::move(missing),
          is_first = true](SourceEvents events) mutable {
    if (!events.synced.empty()) {
      if (std::exchange(is_first, false)) --*missing;
      if (*missing > 0) events.synced.clear();
    }
    sink(std::move(events));
  };
}

}  // namespace

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
    if (kind != Kind::Secret || options_.secrets.empty()) {
      watch(kind, options_.list_watch, sink);
      continue;
    }
    auto missing = std::make_shared<std::atomic<std::size_t>>(options_.secrets.size());
    for (const auto& secrets : options_.secrets) {
      auto options = options_.list_watch;
      options.watch_namespace = secrets.ns;
      options.watch_name = secrets.name;
      watch(kind, options, sink_of_one(sink, missing));
    }
  }
}

void ApiSource::watch(Kind kind, const ListWatchOptions& options, Sink sink) {
  watches_.push_back(std::make_unique<ListWatch>(kind, credentials_, options, std::move(sink)));
  threads_.emplace_back([watch = watches_.back().get()] { watch->run(); });
}

void ApiSource::stop() {
  for (const auto& watch : watches_) watch->stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace weir::kube
