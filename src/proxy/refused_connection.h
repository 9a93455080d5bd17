#pragma once

#include "proxy/stream.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

/// A client's connection over a limit. It gets 503 where it speaks plain HTTP, and our FIN; what it
/// has sent is read and thrown away until its own FIN or a second is over, so that no reset
/// overtakes the answer. A worker has few of them at a time; a further one is closed at once.
/// It owns itself.
class RefusedConnection final : public IoListener, private TimerListener, public OpenConnection {
 public:
  /// `fd` is non-blocking and taken over.
  static void open(WorkerState& worker, int fd, bool tls);

  void stop_accepting() override {}
  void cut(TunnelEnd) override { delete this; }

 private:
  RefusedConnection(WorkerState& worker, IoHandle* io);
  ~RefusedConnection();

  void on_io(IoHandle& io) override;
  void on_timer(Timer&) override { delete this; }

  WorkerState& worker_;
  Stream stream_;
  Timer timer_;
};

}  // namespace weir::proxy
