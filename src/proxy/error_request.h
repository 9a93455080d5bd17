#pragma once

#include <string>
#include <vector>

#include "proxy/client_address.h"
#include "proxy/forward_head.h"
#include "proxy/text_parts.h"
#include "table/table.h"

/// What a default backend is told of a request that went wrong (ingress-nginx's custom errors).
namespace weir::proxy {

/// Where a request was to go, as ingress-nginx names it.
struct ErrorContext {
  ErrorContext() = default;
  explicit ErrorContext(const table::Route& route);

  std::string ns;
  std::string ingress;
  std::string service;
  std::string port;
};

/// X-Code, X-Format, X-Original-URI and so on.
std::vector<FieldEdit> error_fields(int status, const ErrorContext& context,
                                    const RequestParts& parts);

/// The whole request for the page of a status: that of the client to "/", without its body and what
/// is only for the endpoint. `authorization`: that field goes on, too.
std::string make_error_request(const std::vector<FieldEdit>& fields, const RequestParts& parts,
                               const Origin& origin, KeptNames names, bool authorization);

}  // namespace weir::proxy
