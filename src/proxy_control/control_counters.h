#pragma once

#include <array>
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

/// The control thread's numbers. Written and read on that thread only.
struct ControlCounters {
  std::uint64_t connections_limit = 0;  ///< DataPlane::most_connections
  bool connected = false;               ///< to a controller that we said Hello to
  std::uint64_t connects = 0;
  bool draining = false;
  double drain_deadline =
      0;  ///< Unix time in seconds at which what is left is cut; 0: not draining
  std::uint64_t generation = 0;  ///< the newest that every worker runs; 0 for the state file's
  std::uint64_t updates_applied = 0;
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
