#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/intrusive/list.hpp>

#include "proxy/endpoint.h"
#include "proxy/frame_watcher.h"
#include "proxy/stream.h"
#include "proxy/tunnel_auth.h"
#include "proxy/tunnel_counters.h"
#include "proxy/tunnel_registry.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

struct TunnelGroup;

/// Links a tunnel into its group; out when it is destroyed.
using TunnelOfGroup =
    boost::intrusive::list_base_hook<boost::intrusive::tag<TunnelGroup>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// What only the log wants to know of a handshake. Views that live until `Tunnel::open` returns.
struct TunnelRequest {
  std::string_view host;    ///< normalised; a route's may be a wildcard
  std::string_view target;  ///< path and query as sent; empty: undecrypted TLS
  std::string_view protocol;
};

/// What a handshake has settled for the tunnel that it opens.
struct TunnelStart {
  TunnelRequest request;
  TunnelGroup* group = nullptr;
  EndpointRef endpoint;
  bool websocket = true;   ///< its bytes are frames
  std::string to_client;   ///< unsent: of the 101, and what the backend sent right behind it
  std::string to_backend;  ///< what the client sent right behind its handshake
  std::string seen;        ///< what the backend sent right behind its 101, sent or not
  util::IpAddress client;
  std::optional<AuthQuestion> auth;  ///< to be asked again from time to time
  AddressCounts::Place place;        ///< of the connection, which the tunnel counts on
  ClientUse::Place client_place;     ///< of the request
  RoutePlace total_place;
  RoutePlace route_place;
  EndpointPlace endpoint_place;
  bool counted_by_client = false;  ///< in SharedRoute::take
  bool is_logged = true;           ///< in the access log
};

/// What a Close frame by weir says.
struct CloseWords {
  std::uint16_t code = 0;  ///< 0: the policy's
  std::string reason;      ///< empty: the policy's, or one by the cause
};

