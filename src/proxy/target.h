#pragma once

#include <string>
#include <string_view>

#include "util/result.h"

/// What a request names, in the one form that routing compares (docs/http.md; the rules are those
/// of nginx, so ingress-nginx's).
namespace weir::proxy {

/// The Host field or authority as a name: port cut off, one trailing dot cut off, lower case. IPv6
/// literals keep their brackets. `storage` holds the result when it differs from the input.
/// Malformed for an empty name, a bad port, or bytes that no host name and no address has.
util::Result<std::string_view> normalize_host(std::string_view host, std::string& storage);

/// The path of a request target, without its query: percent-decoded, dot segments resolved,
/// repeated slashes merged. "%2F" becomes "/"; "*" and an empty path are "/". `storage` as above.
/// Malformed for a bad escape, "%00", and ".." above the root. The target itself is forwarded as
/// received.
util::Result<std::string_view> normalize_path(std::string_view target, std::string& storage);

}  // namespace weir::proxy
