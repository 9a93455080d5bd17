#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "kube/objects.h"

namespace weir::kube {

/// Why a watch was begun anew. Closed list.
enum class WatchEnd : std::uint8_t {
  Eof,    // the server ended it, as it does every some minutes
  Gone,   // 410: its version is too old
  Error,  // it broke off, was refused or said nothing
  Count,
};
const char* to_string(WatchEnd end);

/// Why a kind was listed. Closed list.
enum class ListReason : std::uint8_t {
  Initial,  // nothing was known
  Gone,     // the server no longer had the version to watch from
  Refused,  // it did not take the watch
  Silent,   // the watch said nothing for too long
  Count,
};
const char* to_string(ListReason reason);

/// What happened between weir and the API server, for metrics. Any thread.
class ApiStats {
 public:
  /// client-go's for rest_client_request_duration_seconds.
  static constexpr std::array<double, 12> kBounds{0.005, 0.025, 0.1, 0.25, 0.5, 1,
                                                  2,     4,     8,   15,   30,  60};

  struct Times {
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};
    double sum = 0;
  };
  struct OfKind {
    std::array<std::uint64_t, static_cast<std::size_t>(WatchEnd::Count)> restarts{};
    std::array<std::uint64_t, static_cast<std::size_t>(ListReason::Count)> lists{};
    double last_event = 0;  ///< Unix time in seconds: list, change or bookmark; 0: none yet
  };
  struct Numbers {
    /// By verb ("GET") and status; "<error>" where there was no answer.
    std::map<std::pair<std::string, std::string>, std::uint64_t> requests;
    std::map<std::string, Times> times;  ///< until the head of the answer; by verb
    std::map<std::pair<std::string, std::string>, std::uint64_t> retries;  ///< as `requests`
    std::map<Kind, OfKind> kinds;                                          ///< that are watched
  };

  /// `status` 0: there was no answer.
  void requested(const char* verb, int status, std::chrono::nanoseconds took);
  /// A request that had this answer was sent again.
  void retried(const char* verb, int status);
  void watches(Kind kind);
  void watch_ended(Kind kind, WatchEnd end);
  void listed(Kind kind, ListReason reason);
  void heard(Kind kind);

  Numbers now() const;

 private:
  mutable std::mutex mutex_;
  Numbers numbers_;  // guarded by mutex_
};

}  // namespace weir::kube