/// Two connections after a 101, or of TLS that is passed through: bytes go through as they come,
/// both ways, until a side ends, or weir ends both politely.
///
/// No coroutine and no buffer of its own: bytes are read into the worker's scratch and sent on at
/// once. Only what the receiving side does not take is copied and kept, and then the sending side
/// is not read until it is out. For each direction:
///
///   Open ──unsent rest──▶ Blocked ──rest is out──▶ Open
///     ├──FIN of the source──▶ (rest is out) ──▶ Ended: our FIN to the destination
///     └──weir ends it──▶ (a frame's end) ──▶ Sealed: our Close frame is the last that goes there;
///                                             what still comes is read for the peer's Close only
///
/// An end by weir (docs/tunnels.md "Polite ends"): both directions are sealed; a side that has our
/// Close and has sent its own gets our FIN; when both have, or after the policy's close timeout,
/// the tunnel is closed. It counts its end once and deletes itself.
class Tunnel final : public IoListener,
                     private TimerListener,
                     public OpenConnection,
                     public TunnelOfGroup {
 public:
  /// Starts it. It owns itself.
  static void open(WorkerState& worker, Stream client, Stream backend, TunnelStart start);

  // Of OpenConnection.
  void stop_accepting() override {}
  void cut(TunnelEnd why) override;

  std::uint64_t id() const { return id_; }
  const TunnelGroup& group() const { return group_; }
  const util::IpAddress& client() const { return client_; }
  const Endpoint& endpoint() const { return *endpoint_; }
  TimerWheel::TimePoint opened() const { return opened_; }
  std::chrono::nanoseconds lasted() const { return worker_.loop.now() - opened_; }
  TimerWheel::TimePoint last_byte() const { return last_byte_; }
  std::uint64_t bytes_from(Side side) const { return from_[index(side)].bytes; }
  std::uint64_t messages_from(Side side) const { return from_[index(side)].messages; }
  /// Of that side's Close frame; nullopt: none has come.
  std::optional<std::uint16_t> close_code_from(Side side) const;
  /// Of the Close frame that weir itself has sent there; 0: none.
  std::uint16_t close_code_to(Side side) const { return from_[index(other(side))].sent_code; }
  /// The client's side is encrypted.
  bool is_tls() const { return tls_; }
  bool is_ending() const { return ending_ != nullptr; }
  /// Why weir is ending it, and when it is closed at the latest; TunnelEnd::Count if it is not.
  TunnelEnd ending() const { return ending_ == nullptr ? TunnelEnd::Count : ending_->why; }
  TimerWheel::TimePoint ending_until() const { return ending_->deadline; }

  /// Ends it politely. May delete this.
  void end(TunnelEnd why, CloseWords words = {});
  /// As `end`, at that time, unless something ends it before. `words` nullptr: the usual ones.
  void plan_end(TunnelEnd why, TimerWheel::TimePoint at, const CloseWords* words = nullptr);
  /// The reason of the plan; TunnelEnd::Count if there is none.
  TunnelEnd planned() const { return planned_; }
  /// When, if there is one.
  TimerWheel::TimePoint planned_at() const { return planned_at_; }
  /// Nothing but its longest duration ends it any more.
  void drop_plan();
  /// At once, without a word to the peers. Deletes this.
  void close(TunnelEnd why);
  /// The policy is another one now.
  void policy_changed();

 private:
  /// Bytes that the destination has not taken yet.
  struct Rest {
    Rest(WorkerState& worker, OpenConnection& owner, std::string_view unsent);
    std::string bytes;
    const TimerWheel::TimePoint begun;
    TimerWheel::TimePoint since;  // the last progress
    HeldBytes::Holder held;
  };
  struct Direction {
    explicit Direction(FrameWatcher::Sender sender) : watcher(sender) {}
    std::unique_ptr<Rest> rest;         // nullptr: none
    std::unique_ptr<std::string> held;  // of a frame that perhaps does not go on
    FrameWatcher watcher;
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
    std::uint16_t sent_code = 0;  // of our Close frame
    std::uint8_t careful = 0;     // small reads to come: the destination did not take a whole one
    bool watched = false;         // its frames are followed
    bool source_ended = false;
    bool sealed = false;    // our Close frame is the last that goes there
    bool finished = false;  // our FIN is out
  };
  /// While weir ends it.
  struct Ending {
    TunnelEnd why;
    std::uint16_t codes[2];  // by who is told
    std::string reason;
    TimerWheel::TimePoint deadline;
  };
  /// Pings by weir, to a side that says nothing.
  struct Heartbeat {
    TimerWheel::TimePoint heard[2];  // by Side
    TimerWheel::TimePoint asked[2];
    TimerWheel::TimePoint sent[2];  // the last Ping
    std::uint32_t missed[2] = {};   // in a row
    std::array<char, 8> tag{};      // the payload: what comes back with it is ours
  };
  /// What few tunnels have: all others are smaller without.
  struct Extras {
    std::unique_ptr<Heartbeat> heartbeat;
    std::unique_ptr<TunnelAuth> auth;
    std::unique_ptr<CloseWords> planned_words;  // nullptr: the usual ones
  };

  Tunnel(WorkerState& worker, Stream client, Stream backend, TunnelStart start);
  ~Tunnel();

  void on_io(IoHandle& io) override;
  void on_timer(Timer& timer) override;

  Extras& extras();
  /// nullptr: nobody is asked.
  Heartbeat* heartbeat() const { return extras_ == nullptr ? nullptr : extras_->heartbeat.get(); }
  Direction& direction(Side from) { return from_[index(from)]; }
  Stream& stream(Side side) { return sides_[index(side)]; }

  // Each returns false when the tunnel is gone.
  bool pump(Side from);
  bool take(Side from, std::span<char> bytes);
  bool take_frames(Side from, std::span<char> bytes);
  bool send(Side from, std::string_view bytes);
  bool flush(Side from);
  bool pass_end_on(Side from);
  bool fail(Side side);
  bool begin_end(TunnelEnd why, std::uint16_t to_client, std::uint16_t to_backend,
                 std::string reason);
  bool refuse_frame(Side from);
  bool seal_if_possible(Side from);
  bool finish_sides();
  bool beat();
  bool ping(Side side);
  void set_options();
  TimerWheel::TimePoint first_asked() const;
  TimerWheel::TimePoint next_asked(TimerWheel::TimePoint now) const;
  void ask_silent_sides();

  void watch(Side from, std::span<const char> bytes);
  void count_bytes(Side from, std::size_t bytes);
  void count_frames(Side from, const FrameCounts& counts);
  void note_close(Side from);
  void give_up_watching();
  bool may_be_own_pong(Side from) const;
  bool is_own_pong(std::span<const char> frame, const FrameHeader& header) const;
  void arm();
  void plan_duration();
  /// At random, and always the same for a tunnel.
  std::uint64_t drawn(std::uint64_t below) const;
  void count_end(TunnelEnd why);
  void count_stall(Side from);

  WorkerState& worker_;
  TunnelGroup& group_;
  Stream sides_[2];
  Direction from_[2];
  EndpointRef endpoint_;
  std::unique_ptr<Ending> ending_;
  std::unique_ptr<Extras> extras_;
  AddressCounts::Place place_;
  ClientUse::Place client_place_;
  Timer timer_;
  const std::uint64_t id_;
  const TimerWheel::TimePoint opened_;
  TimerWheel::TimePoint last_byte_;
  TimerWheel::TimePoint planned_at_;
  util::IpAddress client_;
  TunnelEnd planned_ = TunnelEnd::Count;
  Side first_end_ = Side::Client;  // whose Close or FIN came first
  bool any_end_ = false;
  bool by_frame_ = false;     // the policy wants to see each frame before it goes on
  bool has_options_ = false;  // of its sockets
  bool asks_ = false;         // TCP asks the sides whether they are there
  // What its end counts down.
  const bool counted_by_client_;
  const bool counted_by_total_;
  const bool counted_by_route_;
  const bool counted_by_endpoint_;
  const bool tls_;
  const bool is_logged_;
};

}  // namespace weir::proxy
