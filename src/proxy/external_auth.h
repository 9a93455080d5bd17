#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/counters.h"
#include "proxy/forward_head.h"
#include "proxy/http_head.h"
#include "proxy/text_parts.h"
#include "table/table.h"

/// What an auth service is asked, and what its answer means (ingress-nginx's auth-url).
namespace weir::proxy {

/// The whole request to the service: that of the client without its body, to `target`.
std::string make_auth_request(const table::ExternalAuth& auth, std::string_view target,
                              const RequestParts& parts, const Forwarded& forwarded,
                              KeptNames names);

struct AuthVerdict {
  /// Nothing: the request may go on.
  std::optional<AnswerReason> refused = AnswerReason::AuthFailed;
  std::vector<FieldEdit> fields;  ///< of the request, if it goes on; names are the table's
  std::string cookies;            ///< lines for the client
  std::string why;                ///< with AuthFailed: for people
  std::string challenges;         ///< WWW-Authenticate lines, with AuthRequired
};

/// `head`: of the service's answer; nullptr if there was none.
AuthVerdict read_auth_answer(const table::ExternalAuth& auth, const ResponseHead* head);

/// Where a client goes that is to sign in.
std::string signin_location(const table::ExternalAuth& auth, const RequestParts& parts,
                            const Origin& origin);

}  // namespace weir::proxy
