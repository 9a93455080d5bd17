#pragma once

#include "table/describe_access.h"
#include "table/describe_bounds.h"
#include "table/describe_text.h"
#include "table/describe_tls.h"
#include "table/table.h"

/// What a route does beside forwarding (describe.h).
namespace weir::table {

inline constexpr std::size_t kMaxReplacements = 64;
inline constexpr std::size_t kMaxStatuses = 64;

inline constexpr std::size_t kMaxRewrite = 8 * 1024;

/// "/new/$2", "$1".
inline const char* wrong_rewrite(const std::string& text) {
  if (text.empty() || text.front() == '/' || text.front() == '$') return wrong_name(text);
  return "starts with neither '/' nor '$'";
}

inline const char* wrong_upstream_host(const std::string& host) {
  return host.empty() || is_host_field(host) ? nullptr : "has a byte that no host has";
}

template <class Io>
constexpr void describe(Of<Redirect>, Io& io) {
  io.text("location", &Redirect::location, TextRule{kMaxRewrite, wrong_name});
  io.number("status", &Redirect::status, NumberRule{kLeastRedirect, kMostRedirect});
}

template <class Io>
constexpr void describe(Of<Rewrite>, Io& io) {
  io.text("path", &Rewrite::path, TextRule{kMaxRewrite, wrong_rewrite});
  io.text("prefix", &Rewrite::prefix, TextRule{kMaxRewrite, wrong_name});
}

template <class Io>
constexpr void describe(Of<ClientLimits>, Io& io) {
  io.number("at_once", &ClientLimits::at_once, NumberRule{0, kAnyNumber});
  io.number("burst_multiplier", &ClientLimits::burst_multiplier, NumberRule{0, 1'000'000});
  io.texts("exempt", &ClientLimits::exempt, kNetworks);
  io.number("per_minute", &ClientLimits::per_minute, kPerSecond);
  io.number("per_second", &ClientLimits::per_second, kPerSecond);
  io.text("zone", &ClientLimits::zone, kNeededName);
}

inline const char* wrong_optional_field_name(const std::string& name) {
  return name.empty() ? nullptr : wrong_field_name(name);
}

inline constexpr TextRule kOptionalFieldName = {kMaxFieldName, wrong_optional_field_name};

template <class Io>
constexpr void describe(Of<Canary>, Io& io) {
  io.text("backend", &Canary::backend, kNeededName);
  io.text("cookie", &Canary::cookie, kOptionalFieldName);
  io.text("header", &Canary::header, kOptionalFieldName);
  io.text("header_pattern", &Canary::header_pattern, kName);
  io.text("header_value", &Canary::header_value, kName);
  io.flag("sticky", &Canary::sticky);
  io.number("weight", &Canary::weight, NumberRule{0, kAnyNumber});
  io.number("weight_total", &Canary::weight_total, NumberRule{1, kAnyNumber});
}

template <class Io>
constexpr void describe(Of<ErrorPages>, Io& io) {
  io.text("backend", &ErrorPages::backend, kNeededName);
  io.flag("only_own", &ErrorPages::only_own);
  io.ascending("statuses", &ErrorPages::statuses,
               AscendingRule{kMaxStatuses, 400, 599, "that is no error, or not sorted"});
}

template <class Io>
constexpr void describe(Of<Replacement>, Io& io) {
  io.text("from", &Replacement::from, kNeededName);
  io.list("to", &Replacement::to, kMaxTextParts);
}

template <class Io>
constexpr void describe(Of<ResponseRewrite>, Io& io) {
  io.list("cookie_domains", &ResponseRewrite::cookie_domains, kMaxReplacements);
  io.list("cookie_paths", &ResponseRewrite::cookie_paths, kMaxReplacements);
  io.list("locations", &ResponseRewrite::locations, kMaxReplacements);
}

template <class Io>
constexpr void describe(Of<Mirror>, Io& io) {
  io.text("backend", &Mirror::backend, kNeededName);
  io.text("host", &Mirror::host, TextRule{kMaxRuleText, wrong_upstream_host});
  io.list("target", &Mirror::target, kMaxTextParts);
  io.check("target", "does not begin with '/'",
           [](const Mirror& mirror) { return begins_with_slash(mirror.target); });
  io.map("tls", &Mirror::tls);
  io.flag("with_body", &Mirror::with_body);
}

template <class Io>
constexpr void describe(Of<ResponseRate>, Io& io) {
  io.number("bytes_per_second", &ResponseRate::bytes_per_second, NumberRule{0, kMaxBodyBytes});
  io.number("free_bytes", &ResponseRate::free_bytes, NumberRule{0, kMaxBodyBytes});
}

inline const char* wrong_via(const std::string& name) {
  return name.empty() || is_token(name) ? nullptr : "is not a name for Via";
}

inline bool is_unanswered_status(std::uint64_t status) {
  return status == 0 || status >= 400;
}

template <class Io>
constexpr void describe(Of<RouteRules>, Io& io) {
  io.map("access", &RouteRules::access);
  io.map("canary", &RouteRules::canary);
  io.flag("close_after_error", &RouteRules::close_after_error);
  io.flag("close_endpoints", &RouteRules::close_endpoints);
  io.map("cors", &RouteRules::cors);
  io.map("error_pages", &RouteRules::error_pages);
  io.text("fallback", &RouteRules::fallback, kName);
  io.flag("keep_trailing_slash", &RouteRules::keep_trailing_slash);
  io.map("limits", &RouteRules::limits);
  io.flag("logs_requests", &RouteRules::logs_requests);
  io.map("mirror", &RouteRules::mirror);
  io.text("plain_backend", &RouteRules::plain_backend, kName);
  io.map("redirect", &RouteRules::redirect);
  io.list("response_fields", &RouteRules::response_fields, kMaxHeaderFields);
  io.map("response_rate", &RouteRules::response_rate);
  io.map("response_rewrite", &RouteRules::response_rewrite);
  io.map("rewrite", &RouteRules::rewrite);
  io.flag("speaks_http_1_0", &RouteRules::speaks_http_1_0);
  io.number("unanswered_status", &RouteRules::unanswered_status,
            NumberRule{0, kMostStatus, is_unanswered_status, "is no error"});
  io.text("upstream_host", &RouteRules::upstream_host, TextRule{kMaxRuleText, wrong_upstream_host});
  io.text("via", &RouteRules::via, TextRule{kMaxFieldName, wrong_via});
}

}  // namespace weir::table
