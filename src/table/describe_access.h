#pragma once

#include "table/describe_bounds.h"
#include "table/describe_text.h"
#include "table/describe_tls.h"
#include "table/table.h"

/// What a route does beside forwarding (describe.h).
namespace weir::table {

inline constexpr ItemRule kFieldNames = {kMaxAuthHeaders, is_token, "that is no field name"};

inline const char* wrong_method(const std::string& method) {
  return is_token(method) ? nullptr : "is not a method";
}

template <class Io>
constexpr void describe(Of<ExternalAuth>, Io& io) {
  io.flag("always_set_cookie", &ExternalAuth::always_set_cookie);
  io.text("backend", &ExternalAuth::backend, kName);
  io.text("host", &ExternalAuth::host, kName);
  io.text("method", &ExternalAuth::method, TextRule{kMaxRuleText, wrong_method});
  io.list("redirect", &ExternalAuth::redirect, kMaxTextParts);
  io.texts("response_headers", &ExternalAuth::response_headers, kFieldNames);
  io.list("signin", &ExternalAuth::signin, kMaxTextParts);
  io.text("signin_parameter", &ExternalAuth::signin_parameter, kName);
  io.list("target", &ExternalAuth::target, kMaxTextParts);
  io.check("target", "does not begin with '/'", [](const ExternalAuth& auth) {
    return !auth.target.empty() && auth.target.front().source == TextPart::Source::Literal &&
           auth.target.front().text.starts_with('/');
  });
  io.flag("tells_uri", &ExternalAuth::tells_uri);
  io.map("tls", &ExternalAuth::tls);
}

template <class Io>
constexpr void describe(Of<Access>, Io& io) {
  io.texts("allowed", &Access::allowed, kNetworks);
  io.flag("any", &Access::any);
  io.flag("closed", &Access::closed);
  io.texts("denied", &Access::denied, kNetworks);
  io.map("external", &Access::external);
}

template <class Io>
constexpr void describe(Of<RouteRules>, Io& io) {
  io.map("access", &RouteRules::access);
}

}  // namespace weir::table
