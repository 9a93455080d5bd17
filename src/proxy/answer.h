#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/counters.h"

namespace weir::proxy {

/// The status code of an answer that weir gives itself.
int status_of(AnswerReason reason);

struct AnswerRequest {
  std::string_view accept;                     ///< the Accept field, empty if there is none
  std::string_view location;                   ///< for redirects
  int redirect_status = 0;                     ///< 300 to 308, of a redirect; 0: the reason's
  std::string_view fields;                     ///< whole lines more, CRLF included
  std::string_view route_fields;               ///< more of them, of the route's every response …
  std::span<const std::string_view> replaced;  ///< … instead of the answer's own of these names
  std::string_view hsts;                       ///< Strict-Transport-Security, over TLS
  unsigned retry_after = 1;                    ///< seconds, of a 503
  bool head_only = false;                      ///< the request was HEAD
  bool keep_alive = false;                     ///< the connection stays open afterwards
};

/// A whole HTTP/1.1 response: JSON, HTML or text by `accept`, naming the status and the reason.
std::string make_answer(AnswerReason reason, const AnswerRequest& request);

/// The same for a WebSocket that weir has opened only to say so: a Close frame with code and
/// reason.
std::string make_refusing_close(AnswerReason reason, unsigned retry_after);

}  // namespace weir::proxy
