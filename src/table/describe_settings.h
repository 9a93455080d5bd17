#pragma once

#include "table/describe_bounds.h"
#include "table/describe_text.h"
#include "table/describe_tls.h"
#include "table/describe_tunnels.h"
#include "table/table.h"

/// What holds for every host (describe.h).
namespace weir::table {

inline constexpr std::size_t kMaxBlocked = 1024;

inline bool is_block_rule(std::string_view text) {
  return !text.empty() && !has_control_character(text);
}

inline constexpr ItemRule kBlockRules = {kMaxBlocked, is_block_rule, "that cannot be in a field"};
inline constexpr ItemRule kHiddenFields = {kMaxHeaderFields, is_token, "that is no field name"};
inline constexpr NumberRule kRefusalStatus = {400, kMostStatus};
inline constexpr NumberRule kWait = {1, kMaxMilliseconds};
inline constexpr NumberRule kHeadBytes = {kLeastHeadBytes, kMostHeadBytes};

template <class Io>
constexpr void describe(Of<Hsts>, Io& io) {
  io.flag("include_subdomains", &Hsts::include_subdomains);
  io.number("max_age_s", &Hsts::max_age_s, NumberRule{0, kAnyNumber});
  io.flag("preload", &Hsts::preload);
}

template <class Io>
constexpr void describe(Of<Forwarded>, Io& io) {
  io.flag("append", &Forwarded::append);
  io.text("header", &Forwarded::header, TextRule{kMaxFieldName, wrong_field_name});
  io.flag("trust_address", &Forwarded::trust_address);
  io.flag("trust_forwarded", &Forwarded::trust_forwarded);
  io.texts("trusted_cidrs", &Forwarded::trusted_cidrs, kNetworks);
  io.flag("use_proxy_protocol", &Forwarded::use_proxy_protocol);
}

template <class Io>
constexpr void describe(Of<Blocked>, Io& io) {
  io.texts("networks", &Blocked::networks, kNetworks);
  io.texts("referers", &Blocked::referers, kBlockRules);
  io.texts("user_agents", &Blocked::user_agents, kBlockRules);
}

template <class Io>
constexpr void describe(Of<HeaderSettings>, Io& io) {
  io.texts("hidden", &HeaderSettings::hidden, kHiddenFields);
  io.list("request", &HeaderSettings::request, kMaxHeaderFields);
  io.flag("request_id", &HeaderSettings::request_id);
  io.list("response", &HeaderSettings::response, kMaxHeaderFields);
  io.flag("server", &HeaderSettings::server);
}

template <class Io>
constexpr void describe(Of<AnswerStatus>, Io& io) {
  io.number("connection_limit", &AnswerStatus::connection_limit, kRefusalStatus);
  io.number("https_redirect", &AnswerStatus::https_redirect,
            NumberRule{kLeastRedirect, kMostRedirect});
  io.number("rate_limit", &AnswerStatus::rate_limit, kRefusalStatus);
}

template <class Io>
constexpr void describe(Of<ConnectionSettings>, Io& io) {
  using Connections = ConnectionSettings;
  io.number("client_body_ms", &Connections::client_body_ms, kWait);
  io.number("client_head_ms", &Connections::client_head_ms, kWait);
  io.number("client_idle_ms", &Connections::client_idle_ms, kMilliseconds);
  io.number("client_proxy_header_ms", &Connections::client_proxy_header_ms, kWait);
  io.number("client_requests", &Connections::client_requests, NumberRule{0, kAnyNumber});
  io.number("head_bytes", &Connections::head_bytes, kHeadBytes);
  io.number("pool_idle_ms", &Connections::pool_idle_ms, kWait);
  io.number("pool_lifetime_ms", &Connections::pool_lifetime_ms, kWait);
  io.number("pool_requests", &Connections::pool_requests, NumberRule{1, kAnyNumber});
  io.number("pool_size", &Connections::pool_size, NumberRule{0, 1'000'000});
  io.number("uri_bytes", &Connections::uri_bytes, kHeadBytes);
}

template <class Io>
constexpr void describe(Of<Settings>, Io& io) {
  io.map("blocked", &Settings::blocked);
  io.map("connections", &Settings::connections);
  io.text("default_certificate", &Settings::default_certificate, kName);
  io.map("forwarded", &Settings::forwarded);
  io.map("headers", &Settings::headers);
  io.map("hsts", &Settings::hsts);
  io.flag("odd_names_in_headers", &Settings::odd_names_in_headers);
  io.number("public_http_port", &Settings::public_http_port, kPort);
  io.number("public_https_port", &Settings::public_https_port, kPort);
  io.map("status", &Settings::status);
  io.map("tls", &Settings::tls);
  io.map("tunnels", &Settings::tunnels);
  io.flag("underscores_in_headers", &Settings::underscores_in_headers);
  io.texts("unlogged_uris", &Settings::unlogged_uris, kBlockRules);
}

}  // namespace weir::table
