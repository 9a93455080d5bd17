#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/endpoint.h"
#include "proxy/stream.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

/// Two connections after a 101, or of TLS that is passed through: bytes go through as they come,
/// both ways, until a side ends.
///
/// No coroutine and no buffer of its own: bytes are read into the worker's scratch and sent on at
/// once. Only what the receiving side does not take is copied and kept, and then the sending side
/// is not read until it is out. For each direction:
///
///   Open ──unsent rest──▶ Blocked ──rest is out──▶ Open
///     └──FIN of the source──▶ (rest is out) ──▶ Ended: our FIN to the destination
///
/// Both directions Ended, a reset on either side, an idle timeout, or the worker's end: the tunnel
/// is closed, counted by reason, and deletes itself.
class Tunnel final : public IoListener, private TimerListener, public OpenConnection {
 public:
  struct Pending {
    std::string to_client;   ///< what the backend sent right behind its 101, or of it is unsent
    std::string to_backend;  ///< what the client sent right behind its handshake
    AddressCounts::Place place = {};  ///< of the client, which the tunnel counts on
  };

  /// Starts it. It owns itself.
  static void open(WorkerState& worker, Stream client, Stream backend, EndpointRef endpoint,
                   Pending pending);

  void stop_accepting() override {}
  void cut() override { end(TunnelEnd::Drain); }

 private:
  enum Side : std::uint8_t { Client = 0, BackendSide = 1 };

  /// Bytes on their way from one side to the other.
  struct Direction {
    std::unique_ptr<std::string> rest;  // unsent bytes; nullptr: none
    bool source_ended = false;
    bool ended = false;        // our FIN is out
    std::uint8_t careful = 0;  // small reads to come: the destination did not take a whole one
  };

  Tunnel(WorkerState& worker, Stream client, Stream backend, EndpointRef endpoint, Pending pending);
  ~Tunnel();

  void on_io(IoHandle& io) override;
  void on_timer(Timer& timer) override;
  void end(TunnelEnd reason);
  /// False: the tunnel is gone.
  bool pump(Side from);
  bool send(Direction& direction, Side to, const char* data, std::size_t size);
  bool flush(Direction& direction, Side to);
  bool fail(Side side);
  void touch();
  void count_held();

  WorkerState& worker_;
  Stream sides_[2];
  Direction from_[2];  // by source
  EndpointRef endpoint_;
  AddressCounts::Place place_;
  HeldBytes::Holder held_;
  Timer timer_;
  bool first_end_was_client_ = false;
};

}  // namespace weir::proxy
