#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/counters.h"
#include "proxy/histogram.h"

/// What is counted about requests, by route and backend (docs/metrics.md).
namespace weir::proxy {

/// As ingress-nginx's --time-buckets.
inline constexpr std::array<std::chrono::milliseconds, 11> kRequestTimes{
    std::chrono::milliseconds(5),     std::chrono::milliseconds(10),
    std::chrono::milliseconds(25),    std::chrono::milliseconds(50),
    std::chrono::milliseconds(100),   std::chrono::milliseconds(250),
    std::chrono::milliseconds(500),   std::chrono::milliseconds(1'000),
    std::chrono::milliseconds(2'500), std::chrono::milliseconds(5'000),
    std::chrono::milliseconds(10'000)};

/// Why a connection to an endpoint did not come about. Closed list.
enum class ConnectFailure : std::uint8_t { Refused, Timeout, NoPort, Tls, Unreachable, Count };
/// "refused", "no_port", …
const char* failure_name(ConnectFailure failure);
/// Of an error of socket(2) or connect(2).
ConnectFailure connect_failure_of(int error);

/// Why a request was sent again. Closed list.
enum class RetryReason : std::uint8_t {
  Stale,     // a kept connection had ended
  Reset,     // the endpoint ended it without an answer
  Timeout,   // no answer in time
  Response,  // an answer that the route has tried again, or none of HTTP
  Count,
};
const char* retry_name(RetryReason reason);

/// Of which kind a request was: its method and its answer's status, both from closed lists.
class RequestKind {
 public:
  /// Methods that are not in RFC 9110 §9 or RFC 5789 are "OTHER": 0.
  static std::uint16_t number_of(std::string_view method);
  /// `method`: by `number_of`. Statuses without a meaning of their own are of their class alone:
  /// "4xx".
  RequestKind(std::uint16_t method, int status);
  explicit constexpr RequestKind(std::uint16_t number) : number_(number) {}

  std::uint16_t number() const { return number_; }
  const char* method() const;
  /// "200", "4xx".
  std::string code() const;
  /// "2xx".
  std::string code_class() const;
  bool is_tunnel() const;

 private:
  std::uint16_t number_;
};

/// Requests of one kind.
struct HttpSeries {
  using Times = Histogram<kRequestTimes>;

  Cell requests;
  Times durations;  // from the head until the answer's end
  Times connects;   // of those that had to wait for a connection
  Times headers;    // from the request's begin towards an endpoint until the answer's head
  Times responses;  // … and until its end
  Cell request_bytes;
  Cell response_bytes;
};

/// Whose numbers they are.
struct HttpLabels {
  std::string origin;   ///< table::Route::origin
  std::string backend;  ///< table::Backend::name
  std::string path;     ///< of the route
  bool canary = false;  ///< the backend is the route's canary

  auto operator<=>(const HttpLabels&) const = default;
};
/// For requests that no route takes, and, as origin and backend, for those of routes that are over
/// the bound.
inline constexpr const char* kUnrouted = "_/_";
inline constexpr const char* kOther = "_other/_other";

class HttpRegistry;

/// One worker's numbers of one route and backend. Written by that worker, read by any thread.
class HttpCounters {
 public:
  /// `other`: takes what there is no more room for; nullptr: there is always room. Made by
  /// HttpRegistry.
  HttpCounters(HttpRegistry& registry, HttpLabels labels, std::shared_ptr<HttpCounters> other);
  ~HttpCounters();
  HttpCounters(const HttpCounters&) = delete;
  HttpCounters& operator=(const HttpCounters&) = delete;

  const HttpLabels& labels() const { return labels_; }

  /// For the worker.
  HttpSeries& of(RequestKind kind) {
    if (last_ != nullptr && last_->kind == kind.number()) return *last_->series;
    return find(kind);
  }

  /// `use` gets a RequestKind and an HttpSeries, for each that is this one's own.
  template <class Use>
  void for_each(Use use) const {
    for (const auto* node = first_.load(std::memory_order_acquire); node != nullptr;
         node = node->next) {
      if (node->own != nullptr) use(RequestKind(node->kind), *node->own);
    }
  }

  std::array<Cell, static_cast<std::size_t>(ConnectFailure::Count)> connect_failures;
  std::array<Cell, static_cast<std::size_t>(RetryReason::Count)> retries;

 private:
  /// Is what it is from when others can see it.
  struct Node {
    std::uint16_t kind;
    HttpSeries* series;               // what counts
    std::unique_ptr<HttpSeries> own;  // … unless it is somebody else's
    Node* next;
  };
  HttpSeries& find(RequestKind kind);

  HttpRegistry& registry_;
  const HttpLabels labels_;
  const std::shared_ptr<HttpCounters> other_;
  std::atomic<Node*> first_{nullptr};
  Node* last_ = nullptr;  // used
};

/// All workers' numbers. Outlives the workers. Any thread.
class HttpRegistry {
 public:
  /// `most_series`: routes' requests by kind, over all workers. A route that comes when there are
  /// so many is counted as "_other".
  explicit HttpRegistry(std::size_t most_series) : most_series_(most_series) {}

  /// They count for as long as somebody holds them.
  std::shared_ptr<HttpCounters> add(HttpLabels labels, std::shared_ptr<HttpCounters> other);
  /// Several with the same labels: one for each worker and host.
  std::vector<std::shared_ptr<const HttpCounters>> counters() const;
  /// Series that were not made, for there were too many.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  friend class HttpCounters;
  bool take_series();
  void give_back(std::size_t series) { series_.fetch_sub(series, std::memory_order_relaxed); }
  void sweep() const;  // with the mutex held

  const std::size_t most_series_;
  std::atomic<std::size_t> series_{0};
  std::atomic<std::uint64_t> dropped_{0};
  mutable std::mutex mutex_;
  mutable std::vector<std::weak_ptr<HttpCounters>> counters_;  // guarded by mutex_
  std::size_t sweep_at_ = 64;                                  // guarded by mutex_
};

/// What a worker counts with.
class HttpBook {
 public:
  explicit HttpBook(HttpRegistry& registry);

  std::shared_ptr<HttpCounters> open(HttpLabels labels) const {
    return registry_.add(std::move(labels), other_);
  }
  HttpCounters& unrouted() const { return *unrouted_; }

 private:
  HttpRegistry& registry_;
  std::shared_ptr<HttpCounters> other_;
  std::shared_ptr<HttpCounters> unrouted_;
};

/// A request as it is being counted: when it began, what it has cost so far.
struct RequestTally {
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::nanoseconds kNone{-1};

  HttpCounters* counters = nullptr;  ///< of its route and backend, which the exchange keeps
  std::uint16_t method = 0;          ///< RequestKind::number_of
  int status = 0;                    ///< 0: no answer has begun
  TimePoint begun{};
  TimePoint upstream_begun{};                    ///< the last try
  std::chrono::nanoseconds connect_took{kNone};  ///< of the last try
  std::chrono::nanoseconds header_took{kNone};   ///< it has answered
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;

  /// Counts it; the answer is out, or nobody waits for it any more.
  void count(TimePoint now) const;
};

}  // namespace weir::proxy
