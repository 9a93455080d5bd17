#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/counters.h"
#include "proxy/histogram.h"

/// What is counted about tunnels (docs/tunnels.md).
namespace weir::proxy {

/// Why a tunnel ended, and who began its end. Closed list.
enum class TunnelEnd : std::uint8_t {
  ClientClosed,   // the client's Close frame or FIN came first
  BackendClosed,  // the backend's
  ClientReset,
  BackendReset,
  // From here on weir itself ends it.
  IdleTimeout,
  HalfClosed,  // one side's FIN, then nothing for too long
  MaxDuration,
  PingTimeout,
  PeerDead,  // TCP had no answer from a side
  Stalled,   // a side that does not read
  Drain,     // the process ends
  RouteChanged,
  EndpointTerminating,
  EndpointGone,
  Rebalance,
  FrameTooLarge,
  AuthExpired,  // the auth service says no
  Admin,
  Memory,  // it held most of too much
  Count,
};
/// "client", "backend" or "proxy".
const char* initiator_of(TunnelEnd end);
/// "normal", "reset", "idle_timeout", …
const char* reason_of(TunnelEnd end);

/// The sides of a tunnel. A direction is named by the side that its bytes come from.
enum class Side : std::uint8_t { Client, Backend };
constexpr Side other(Side side) {
  return side == Side::Client ? Side::Backend : Side::Client;
}
constexpr std::size_t index(Side side) {
  return static_cast<std::size_t>(side);
}
/// "client" or "backend".
const char* side_name(Side side);

/// The place of a Close frame's code in Counters::tunnel_close_codes.
std::size_t index_of_code(std::uint16_t code);
/// "1000", "3xxx", "invalid".
const char* code_name(std::size_t index);

inline constexpr std::array<std::chrono::seconds, 9> kTunnelLives{
    std::chrono::seconds(1),      std::chrono::seconds(10),     std::chrono::seconds(60),
    std::chrono::seconds(300),    std::chrono::seconds(900),    std::chrono::seconds(3600),
    std::chrono::seconds(14'400), std::chrono::seconds(43'200), std::chrono::seconds(86'400)};
inline constexpr std::array<std::chrono::milliseconds, 10> kWaits{
    std::chrono::milliseconds(1),     std::chrono::milliseconds(5),
    std::chrono::milliseconds(10),    std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),    std::chrono::milliseconds(100),
    std::chrono::milliseconds(250),   std::chrono::milliseconds(1'000),
    std::chrono::milliseconds(2'500), std::chrono::milliseconds(10'000)};

/// The numbers of one worker's tunnels of one route to one backend. Written by that worker, read by
/// any thread.
struct TunnelCounters {
  struct Direction {
    Cell bytes;       // as received, while the tunnel lives
    Cell stalled_us;  // for so long this side was not read, because the other one did not read
    Cell data_frames;
    Cell messages;
    Cell pings;
    Cell pongs;
    Cell closes;
  };
  Cell opened;
  Cell open;  // gauge
  std::array<Cell, static_cast<std::size_t>(TunnelEnd::Count)> ended;
  std::array<Direction, 2> from;  // by Side
  Histogram<kTunnelLives> durations;
  Histogram<kWaits> handshakes;  // from the request's head until the 101 is on its way
  Histogram<kWaits> pings;       // until the answer to one of weir's
  Cell handshakes_failed;
  Cell oldest;     // gauge: when the oldest open one was opened, in ms of the steady clock; 0: none
  Cell unwatched;  // tunnels whose frames could not be followed
  Cell ended_clean;      // of ends by weir: both sides had a Close frame or their FIN in time
  Cell ended_forced;     // the others
  Cell close_unaligned;  // ends without a Close frame, because a frame did not end in time
};

}  // namespace weir::proxy
