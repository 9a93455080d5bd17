#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "kube/api_client.h"
#include "kube/decode.h"
#include "kube/source.h"
#include "util/backoff.h"

namespace weir::kube {

/// The defaults are client-go's reflector's.
struct ListWatchOptions {
  std::string watch_namespace;  ///< empty: all namespaces
  std::string watch_name;       ///< set: the object of this name alone
  std::chrono::milliseconds backoff_first{800};
  std::chrono::milliseconds backoff_max{30'000};
  /// So long without a failure, and the next one waits `backoff_first` again.
  std::chrono::milliseconds backoff_reset{120'000};
  /// A watch that ends sooner and brought nothing has failed.
  std::chrono::milliseconds short_watch{1'000};
  /// A watch that lasted this long and brought nothing, not even a bookmark, is not trusted: one
  /// from a version that the server has not reached yet (an etcd restored from a backup) is just
  /// silent.
  std::chrono::milliseconds silent_watch{60'000};
  /// Each watch asks for an end at random between these, so that replicas do not reconnect in step.
  /// How often a kind is asked for that the API server does not have, or not for weir.
  std::chrono::milliseconds absent_retry{20'000};
  std::chrono::seconds watch_min{300};
  std::chrono::seconds watch_max{600};
  std::size_t page_size = 500;
  std::size_t max_object = 4 << 20;  ///< bytes; the API server's own limit is about 1.5 MiB
  ApiClient::Timeouts timeouts;
};

/// Keeps up with all objects of one kind at the API server:
///
///   list (pages) ──▶ watch from the list's resourceVersion ──▶ watch again from the last one seen
///   …
///     ▲                                  │
///     └────── 410, refused version ◀─────┘
///
/// A list is told in one call, with the objects that are gone since. Whatever else goes wrong, the
/// same request is tried again after a jittered wait, and what was told stays. resourceVersions are
/// opaque.
///
/// What need not be there is as good as an empty list until it is: weir's own kinds, whose
/// definitions may come later or never, and IngressClasses, if one namespace is watched: no Role
/// can allow to read them.
class ListWatch {
 public:
  /// `sink` is called on the thread that runs.
  ListWatch(Kind kind, std::shared_ptr<Credentials> credentials, ListWatchOptions options,
            Source::Sink sink);

  /// Until `stop`.
  void run();
  /// From any thread; `run` then returns at once.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  /// What to do after a list or a watch.
  enum class Next { Go, Retry, RelistLater, Absent };

  class Stream;

  Next list();
  /// One page, its objects into `events`. Expired with a continue token asks to begin again.
  ApiReply list_page(const std::string& continue_token, bool paged, SourceEvents& events,
                     ListHead& head, std::size_t& oversized);
  Next watch();
  Next after_watch(const ApiReply& reply, const Stream& stream, Clock::duration lasted);
  Next expired(bool heard);
  /// The next list is for this reason.
  void list_anew(ListReason reason);

  void take(Decoded decoded, SourceEvents& events);
  bool may_be_absent(ApiStatus status) const;
  Next absent(const ApiReply& reply);
  Next failed(const ApiReply& reply, const char* verb);
  void succeeded();
  /// False when stopped.
  bool wait(Next next);
  bool stopped();

  const Kind kind_;
  const ListWatchOptions options_;
  const Source::Sink sink_;
  ApiStats& stats_;  // the credentials', which the client holds
  ApiClient client_;
  util::Backoff backoff_;
  std::mt19937_64 random_{std::random_device{}()};

  std::string version_;  // where to watch from; empty: list first
  ListReason list_reason_ = ListReason::Initial;
  std::set<ObjectRef> known_;  // told, or told of as a problem
  bool heard_since_list_ = false;
  std::optional<std::chrono::seconds> retry_after_;
  Clock::time_point last_failure_;
  std::string reported_;  // the failure that was logged last

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
};

}  // namespace weir::kube
