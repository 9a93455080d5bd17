#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/counters.h"
#include "table/table.h"

namespace weir::proxy {

/// The status code of an answer that weir gives itself.
int status_of(AnswerReason reason);
/// The same where settings may say another one.
int status_of(AnswerReason reason, const table::AnswerStatus& settings);

struct AnswerRequest {
  std::string_view accept;                     ///< the Accept field, empty if there is none
  std::string_view location;                   ///< for redirects
  int status = 0;                              ///< 0: the reason's own
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
/// reason. `status` is that of the answer.
std::string make_refusing_close(AnswerReason reason, int status, unsigned retry_after);

}  // namespace weir::proxy
