#include "ingress/policies.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace weir::ingress {

void Policies::settle() {
  const auto level = std::exchange(unsettled, {});
  constexpr auto kNone = std::numeric_limits<std::uint32_t>::max();
  const auto timeout =
      std::min(level.read_timeout_s.value_or(kNone), level.send_timeout_s.value_or(kNone));
  if (level.tunnel_idle_ms) {
    tunnels.idle_timeout_ms = *level.tunnel_idle_ms;
  } else if (timeout != kNone) {
    tunnels.idle_timeout_ms = timeout * 1'000;
  }
}

table::Retries Policies::retries_of_routes() const {
  auto result = retries;
  if (retry_non_idempotent) result.non_idempotent = true;
  if (is_tried_once) result.tries = 1;
  return result;
}

}  // namespace weir::ingress
