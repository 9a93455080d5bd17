#include "ingress/policies.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace weir::ingress {

namespace {

std::optional<table::ResponseRewrite> rewrite_of_responses(
    const Policies::Replacements& replacements) {
  table::ResponseRewrite rewrite;
  // One without the other is nothing, as in ingress-nginx.
  if (!replacements.redirect_from.empty() && !replacements.redirect_to.empty()) {
    rewrite.locations.push_back({replacements.redirect_from, replacements.redirect_to});
  }
  if (replacements.cookie_domain) rewrite.cookie_domains.push_back(*replacements.cookie_domain);
  if (replacements.cookie_path) rewrite.cookie_paths.push_back(*replacements.cookie_path);
  if (rewrite == table::ResponseRewrite{}) return std::nullopt;
  return rewrite;
}

}  // namespace

void Policies::settle() {
  // Which of them a route speaks TLS to, a backend's check does not know.
  if (speaks_tls_to_backend && balancing.health.kind == table::ActiveHealth::Kind::Http) {
    balancing.health.kind = table::ActiveHealth::Kind::Tcp;
  }
  const auto level = std::exchange(unsettled, {});
  if (level.read_timeout_s) requests.read_timeout_ms = *level.read_timeout_s * 1'000;
  if (level.send_timeout_s) requests.send_timeout_ms = *level.send_timeout_s * 1'000;
  constexpr auto kNone = std::numeric_limits<std::uint32_t>::max();
  const auto timeout =
      std::min(level.read_timeout_s.value_or(kNone), level.send_timeout_s.value_or(kNone));
  if (level.tunnel_idle_ms) {
    tunnels.idle_timeout_ms = *level.tunnel_idle_ms;
  } else if (timeout != kNone) {
    tunnels.idle_timeout_ms = timeout * 1'000;
  }
}

Policies Policies::of_canary(const Policies& defaults) const {
  auto result = defaults;
  result.canary = canary;
  result.balancing.algorithm = balancing.algorithm;
  result.balancing.hash_key = balancing.hash_key;
  return result;
}

table::RouteRules Policies::rules_of_routes() const {
  table::RouteRules rules;
  rules.access.closed = access.is_closed || access.allowed.is_wrong || access.denied.is_wrong;
  rules.access.allowed = access.allowed.list;
  rules.access.denied = access.denied.list;
  if (const auto* auth = access.auth()) {
    rules.access.closed |= auth->is_wrong;
    if (!auth->is_wrong) {
      auto& external = rules.access.external.emplace(auth->external);
      if (!external.cache_key.empty()) external.cache_times = auth->cache_times;
    }
  }
  if (access.basic.is_asked) {
    rules.access.basic.emplace().realm = access.basic.realm;
    rules.access.closed |= !access.basic.secret;
  }
  rules.access.any = access.any && (rules.access.external || rules.access.basic);
  if (is_cors_on) rules.cors = cors;
  if (limits.per_second != 0 || limits.per_minute != 0 || limits.at_once != 0) {
    rules.limits = limits;
  }
  if (redirects.is_wrong) {
    rules.access.closed = true;
  } else {
    const bool is_temporal = !redirects.temporal.location.empty();
    rules.redirect = is_temporal ? redirects.temporal : redirects.permanent;
  }
  // A status alone is no redirect.
  if (rules.redirect.location.empty()) rules.redirect = {};
  rules.keep_trailing_slash = redirects.keep_trailing_slash;
  rules.rewrite = rewrite;
  if (rewrite.path.empty()) rules.rewrite = {};
  rules.response_rewrite = rewrite_of_responses(replacements);
  rules.logs_requests = logs_requests && !logs_nothing;
  if (response_rate.bytes_per_second != 0) rules.response_rate = response_rate;
  if (mirror.backend) {
    rules.mirror = mirror.copy;
    rules.mirror->backend = to_string(*mirror.backend);
    if (!mirror.host.empty()) rules.mirror->host = mirror.host;
  }
  rules.via = via;
  rules.unanswered_status = unanswered_status;
  rules.close_after_error = close_after_error;
  rules.speaks_http_1_0 = speaks_http_1_0;
  rules.close_endpoints = close_endpoints;
  return rules;
}

table::Retries Policies::retries_of_routes() const {
  auto result = retries;
  if (retry_non_idempotent) result.non_idempotent = true;
  if (is_tried_once) result.tries = 1;
  return result;
}

}  // namespace weir::ingress
