#pragma once

#include <cstddef>

#include <boost/intrusive/list.hpp>

#include "proxy/counters.h"
#include "proxy/event_loop.h"

namespace weir::proxy {

class OpenConnection;

/// What a worker's connections hold in memory for peers that do not keep up: bytes not yet sent,
/// and heads that are not whole. When it is more than the budget, the connection that holds most is
/// cut, then the next, until the rest fits; in a turn of its own, never amid somebody's step.
class HeldBytes {
 public:
  HeldBytes(EventLoop& loop, std::size_t most, Counters& counters)
      : loop_(loop), most_(most), counters_(counters) {}

  /// One connection's part, or a piece of it. Nothing until `set`.
  class Holder : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    Holder(HeldBytes& held, OpenConnection& owner) : held_(held), owner_(owner) {}
    ~Holder() { set(0); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    void set(std::size_t bytes) {
      if (bytes != bytes_) held_.change(*this, bytes);
    }

   private:
    friend class HeldBytes;
    HeldBytes& held_;
    OpenConnection& owner_;
    std::size_t bytes_ = 0;
  };

 private:
  void change(Holder& holder, std::size_t bytes);
  void trim();

  EventLoop& loop_;
  const std::size_t most_;
  Counters& counters_;
  bool trimming_ = false;
  boost::intrusive::list<Holder, boost::intrusive::constant_time_size<false>> holders_;
};

}  // namespace weir::proxy
