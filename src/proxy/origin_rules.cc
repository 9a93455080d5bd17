#include "proxy/origin_rules.h"

#include <algorithm>

namespace weir::proxy {

namespace {

struct Parts {
  std::string_view scheme;
  std::string_view host;
  std::string_view port;  // empty: the scheme's
};

/// scheme://host[:port]; an empty host for anything else ("null" among it).
Parts parts_of(std::string_view origin) {
  Parts parts;
  const auto end = origin.find("://");
  if (end == std::string_view::npos) return parts;
  const auto rest = origin.substr(end + 3);
  // No origin has more: else its end would pass for that of its host.
  if (rest.find_first_of("/@?#\\") != std::string_view::npos) return parts;
  parts.scheme = origin.substr(0, end);
  parts.host = rest;
  const auto colon = parts.host.rfind(':');
  if (colon != std::string_view::npos && !parts.host.ends_with(']')) {
    parts.port = parts.host.substr(colon + 1);
    parts.host = parts.host.substr(0, colon);
  }
  const bool usual = (parts.scheme == "https" && parts.port == "443") ||
                     (parts.scheme == "http" && parts.port == "80");
  if (usual) parts.port = {};
  return parts;
}

bool matches(std::string_view rule, const Parts& origin) {
  const auto wanted = parts_of(rule);
  if (wanted.scheme != origin.scheme || wanted.port != origin.port) return false;
  if (!wanted.host.starts_with("*.")) return wanted.host == origin.host;
  // One label or more in front, as in allow lists of browsers' own policies.
  const auto suffix = wanted.host.substr(1);
  return origin.host.size() > suffix.size() && origin.host.ends_with(suffix);
}

}  // namespace

bool origin_is_allowed(const std::vector<std::string>& rules, bool present, std::string_view origin,
                       std::string_view host) {
  if (rules.empty()) return true;
  // Browsers send it in lower case (RFC 6454 §6.1), others perhaps not.
  std::string lower(origin);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  const auto parts = parts_of(lower);
  return std::ranges::any_of(rules, [&](const std::string& rule) {
    if (rule == "none") return !present;
    if (!present || parts.host.empty()) return false;
    return rule == "same-host" ? parts.host == host : matches(rule, parts);
  });
}

}  // namespace weir::proxy
