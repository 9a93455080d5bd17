#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

/// True if a handshake with this Origin field (RFC 6454 §7; empty view with `present` false: it has
/// none) may open a tunnel. `rules` as in table::TunnelPolicy::allowed_origins; none: everybody.
/// `host` is the request's, normalised, without port.
bool origin_is_allowed(const std::vector<std::string>& rules, bool present, std::string_view origin,
                       std::string_view host);

}  // namespace weir::proxy
