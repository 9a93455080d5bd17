#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "controller/metrics.h"
#include "controller/status_options.h"
#include "kube/lease_client.h"
#include "util/backoff.h"

namespace weir::controller {

/// Elects one of many by a Lease (coordination.k8s.io/v1), on a thread of its own:
///
///   follower ──the Lease is nobody's, or has not changed for its duration──▶ leader
///      ▲                                                                      │
///      └──not renewed for ttl/2, or another one holds it──────────────────────┘
///
/// Only this machine's monotonic clock counts, from when a change of the Lease was seen: the times
/// in it are for people. A follower waits for the whole duration and a leader gives up at its half,
/// so that the one has ended before the other begins.
class LeaderElection {
 public:
  /// Makes a connection with these timeouts.
  using Connect = std::function<std::unique_ptr<kube::ApiClient>(const kube::ApiClient::Timeouts&)>;
  /// Called on the election's thread when it has become leader (true) or is none any more.
  using Listener = std::function<void(bool)>;

  LeaderElection(Connect connect, ElectionOptions options, Metrics& metrics, Listener listener);
  ~LeaderElection();  ///< stops

  /// From any thread, and right between two looks at the Lease, too.
  bool is_leader() const;
  /// Ends the election, after which nobody is told of anything. A leader gives its Lease back, so
  /// that another one need not wait: that takes some seconds at most. May be called twice.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  /// One look at the Lease. False if it failed.
  bool look();
  bool renew();
  bool read();
  bool consider(const kube::Lease& seen);
  bool take(kube::Lease lease);
  bool won(const kube::Lease& lease, Clock::time_point begin);
  void lose(const std::string& reason);
  bool failed(const char* verb, const kube::ApiReply& reply);
  std::chrono::milliseconds delay(bool is_good);
  bool sleep(std::chrono::milliseconds time);
  void release();
  bool is_own() const { return known_.holder == options_.identity; }

  const Connect connect_;
  const ElectionOptions options_;
  const std::chrono::milliseconds retry_;
  Metrics& metrics_;
  const Listener listener_;

  // Of the thread.
  kube::LeaseClient client_;
  kube::Lease known_;  // without a version: there is none
  Clock::time_point observed_;
  bool was_told_ = false;  // that it is leader
  util::Backoff backoff_;
  std::chrono::milliseconds retry_after_{};
  std::mt19937_64 random_{std::random_device{}()};
  std::string reported_;  // the failure that was logged last

  std::atomic<Clock::rep> leader_until_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false;
  std::thread thread_;  // last: it uses all of these
};

}  // namespace weir::controller
