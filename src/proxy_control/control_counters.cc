#include "proxy_control/control_counters.h"

namespace weir::proxy_control {

const char* refusal_name(FrameRefusal refusal) {
  switch (refusal) {
    case FrameRefusal::Malformed:
      return "malformed";
    case FrameRefusal::Unsupported:
      return "unsupported";
    case FrameRefusal::Unexpected:
      return "unexpected";
    case FrameRefusal::TooLarge:
      return "too_large";
    case FrameRefusal::Cut:
      return "cut";
    case FrameRefusal::Stalled:
      return "stalled";
    case FrameRefusal::Peer:
      return "peer";
    case FrameRefusal::Count:
      break;
  }
  return "";
}

}  // namespace weir::proxy_control
