#pragma once

#include <cstddef>
#include <cstdint>

#include <boost/intrusive/list.hpp>

#include "proxy/counters.h"
#include "proxy/event_loop.h"

namespace weir::proxy {

/// Bounds what TLS handshakes take from a worker. So many are under way at once; others wait in the
/// order in which they came, unread. And so few steps of them are made in a turn of the loop: a
/// step may be a signature, and open connections are served between two turns.
class HandshakeGate {
 public:
  static constexpr int kStepsPerTurn = 4;

  HandshakeGate(EventLoop& loop, std::size_t limit, Counters& counters)
      : loop_(loop), limit_(limit), counters_(counters) {}

  /// One connection's place, from when its first bytes are here until its handshake is over.
  class Place : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    /// Admitted at once if there is room. Else `io`'s listener is called when there is.
    Place(HandshakeGate& gate, IoHandle* io);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    bool admitted() const { return admitted_; }
    /// False: not in this turn; yield, and ask again.
    bool may_step();

   private:
    friend class HandshakeGate;
    HandshakeGate& gate_;
    IoHandle* io_;
    bool admitted_ = false;
    bool deferred_ = false;
  };

 private:
  void admit(Place& place);
  void admit_next();

  EventLoop& loop_;
  const std::size_t limit_;
  Counters& counters_;
  std::size_t under_way_ = 0;
  std::uint64_t turn_ = 0;
  int steps_ = 0;             // in turn_
  std::size_t deferred_ = 0;  // who yielded over it: they come before others
  boost::intrusive::list<Place, boost::intrusive::constant_time_size<false>> waiting_;
};

}  // namespace weir::proxy
