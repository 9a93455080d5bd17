#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/backend.h"
#include "proxy/text_parts.h"

/// What ties a request to an endpoint: a hash of some of its parts, or a cookie.
namespace weir::proxy {

/// FNV-1a over the parts, one behind the other. The same in every worker and replica.
std::uint64_t hash_of(const std::vector<table::TextPart>& parts, const RequestParts& request);

/// How a request's endpoint is settled before the balancer is asked.
struct Affinity {
  std::optional<std::uint64_t> hash;  ///< for Choosing
  bool may_overflow = true;
  EndpointRef endpoint;    ///< the cookie names it; nullptr: it is to be chosen
  bool is_sticky = false;  ///< the request came with a cookie that holds
  std::string new_key;     ///< of a balanced cookie that the client is to get

  /// A new key, and its hash.
  void draw_key(std::uint64_t& random_state);
};

Affinity affinity_of(const Backend& backend, const RequestParts& request,
                     std::uint64_t& random_state);

/// The Set-Cookie line that brings the client back to `endpoint`, CRLF included; empty when the
/// cookie that it sent does. `route_path` stands in for a cookie without a path of its own.
std::string set_cookie_line(const Backend& backend, const Affinity& affinity,
                            const EndpointRef& endpoint, std::string_view route_path, bool https,
                            std::chrono::system_clock::time_point now);

}  // namespace weir::proxy
