#pragma once

#include <algorithm>

#include "table/describe_bounds.h"
#include "table/describe_rules.h"
#include "table/describe_tls.h"
#include "table/describe_tunnels.h"
#include "table/table.h"

/// A host with its routes (describe.h).
namespace weir::table {

inline constexpr std::size_t kMaxPath = 8 * 1024;
inline constexpr std::size_t kMaxRoutes = 20'000;
inline constexpr std::size_t kMaxCertificatesOfHost = 64;
inline constexpr std::size_t kMaxBackendsOfRoute = 64;

inline constexpr const char* kPathKinds[] = {"exact", "prefix", "regex"};

inline const char* wrong_path(const std::string& path) {
  return path.starts_with('/') ? wrong_name(path) : "does not start with '/'";
}

inline const char* wrong_host_name(const std::string& text) {
  std::string_view name = text;
  if (name.starts_with("*.")) name.remove_prefix(2);
  return text.empty() || is_host_name(name) ? nullptr : "is not a lower-case host name";
}

inline const char* wrong_app_root(const std::string& path) {
  return path.empty() ? nullptr : wrong_path(path);
}

inline const char* wrong_other_host(const std::string& name) {
  return name.empty() || is_host_name(name) ? nullptr : "is not a lower-case host name";
}

template <class Io>
constexpr void describe(Of<HostRedirects>, Io& io) {
  io.text("app_root", &HostRedirects::app_root, TextRule{kMaxPath, wrong_app_root});
  io.text("other_host", &HostRedirects::other_host, TextRule{kMaxRuleText, wrong_other_host});
}

template <class Io>
constexpr void describe(Of<WeightedBackend>, Io& io) {
  io.text("backend", &WeightedBackend::backend, kNeededName);
  io.number("weight", &WeightedBackend::weight, NumberRule{0, 1'000'000});
}

template <class Io>
constexpr void describe(Of<RequestPolicy>, Io& io) {
  io.number("body_bytes", &RequestPolicy::body_bytes, NumberRule{0, kMaxBodyBytes});
  io.number("connect_timeout_ms", &RequestPolicy::connect_timeout_ms,
            NumberRule{1, kMaxMilliseconds});
  io.number("read_timeout_ms", &RequestPolicy::read_timeout_ms, kLongWait);
  io.number("send_timeout_ms", &RequestPolicy::send_timeout_ms, kLongWait);
}

template <class Io>
constexpr void describe(Of<Retries>, Io& io) {
  io.flag("non_idempotent", &Retries::non_idempotent);
  io.flag("on_error", &Retries::on_error);
  io.flag("on_invalid_response", &Retries::on_invalid_response);
  io.ascending("on_status", &Retries::on_status,
               AscendingRule{kMaxStatuses, 300, 599, "that is no status, or not sorted"});
  io.flag("on_timeout", &Retries::on_timeout);
  io.number("tries", &Retries::tries, NumberRule{1, kMaxTries});
  io.number("window_ms", &Retries::window_ms, kMilliseconds);
}

template <class Io>
constexpr void describe(Of<Route>, Io& io) {
  io.list("backends", &Route::backends, kMaxBackendsOfRoute);
  io.flag("https_only", &Route::https_only);
  io.choice("match", inside(&Route::match, &PathMatch::kind), kPathKinds);
  io.text("origin", &Route::origin, kName);
  io.text("path", inside(&Route::match, &PathMatch::path), TextRule{kMaxPath, wrong_path});
  io.map("requests", &Route::requests);
  io.map("retries", &Route::retries);
  io.map("rules", &Route::rules);
  io.check("rules", "rewrite a path that is no regular expression", [](const Route& route) {
    return route.match.kind == PathMatch::Kind::Regex || route.rules->rewrite.path.empty();
  });
  io.flag("sticky", &Route::sticky);
  io.map("tunnels", &Route::tunnels);
  io.map("upstream_tls", &Route::upstream_tls);
}

template <class Io>
constexpr void describe(Of<Host>, Io& io) {
  io.names("certificates", &Host::certificates, kMaxCertificatesOfHost);
  io.text("ciphers", &Host::ciphers, kCiphers);
  io.map("client_certificates", &Host::client_certificates);
  io.text("name", &Host::name, TextRule{kMaxRuleText, wrong_host_name});
  io.text("passthrough", &Host::passthrough, kName);
  io.map("redirects", &Host::redirects);
  io.list("routes", &Host::routes, kMaxRoutes);
  io.check("routes", "are regular expressions and other paths", [](const Host& host) {
    return host.routes.empty() || (host.routes.front().match.kind == PathMatch::Kind::Regex) ==
                                      (host.routes.back().match.kind == PathMatch::Kind::Regex);
  });
  io.check("routes", "are not sorted, or one is there twice", [](const Host& host) {
    const auto unsorted = [](const Route& a, const Route& b) {
      return !comes_before(a.match, b.match);
    };
    return std::ranges::adjacent_find(host.routes, unsorted) == host.routes.end();
  });
}

}  // namespace weir::table
