#pragma once

#include "table/describe_bounds.h"
#include "table/describe_text.h"
#include "table/describe_tls.h"
#include "table/table.h"

/// Who may come in (describe.h).
namespace weir::table {

inline constexpr ItemRule kFieldNames = {kMaxAuthHeaders, is_token, "that is no field name"};

inline constexpr std::size_t kMaxCacheTimes = 32;
inline constexpr std::size_t kMaxCacheStatuses = 64;

template <class Io>
constexpr void describe(Of<CacheTime>, Io& io) {
  io.number("ms", &CacheTime::ms, kLongTime);
  io.ascending("statuses", &CacheTime::statuses,
               AscendingRule{kMaxCacheStatuses, kLeastStatus, kMostStatus,
                             "that is no status, or not sorted"});
}

inline const char* wrong_method(const std::string& method) {
  return is_token(method) ? nullptr : "is not a method";
}

template <class Io>
constexpr void describe(Of<ExternalAuth>, Io& io) {
  io.flag("always_set_cookie", &ExternalAuth::always_set_cookie);
  io.text("backend", &ExternalAuth::backend, kName);
  io.list("cache_key", &ExternalAuth::cache_key, kMaxTextParts);
  io.list("cache_times", &ExternalAuth::cache_times, kMaxCacheTimes);
  io.text("host", &ExternalAuth::host, kName);
  io.text("method", &ExternalAuth::method, TextRule{kMaxRuleText, wrong_method});
  io.list("redirect", &ExternalAuth::redirect, kMaxTextParts);
  io.list("request_fields", &ExternalAuth::request_fields, kMaxHeaderFields);
  io.texts("response_headers", &ExternalAuth::response_headers, kFieldNames);
  io.list("signin", &ExternalAuth::signin, kMaxTextParts);
  io.text("signin_parameter", &ExternalAuth::signin_parameter, kName);
  io.list("target", &ExternalAuth::target, kMaxTextParts);
  io.check("target", "does not begin with '/'",
           [](const ExternalAuth& auth) { return begins_with_slash(auth.target); });
  io.flag("tells_uri", &ExternalAuth::tells_uri);
  io.map("tls", &ExternalAuth::tls);
}

inline constexpr ItemRule kCorsOrigins = {kMaxOrigins, is_cors_origin, "that is no origin"};

inline const char* wrong_realm(const std::string& realm) {
  return is_realm(realm) ? nullptr : "has something that no realm may have";
}

inline const char* wrong_field_value(const std::string& value) {
  return is_visible_text(value) ? nullptr : "cannot be the value of a header";
}

inline const char* wrong_user_text(const std::string& text) {
  return text.empty() ? "is missing" : wrong_name(text);
}

inline constexpr TextRule kUserText = {kMaxUserText, wrong_user_text};
inline constexpr TextRule kCorsText = {kMaxCorsText, wrong_field_value};

template <class Io>
constexpr void describe(Of<User>, Io& io) {
  io.text("hash", &User::hash, kUserText);
  io.text("name", &User::name, kUserText);
}

template <class Io>
constexpr void describe(Of<Users>, Io& io) {
  io.text("name", &Users::name, kNeededName);
  io.list("users", &Users::users, kMaxUsers);
}

template <class Io>
constexpr void describe(Of<BasicAuth>, Io& io) {
  io.text("realm", &BasicAuth::realm, TextRule{kMaxRuleText, wrong_realm});
  io.text("users", &BasicAuth::users, kNeededName);
}

template <class Io>
constexpr void describe(Of<Cors>, Io& io) {
  io.flag("allow_credentials", &Cors::allow_credentials);
  io.text("allow_headers", &Cors::allow_headers, kCorsText);
  io.text("allow_methods", &Cors::allow_methods, kCorsText);
  io.flag("any_origin", &Cors::any_origin);
  io.text("expose_headers", &Cors::expose_headers, kCorsText);
  io.number("max_age_s", &Cors::max_age_s, NumberRule{0, 0xffff'ffff});
  io.texts("origins", &Cors::origins, kCorsOrigins);
}

template <class Io>
constexpr void describe(Of<Access>, Io& io) {
  io.texts("allowed", &Access::allowed, kNetworks);
  io.flag("any", &Access::any);
  io.map("basic", &Access::basic);
  io.flag("closed", &Access::closed);
  io.texts("denied", &Access::denied, kNetworks);
  io.map("external", &Access::external);
}

}  // namespace weir::table
