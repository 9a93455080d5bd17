#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "table/table.h"

namespace weir::ingress {

/// A text of letters, digits, "-", "_" with nginx's variables in it, as $name or ${name}:
/// remote_addr, binary_remote_addr, remote_user, host, request_uri, http_NAME, cookie_NAME,
/// arg_NAME and those of URLs below. Nothing if there is anything else in it, or too much.
std::optional<std::vector<table::TextPart>> parse_text_template(std::string_view text);

/// What nginx makes of a URL with variables in it.
struct UrlTemplate {
  bool https = false;
  std::string authority;  ///< as written; empty: the request's own host ($host)
  std::string host;       ///< of it, in lower case
  std::uint16_t port = 0;
  std::vector<table::TextPart> target;  ///< path and query; "/" or $request_uri is first
};

/// "http://" or "https://", a host or $host, and a target, with the variables above and scheme,
/// request_method, escaped_request_uri.
std::optional<UrlTemplate> parse_url_template(std::string_view text);

/// As parse_text_template, of all that a URL may have in it.
std::optional<std::vector<table::TextPart>> parse_url_text(std::string_view text);

/// As parse_url_text, of all that the value of a header may have in it. An empty text has no
/// parts.
std::optional<std::vector<table::TextPart>> parse_header_value(std::string_view text);

}  // namespace weir::ingress
