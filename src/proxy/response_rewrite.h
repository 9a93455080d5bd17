#pragma once

#include <list>
#include <string>

#include "proxy/http_head.h"
#include "proxy/text_parts.h"
#include "table/table.h"

namespace weir::proxy {

/// Replaces what of an endpoint's answer tells where it believes to be, as nginx's proxy_redirect,
/// proxy_cookie_domain and proxy_cookie_path. `lines` keeps what the fields then point into.
void rewrite_response(const table::ResponseRewrite& rewrite, const RequestParts& request,
                      ResponseHead& head, std::list<std::string>& lines);

}  // namespace weir::proxy
