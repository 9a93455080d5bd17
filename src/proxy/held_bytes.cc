#include "proxy/held_bytes.h"

#include <algorithm>

#include "proxy/worker_state.h"

namespace weir::proxy {

void HeldBytes::change(Holder& holder, std::size_t bytes) {
  auto& total = counters_.bytes_held;
  total.add(bytes);
  total.subtract(holder.bytes_);
  holder.bytes_ = bytes;
  if (bytes == 0) {
    holder.unlink();
  } else if (!holder.is_linked()) {
    holders_.push_back(holder);
  }
  if (total.read() > most_ && !trimming_) {
    trimming_ = true;
    loop_.post([this] { trim(); });
  }
}

void HeldBytes::trim() {
  while (counters_.bytes_held.read() > most_ && !holders_.empty()) {
    const auto before = counters_.bytes_held.read();
    auto& largest = *std::ranges::max_element(holders_, {}, &Holder::bytes_);
    counters_.connections_cut_for_memory.add();
    largest.owner_.cut(TunnelEnd::Memory);
    if (counters_.bytes_held.read() >= before) break;  // it goes in its own time
  }
  trimming_ = false;
}

}  // namespace weir::proxy
