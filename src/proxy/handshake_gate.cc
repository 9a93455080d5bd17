#include "proxy/handshake_gate.h"

namespace weir::proxy {

HandshakeGate::Place::Place(HandshakeGate& gate, IoHandle* io) : gate_(gate), io_(io) {
  if (gate_.under_way_ < gate_.limit_) {
    gate_.admit(*this);
    return;
  }
  gate_.waiting_.push_back(*this);
  gate_.counters_.handshakes_delayed.add();
  gate_.counters_.handshakes_waiting.add();
}

HandshakeGate::Place::~Place() {
  if (deferred_) --gate_.deferred_;
  if (!admitted_) {
    gate_.counters_.handshakes_waiting.subtract();
    return;
  }
  --gate_.under_way_;
  gate_.counters_.handshakes_under_way.subtract();
  gate_.admit_next();
}

bool HandshakeGate::Place::may_step() {
  if (gate_.turn_ != gate_.loop_.turn()) {
    gate_.turn_ = gate_.loop_.turn();
    gate_.steps_ = 0;
  }
  const bool others_first = !deferred_ && gate_.deferred_ > 0;
  const bool may = !others_first && gate_.steps_ < kStepsPerTurn;
  if (may) ++gate_.steps_;
  if (may && deferred_) --gate_.deferred_;
  if (!may && !deferred_) ++gate_.deferred_;
  deferred_ = !may;
  return may;
}

void HandshakeGate::admit(Place& place) {
  place.admitted_ = true;
  ++under_way_;
  counters_.handshakes_under_way.add();
}

void HandshakeGate::admit_next() {
  if (waiting_.empty()) return;
  auto& next = waiting_.front();
  waiting_.pop_front();
  counters_.handshakes_waiting.subtract();
  admit(next);
  loop_.call_again(next.io_);
}

}  // namespace weir::proxy
