#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "table/table.h"

namespace weir::proxy_control {

/// Why what came over the control socket was refused as a whole. Closed list.
enum class FrameRefusal : std::uint8_t {
  Malformed,    // a header or body that cannot be read
  Unsupported,  // another protocol version, or a kind of frame that is not known
  Unexpected,   // a kind of frame that a controller does not send
  TooLarge,     // an update over the cap
  Cut,          // the controller hung up inside of a frame
  Stalled,      // a frame that was begun and not ended in time
  Peer,         // the process that listens belongs to somebody else
  Count,
};
const char* refusal_name(FrameRefusal refusal);

/// How long updates took.
struct UpdateTimes {
  /// In seconds.
  static constexpr std::array<double, 10> kBounds{0.0001, 0.0005, 0.001, 0.005, 0.01,
                                                  0.05,   0.1,    0.5,   1,     5};

  void add(std::chrono::nanoseconds took) {
    const double seconds = std::chrono::duration<double>(took).count();
    const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
    ++buckets[static_cast<std::size_t>(bucket)];
    sum += seconds;
  }

  std::array<std::uint64_t, kBounds.size() + 1> buckets{};  ///< the last one: longer ones
  double sum = 0;
};

/// The control thread's numbers. Written and read on that thread only.
struct ControlCounters {
  std::uint64_t connections_limit = 0;  ///< DataPlane::most_connections
  bool connected = false;               ///< to a controller that we said Hello to
  std::uint64_t connects = 0;
  bool draining = false;
  double drain_deadline =
      0;  ///< Unix time in seconds at which what is left is cut; 0: not draining
  std::uint64_t generation = 0;       ///< the newest that every worker runs; 0 for the state file's
  std::uint64_t updates_applied = 0;  ///< that changed something, without a refusal
  std::uint64_t updates_unchanged = 0;  ///< that changed nothing
  std::uint64_t updates_rejected = 0;   ///< of which a resource was refused
  bool last_update_good = false;        ///< the last one is on every worker, as a whole
  double last_good_update = 0;          ///< Unix time in seconds; 0: there was none
  UpdateTimes update_times;             ///< until every worker runs it
  std::uint64_t table_fingerprint = 0;  ///< TableHolder::fingerprint
  std::uint64_t resources_refused = 0;
  table::CountByKind resources{};  ///< held
  std::array<std::uint64_t, static_cast<std::size_t>(FrameRefusal::Count)> frames_refused{};
  std::uint64_t state_writes = 0;
  std::uint64_t state_failures = 0;
  std::uint64_t dns_answers = 0;
  std::uint64_t dns_failures = 0;
  std::uint64_t checks_good = 0;  ///< of endpoints' health
  std::uint64_t checks_bad = 0;
  std::uint64_t checks_timed_out = 0;
  std::uint64_t endpoints_out = 0;       ///< gauge: by such checks
  std::uint64_t access_log_dropped = 0;  ///< lines
};

}  // namespace weir::proxy_control
