#include "table/codec.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "table/cbor.h"
#include "table/text_rules.h"
#include "util/ip_address.h"

namespace weir::table {

namespace {

using cbor::Json;
using cbor::Reader;

constexpr std::size_t kMaxName = 1024;
constexpr std::size_t kMaxPem = 1024 * 1024;
constexpr std::size_t kMaxPath = 8 * 1024;
constexpr std::size_t kMaxEndpoints = 20'000;
constexpr std::size_t kMaxRoutes = 20'000;
constexpr std::size_t kMaxCertificatesOfHost = 64;
constexpr std::size_t kMaxBackendsOfRoute = 64;
constexpr std::uint32_t kMaxWeight = 1'000'000;
constexpr std::uint32_t kAnyNumber = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kMaxStatuses = 64;
constexpr std::size_t kMinTicketSeed = 32;
constexpr std::size_t kMaxTicketSeed = 256;
constexpr std::size_t kMaxOcsp = 64 * 1024;
constexpr std::size_t kMaxNetworks = 4096;
constexpr std::size_t kMaxFieldName = 256;
constexpr std::uint32_t kMaxSessionTimeout = 7 * 24 * 3600;  // RFC 8446 §4.6.1

// Indexed by the enums' values.
constexpr const char* kStates[] = {"ready", "draining", "unready"};
constexpr const char* kSources[] = {"literal", "client_address", "host",    "request_uri",
                                    "header",  "cookie",         "argument"};
constexpr const char* kAlgorithms[] = {"two_choices", "round_robin", "least_connections", "hash"};
constexpr const char* kStickyModes[] = {"balanced", "persistent"};
constexpr const char* kSameSites[] = {"unset", "none", "lax", "strict"};
constexpr const char* kHealthKinds[] = {"off", "tcp", "http"};
constexpr const char* kProxyProtocols[] = {"none", "v1", "v2"};
constexpr const char* kPathKinds[] = {"exact", "prefix"};
constexpr const char* kThens[] = {"keep", "drain", "cut"};
constexpr const char* kRefusals[] = {"http", "close"};
constexpr const char* kClientCertificateModes[] = {"required", "optional", "optional_any"};

/// The plain numbers of a TunnelPolicy, with their bounds.
struct TunnelNumber {
  const char* key;
  std::uint32_t TunnelPolicy::*field;
  std::uint32_t least;
  std::uint32_t most;
};
constexpr TunnelNumber kTunnelNumbers[] = {
    {"handshake_timeout_ms", &TunnelPolicy::handshake_timeout_ms, 1, kMaxMilliseconds},
    {"idle_timeout_ms", &TunnelPolicy::idle_timeout_ms, 0, kMaxTunnelMilliseconds},
    {"stall_timeout_ms", &TunnelPolicy::stall_timeout_ms, 1, kMaxTunnelMilliseconds},
    {"half_closed_timeout_ms", &TunnelPolicy::half_closed_timeout_ms, 1, kMaxTunnelMilliseconds},
    {"max_duration_ms", &TunnelPolicy::max_duration_ms, 0, kMaxTunnelMilliseconds},
    {"duration_spread_percent", &TunnelPolicy::duration_spread_percent, 0, 100},
    {"ping_interval_ms", &TunnelPolicy::ping_interval_ms, 0, kMaxMilliseconds},
    {"ping_misses", &TunnelPolicy::ping_misses, 1, 100},
    {"close_timeout_ms", &TunnelPolicy::close_timeout_ms, 1, kMaxMilliseconds},
    {"drain_window_ms", &TunnelPolicy::drain_window_ms, 0, kMaxMilliseconds},
    {"limit", &TunnelPolicy::limit, 0, kAnyNumber},
    {"limit_per_client", &TunnelPolicy::limit_per_client, 0, kAnyNumber},
    {"limit_per_endpoint", &TunnelPolicy::limit_per_endpoint, 0, kAnyNumber},
    {"opens_per_second", &TunnelPolicy::opens_per_second, 0, 1'000'000},
    {"open_burst", &TunnelPolicy::open_burst, 1, 1'000'000},
    {"open_wait_ms", &TunnelPolicy::open_wait_ms, 0, kMaxMilliseconds},
    {"rebalances_per_minute", &TunnelPolicy::rebalances_per_minute, 0, 1'000'000},
    {"rebalance_tolerance_percent", &TunnelPolicy::rebalance_tolerance_percent, 0, 1'000},
};

// Writing: a field at its default is left out, so that a field added later does not change the hash
// of what does not use it.

template <class Value>
void put(Json& map, const char* key, const Value& value, const Value& usual) {
  if (value != usual) map[key] = value;
}

template <class Enum, std::size_t N>
void put_choice(Json& map, const char* key, Enum value, Enum usual, const char* const (&names)[N]) {
  if (value != usual) map[key] = names[static_cast<std::size_t>(value)];
}

template <class Items, class Write>
void put_list(Json& map, const char* key, const Items& items, Write write) {
  if (items.empty()) return;
  Json list = Json::array();
  for (const auto& item : items) list.push_back(write(item));
  map[key] = std::move(list);
}

Json binary(const std::string& bytes) {
  return Json::binary({bytes.begin(), bytes.end()});
}

Json write(const Endpoint& endpoint) {
  static const Endpoint usual;
  Json map = Json::object();
  put(map, "id", endpoint.id, usual.id);
  put(map, "address", endpoint.address, usual.address);
  put(map, "port", endpoint.port, usual.port);
  put_choice(map, "state", endpoint.state, usual.state, kStates);
  put(map, "zone", endpoint.zone, usual.zone);
  return map;
}

Json write(const DnsName& dns) {
  static const DnsName usual;
  Json map = Json::object();
  put(map, "name", dns.name, usual.name);
  put(map, "port", dns.port, usual.port);
  put(map, "allow_loopback", dns.allow_loopback, usual.allow_loopback);
  return map;
}

Json write(const TextPart& part) {
  static const TextPart usual;
  Json map = Json::object();
  put_choice(map, "source", part.source, usual.source, kSources);
  put(map, "text", part.text, usual.text);
  return map;
}

Json write(const Balancing& balancing) {
  static const Balancing usual;
  Json map = Json::object();
  put_choice(map, "algorithm", balancing.algorithm, usual.algorithm, kAlgorithms);
  put_list(map, "hash_key", balancing.hash_key, [](const auto& item) { return write(item); });
  put(map, "slow_start_ms", balancing.slow_start_ms, usual.slow_start_ms);
  return map;
}

Json write(const StickyCookie& cookie) {
  static const StickyCookie usual;
  Json map = Json::object();
  put_choice(map, "mode", cookie.mode, usual.mode, kStickyModes);
  put(map, "name", cookie.name, usual.name);
  put(map, "salt", cookie.salt, usual.salt);
  put(map, "path", cookie.path, usual.path);
  put(map, "domain", cookie.domain, usual.domain);
  put_choice(map, "same_site", cookie.same_site, usual.same_site, kSameSites);
  put(map, "always_secure", cookie.always_secure, usual.always_secure);
  if (cookie.expires_s) map["expires_s"] = *cookie.expires_s;
  if (cookie.max_age_s) map["max_age_s"] = *cookie.max_age_s;
  put(map, "change_on_failure", cookie.change_on_failure, usual.change_on_failure);
  return map;
}

Json write(const PassiveHealth& health) {
  static const PassiveHealth usual;
  Json map = Json::object();
  put(map, "failures", health.failures, usual.failures);
  put(map, "first_ms", health.first_ms, usual.first_ms);
  put(map, "most_ms", health.most_ms, usual.most_ms);
  return map;
}

Json write(const ActiveHealth& health) {
  static const ActiveHealth usual;
  Json map = Json::object();
  put_choice(map, "kind", health.kind, usual.kind, kHealthKinds);
  put(map, "path", health.path, usual.path);
  put(map, "host", health.host, usual.host);
  put(map, "least_status", health.least_status, usual.least_status);
  put(map, "most_status", health.most_status, usual.most_status);
  put(map, "interval_ms", health.interval_ms, usual.interval_ms);
  put(map, "timeout_ms", health.timeout_ms, usual.timeout_ms);
  put(map, "rise", health.rise, usual.rise);
  put(map, "fall", health.fall, usual.fall);
  return map;
}

Json write(const EndpointLimits& limits) {
  static const EndpointLimits usual;
  Json map = Json::object();
  put(map, "requests", limits.requests, usual.requests);
  put(map, "queue", limits.queue, usual.queue);
  put(map, "queue_timeout_ms", limits.queue_timeout_ms, usual.queue_timeout_ms);
  return map;
}

Json write(const Retries& retries) {
  static const Retries usual;
  Json map = Json::object();
  put(map, "tries", retries.tries, usual.tries);
  put(map, "window_ms", retries.window_ms, usual.window_ms);
  put(map, "on_error", retries.on_error, usual.on_error);
  put(map, "on_timeout", retries.on_timeout, usual.on_timeout);
  put(map, "on_invalid_response", retries.on_invalid_response, usual.on_invalid_response);
  put(map, "non_idempotent", retries.non_idempotent, usual.non_idempotent);
  put_list(map, "on_status", retries.on_status, [](auto status) { return Json(status); });
  return map;
}

Json write(const RequestPolicy& requests) {
  static const RequestPolicy usual;
  Json map = Json::object();
  put(map, "body_bytes", requests.body_bytes, usual.body_bytes);
  put(map, "connect_timeout_ms", requests.connect_timeout_ms, usual.connect_timeout_ms);
  put(map, "send_timeout_ms", requests.send_timeout_ms, usual.send_timeout_ms);
  put(map, "read_timeout_ms", requests.read_timeout_ms, usual.read_timeout_ms);
  return map;
}

Json write(const TunnelPolicy& tunnels) {
  static const TunnelPolicy usual;
  Json map = Json::object();
  const auto text = [](const auto& item) { return Json(item); };
  put(map, "websocket", tunnels.websocket, usual.websocket);
  put_list(map, "other_protocols", tunnels.other_protocols, text);
  put_list(map, "allowed_origins", tunnels.allowed_origins, text);
  put_choice(map, "refusal", tunnels.refusal, usual.refusal, kRefusals);
  for (const auto& [key, field, least, most] : kTunnelNumbers) {
    put(map, key, tunnels.*field, usual.*field);
  }
  put(map, "close_code", tunnels.close_code, usual.close_code);
  put(map, "close_reason", tunnels.close_reason, usual.close_reason);
  put_choice(map, "on_route_change", tunnels.on_route_change, usual.on_route_change, kThens);
  put_choice(map, "on_endpoint_end", tunnels.on_endpoint_end, usual.on_endpoint_end, kThens);
  put(map, "max_frame_bytes", tunnels.max_frame_bytes, usual.max_frame_bytes);
  return map;
}

Json write(const WeightedBackend& backend) {
  static const WeightedBackend usual;
  Json map = Json::object();
  put(map, "backend", backend.backend, usual.backend);
  put(map, "weight", backend.weight, usual.weight);
  return map;
}

void put(Json& map, const TlsVersions& versions) {
  static const TlsVersions usual;
  put(map, "tls12", versions.tls12, usual.tls12);
  put(map, "tls13", versions.tls13, usual.tls13);
}

Json write(const UpstreamTls& tls) {
  static const UpstreamTls usual;
  Json map = Json::object();
  put(map, "server_name", tls.server_name, usual.server_name);
  put(map, "send_server_name", tls.send_server_name, usual.send_server_name);
  put(map, "verify", tls.verify, usual.verify);
  put(map, "trust", tls.trust, usual.trust);
  put(map, "verify_depth", tls.verify_depth, usual.verify_depth);
  put(map, "certificate", tls.certificate, usual.certificate);
  put(map, tls.versions);
  put(map, "ciphers", tls.ciphers, usual.ciphers);
  return map;
}

Json write(const ClientCertificates& clients) {
  static const ClientCertificates usual;
  Json map = Json::object();
  put_choice(map, "mode", clients.mode, usual.mode, kClientCertificateModes);
  put(map, "trust", clients.trust, usual.trust);
  put(map, "verify_depth", clients.verify_depth, usual.verify_depth);
  return map;
}

Json write(const TlsSettings& tls) {
  static const TlsSettings usual;
  Json map = Json::object();
  put(map, tls.versions);
  put(map, "ciphers", tls.ciphers, usual.ciphers);
  put(map, "groups", tls.groups, usual.groups);
  put(map, "session_tickets", tls.session_tickets, usual.session_tickets);
  put(map, "session_timeout_s", tls.session_timeout_s, usual.session_timeout_s);
  put(map, "reject_unknown_names", tls.reject_unknown_names, usual.reject_unknown_names);
  return map;
}

Json write(const Hsts& hsts) {
  static const Hsts usual;
  Json map = Json::object();
  put(map, "max_age_s", hsts.max_age_s, usual.max_age_s);
  put(map, "include_subdomains", hsts.include_subdomains, usual.include_subdomains);
  put(map, "preload", hsts.preload, usual.preload);
  return map;
}

Json write(const Forwarded& forwarded) {
  static const Forwarded usual;
  Json map = Json::object();
  put(map, "trust_forwarded", forwarded.trust_forwarded, usual.trust_forwarded);
  put(map, "header", forwarded.header, usual.header);
  put(map, "append", forwarded.append, usual.append);
  put(map, "use_proxy_protocol", forwarded.use_proxy_protocol, usual.use_proxy_protocol);
  put_list(map, "trusted_cidrs", forwarded.trusted_cidrs,
           [](const auto& text) { return Json(text); });
  return map;
}

Json write(const TunnelTotals& tunnels) {
  static const TunnelTotals usual;
  Json map = Json::object();
  put(map, "limit", tunnels.limit, usual.limit);
  put(map, "opens_per_second", tunnels.opens_per_second, usual.opens_per_second);
  put(map, "open_burst", tunnels.open_burst, usual.open_burst);
  put(map, "open_wait_ms", tunnels.open_wait_ms, usual.open_wait_ms);
  return map;
}

Json write(const Access& access) {
  static const Access usual;
  Json map = Json::object();
  const auto text = [](const auto& item) { return Json(item); };
  put(map, "closed", access.closed, usual.closed);
  put_list(map, "denied", access.denied, text);
  put_list(map, "allowed", access.allowed, text);
  return map;
}

Json write(const RouteRules& rules) {
  static const RouteRules usual;
  Json map = Json::object();
  if (rules.access != usual.access) map["access"] = write(rules.access);
  return map;
}

Json write(const Route& route) {
  static const Route usual;
  Json map = Json::object();
  put_choice(map, "match", route.match.kind, usual.match.kind, kPathKinds);
  put(map, "path", route.match.path, usual.match.path);
  put(map, "origin", route.origin, usual.origin);
  put(map, "https_only", route.https_only, usual.https_only);
  put_list(map, "backends", route.backends, [](const auto& item) { return write(item); });
  if (route.upstream_tls) map["upstream_tls"] = write(*route.upstream_tls);
  if (!route.requests.is_usual()) map["requests"] = write(*route.requests);
  if (!route.retries.is_usual()) map["retries"] = write(*route.retries);
  if (!route.rules.is_usual()) map["rules"] = write(*route.rules);
  put(map, "sticky", route.sticky, usual.sticky);
  if (!route.tunnels.is_usual()) map["tunnels"] = write(*route.tunnels);
  return map;
}

struct WriteResource {
  Json operator()(const Settings& settings) const {
    static const Settings usual;
    Json map = Json::object();
    put(map, "default_certificate", settings.default_certificate, usual.default_certificate);
    put(map, "public_http_port", settings.public_http_port, usual.public_http_port);
    put(map, "public_https_port", settings.public_https_port, usual.public_https_port);
    if (settings.tls != usual.tls) map["tls"] = write(settings.tls);
    if (settings.hsts) map["hsts"] = write(*settings.hsts);
    put(map, "underscores_in_headers", settings.underscores_in_headers,
        usual.underscores_in_headers);
    if (settings.forwarded != usual.forwarded) map["forwarded"] = write(settings.forwarded);
    if (settings.tunnels != usual.tunnels) map["tunnels"] = write(settings.tunnels);
    return map;
  }

  Json operator()(const Certificate& certificate) const {
    static const Certificate usual;
    Json map = Json::object();
    put(map, "name", certificate.name, usual.name);
    put(map, "chain_pem", certificate.chain_pem, usual.chain_pem);
    put(map, "key_pem", certificate.key_pem, usual.key_pem);
    if (!certificate.ocsp_der.empty()) map["ocsp_der"] = binary(certificate.ocsp_der);
    return map;
  }

  Json operator()(const Backend& backend) const {
    static const Backend usual;
    Json map = Json::object();
    put(map, "name", backend.name, usual.name);
    put_list(map, "endpoints", backend.endpoints, [](const auto& item) { return write(item); });
    if (backend.dns) map["dns"] = write(*backend.dns);
    if (backend.balancing != usual.balancing) map["balancing"] = write(backend.balancing);
    if (backend.sticky_cookie) map["sticky_cookie"] = write(*backend.sticky_cookie);
    if (backend.passive_health != usual.passive_health) {
      map["passive_health"] = write(backend.passive_health);
    }
    if (!backend.health.is_usual()) map["health"] = write(*backend.health);
    if (!backend.limits.is_usual()) map["limits"] = write(*backend.limits);
    put_choice(map, "proxy_protocol", backend.proxy_protocol, usual.proxy_protocol,
               kProxyProtocols);
    return map;
  }

  Json operator()(const Host& host) const {
    static const Host usual;
    Json map = Json::object();
    put(map, "name", host.name, usual.name);
    put_list(map, "certificates", host.certificates, [](const auto& name) { return Json(name); });
    if (host.client_certificates) map["client_certificates"] = write(*host.client_certificates);
    put(map, "ciphers", host.ciphers, usual.ciphers);
    put(map, "passthrough", host.passthrough, usual.passthrough);
    put_list(map, "routes", host.routes, [](const auto& item) { return write(item); });
    return map;
  }

  Json operator()(const TrustBundle& bundle) const {
    static const TrustBundle usual;
    Json map = Json::object();
    put(map, "name", bundle.name, usual.name);
    put(map, "ca_pem", bundle.ca_pem, usual.ca_pem);
    put(map, "crl_pem", bundle.crl_pem, usual.crl_pem);
    return map;
  }

  Json operator()(const TicketSeed& seed) const {
    Json map = Json::object();
    if (!seed.bytes.empty()) map["bytes"] = binary(seed.bytes);
    return map;
  }
};

// Reading, with what each value must be.

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

/// Names end up in logs and metrics.
void read_name(Reader& map, const char* key, std::string& out) {
  map.text(key, out, kMaxName);
  if (has_control_character(out)) map.fail(key, "has a control character");
}

void read_required_name(Reader& map, const char* key, std::string& out) {
  read_name(map, key, out);
  if (out.empty()) map.fail(key, "is empty");
}

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

void read_required_port(Reader& map, const char* key, std::uint16_t& out) {
  map.port(key, out);
  if (out == 0) map.fail(key, "is missing");
}

Endpoint read_endpoint(Reader map) {
  Endpoint endpoint;
  read_required_name(map, "id", endpoint.id);
  map.text("address", endpoint.address, kMaxName);
  if (has_control_character(endpoint.address) || !is_ip_address(endpoint.address)) {
    map.fail("address", "is not an IP address");
  }
  read_required_port(map, "port", endpoint.port);
  map.choice("state", endpoint.state, kStates);
  read_name(map, "zone", endpoint.zone);
  return endpoint;
}

DnsName read_dns(Reader map) {
  DnsName dns;
  map.text("name", dns.name, kMaxName);
  std::string_view name = dns.name;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (!is_host_name(name)) map.fail("name", "is not a lower-case host name");
  read_required_port(map, "port", dns.port);
  map.flag("allow_loopback", dns.allow_loopback);
  return dns;
}

void read_optional_seconds(Reader& map, const char* key, std::optional<std::uint32_t>& out) {
  if (map.find(key) == nullptr) return;
  map.number(key, out.emplace(), 0, std::numeric_limits<std::uint32_t>::max());
}

TextPart read_text_part(Reader map) {
  TextPart part;
  map.choice("source", part.source, kSources);
  read_name(map, "text", part.text);
  using Source = TextPart::Source;
  const bool named = part.source == Source::Header || part.source == Source::Cookie ||
                     part.source == Source::Argument;
  if (named && part.text.empty()) map.fail("text", "is empty");
  return part;
}

Balancing read_balancing(Reader map, std::optional<util::Error>& error) {
  Balancing balancing;
  map.choice("algorithm", balancing.algorithm, kAlgorithms);
  map.list("hash_key", kMaxTextParts, [&](const Json& item, std::string path) {
    balancing.hash_key.push_back(read_text_part(Reader(item, std::move(path), error)));
  });
  if ((balancing.algorithm == Balancing::Algorithm::Hash) == balancing.hash_key.empty()) {
    map.fail("hash_key", "and the algorithm \"hash\" need each other");
  }
  map.number("slow_start_ms", balancing.slow_start_ms, 0, kMaxMilliseconds);
  return balancing;
}

/// RFC 6265 §4.1.1: a token; what ends an attribute must not be in a path or domain.
void read_cookie_text(Reader& map, const char* key, std::string& out, std::string_view refused) {
  read_name(map, key, out);
  if (out.find_first_of(refused) != std::string::npos) map.fail(key, "has a byte that cannot be");
}

StickyCookie read_sticky_cookie(Reader map) {
  StickyCookie cookie;
  map.choice("mode", cookie.mode, kStickyModes);
  read_cookie_text(map, "name", cookie.name, "()<>@,;:\\\"/[]?={} \t");
  if (cookie.name.empty()) map.fail("name", "is empty");
  read_name(map, "salt", cookie.salt);
  read_cookie_text(map, "path", cookie.path, ";");
  read_cookie_text(map, "domain", cookie.domain, "; ,");
  map.choice("same_site", cookie.same_site, kSameSites);
  map.flag("always_secure", cookie.always_secure);
  read_optional_seconds(map, "expires_s", cookie.expires_s);
  read_optional_seconds(map, "max_age_s", cookie.max_age_s);
  map.flag("change_on_failure", cookie.change_on_failure);
  return cookie;
}

PassiveHealth read_passive_health(Reader map) {
  PassiveHealth health;
  map.number("failures", health.failures, 0, 1'000'000);
  map.number("first_ms", health.first_ms, 1, kMaxMilliseconds);
  map.number("most_ms", health.most_ms, 1, kMaxMilliseconds);
  return health;
}

void read_status(Reader& map, const char* key, std::uint16_t& out) {
  std::uint32_t status = out;
  map.number(key, status, kLeastStatus, kMostStatus);
  out = static_cast<std::uint16_t>(status);
}

ActiveHealth read_active_health(Reader map) {
  ActiveHealth health;
  map.choice("kind", health.kind, kHealthKinds);
  map.text("path", health.path, kMaxRuleText);
  if (!is_request_path(health.path)) map.fail("path", "is not a path to ask for");
  map.text("host", health.host, kMaxRuleText);
  if (!health.host.empty() && !is_host_field(health.host)) map.fail("host", "is no host");
  read_status(map, "least_status", health.least_status);
  read_status(map, "most_status", health.most_status);
  if (health.least_status > health.most_status) map.fail("least_status", "is over most_status");
  map.number("interval_ms", health.interval_ms, 1, kMaxMilliseconds);
  map.number("timeout_ms", health.timeout_ms, 1, kMaxMilliseconds);
  map.number("rise", health.rise, 1, kMaxChecks);
  map.number("fall", health.fall, 1, kMaxChecks);
  return health;
}

EndpointLimits read_endpoint_limits(Reader map) {
  EndpointLimits limits;
  map.number("requests", limits.requests, 0, kMaxEndpointRequests);
  map.number("queue", limits.queue, 0, kMaxEndpointQueue);
  map.number("queue_timeout_ms", limits.queue_timeout_ms, 1, kMaxMilliseconds);
  return limits;
}

Retries read_retries(Reader map) {
  Retries retries;
  map.number("tries", retries.tries, 1, kMaxTries);
  map.number("window_ms", retries.window_ms, 0, kMaxMilliseconds);
  map.flag("on_error", retries.on_error);
  map.flag("on_timeout", retries.on_timeout);
  map.flag("on_invalid_response", retries.on_invalid_response);
  map.flag("non_idempotent", retries.non_idempotent);
  map.list("on_status", kMaxStatuses, [&](const Json& item, const std::string& path) {
    const bool fits = item.is_number_unsigned() && item.get<std::uint64_t>() >= 300 &&
                      item.get<std::uint64_t>() <= 599;
    const auto status = fits ? item.get<std::uint16_t>() : std::uint16_t{0};
    if (!fits || (!retries.on_status.empty() && retries.on_status.back() >= status)) {
      return map.fail("on_status",
                      "has something at " + path + " that is no status, or not sorted");
    }
    retries.on_status.push_back(status);
  });
  return retries;
}

RequestPolicy read_request_policy(Reader map) {
  RequestPolicy requests;
  map.number("body_bytes", requests.body_bytes, 0, kMaxBodyBytes);
  map.number("connect_timeout_ms", requests.connect_timeout_ms, 1, kMaxMilliseconds);
  map.number("send_timeout_ms", requests.send_timeout_ms, 1, kMaxTunnelMilliseconds);
  map.number("read_timeout_ms", requests.read_timeout_ms, 1, kMaxTunnelMilliseconds);
  return requests;
}

WeightedBackend read_weighted(Reader map) {
  WeightedBackend backend;
  read_required_name(map, "backend", backend.backend);
  map.number("weight", backend.weight, 0, kMaxWeight);
  return backend;
}

void read_versions(Reader& map, TlsVersions& versions) {
  map.flag("tls12", versions.tls12);
  map.flag("tls13", versions.tls13);
  if (!versions.tls12 && !versions.tls13) map.fail("tls13", "is off, and so is tls12");
}

void read_ciphers(Reader& map, const char* key, std::string& out) {
  map.text(key, out, kMaxCiphers);
  if (has_control_character(out)) map.fail(key, "has a control character");
}

UpstreamTls read_upstream_tls(Reader map) {
  UpstreamTls tls;
  map.text("server_name", tls.server_name, kMaxName);
  if (!tls.server_name.empty() && !is_host_name(tls.server_name)) {
    map.fail("server_name", "is not a lower-case host name");
  }
  map.flag("send_server_name", tls.send_server_name);
  map.flag("verify", tls.verify);
  read_name(map, "trust", tls.trust);
  if (tls.verify && tls.trust.empty()) map.fail("trust", "is missing, with verify on");
  map.number("verify_depth", tls.verify_depth, 0, kMaxVerifyDepth);
  read_name(map, "certificate", tls.certificate);
  read_versions(map, tls.versions);
  read_ciphers(map, "ciphers", tls.ciphers);
  return tls;
}

ClientCertificates read_client_certificates(Reader map) {
  ClientCertificates clients;
  map.choice("mode", clients.mode, kClientCertificateModes);
  read_name(map, "trust", clients.trust);
  map.number("verify_depth", clients.verify_depth, 0, kMaxVerifyDepth);
  return clients;
}

TlsSettings read_tls_settings(Reader map) {
  TlsSettings tls;
  read_versions(map, tls.versions);
  read_ciphers(map, "ciphers", tls.ciphers);
  read_ciphers(map, "groups", tls.groups);
  map.flag("session_tickets", tls.session_tickets);
  map.number("session_timeout_s", tls.session_timeout_s, 1, kMaxSessionTimeout);
  map.flag("reject_unknown_names", tls.reject_unknown_names);
  return tls;
}

Hsts read_hsts(Reader map) {
  Hsts hsts;
  map.number("max_age_s", hsts.max_age_s, 0, std::numeric_limits<std::uint32_t>::max());
  map.flag("include_subdomains", hsts.include_subdomains);
  map.flag("preload", hsts.preload);
  return hsts;
}

void read_networks(Reader& map, const char* key, std::vector<std::string>& out) {
  map.list(key, kMaxNetworks, [&](const Json& item, const std::string& path) {
    if (!item.is_string() || !util::IpPrefix::parse(item.get_ref<const std::string&>())) {
      return map.fail(key, "has something at " + path + " that is no network");
    }
    out.push_back(item.get<std::string>());
  });
}

Forwarded read_forwarded(Reader map) {
  Forwarded forwarded;
  map.flag("trust_forwarded", forwarded.trust_forwarded);
  map.text("header", forwarded.header, kMaxFieldName);
  if (!is_token(forwarded.header)) map.fail("header", "is not a field name");
  map.flag("append", forwarded.append);
  map.flag("use_proxy_protocol", forwarded.use_proxy_protocol);
  read_networks(map, "trusted_cidrs", forwarded.trusted_cidrs);
  return forwarded;
}

void read_texts(Reader& map, const char* key, std::size_t most, bool (*fits)(std::string_view),
                std::vector<std::string>& out) {
  map.list(key, most, [&](const Json& item, const std::string& path) {
    if (!item.is_string() || item.get_ref<const std::string&>().size() > kMaxName ||
        !fits(item.get_ref<const std::string&>())) {
      return map.fail(key, "has something at " + path + " that cannot be");
    }
    out.push_back(item.get<std::string>());
  });
}

TunnelPolicy read_tunnel_policy(Reader map) {
  TunnelPolicy tunnels;
  map.flag("websocket", tunnels.websocket);
  read_texts(map, "other_protocols", kMaxUpgradeProtocols, is_upgrade_protocol,
             tunnels.other_protocols);
  read_texts(map, "allowed_origins", kMaxOrigins, is_origin_rule, tunnels.allowed_origins);
  map.choice("refusal", tunnels.refusal, kRefusals);
  for (const auto& [key, field, least, most] : kTunnelNumbers) {
    map.number(key, tunnels.*field, least, most);
  }
  std::uint32_t code = tunnels.close_code;
  map.number("close_code", code, 0, kAnyNumber);
  if (!is_close_code(code)) map.fail("close_code", "is none that may be sent");
  tunnels.close_code = static_cast<std::uint16_t>(code);
  map.text("close_reason", tunnels.close_reason, kMaxCloseReason);
  map.choice("on_route_change", tunnels.on_route_change, kThens);
  map.choice("on_endpoint_end", tunnels.on_endpoint_end, kThens);
  map.number("max_frame_bytes", tunnels.max_frame_bytes, 0, std::uint64_t{1} << 62);
  return tunnels;
}

Access read_access(Reader map) {
  Access access;
  map.flag("closed", access.closed);
  read_networks(map, "denied", access.denied);
  read_networks(map, "allowed", access.allowed);
  return access;
}

RouteRules read_route_rules(Reader map, std::optional<util::Error>& error) {
  RouteRules rules;
  if (const Json* access = map.find("access")) {
    rules.access = read_access(Reader(*access, map.at("access"), error));
  }
  return rules;
}

Route read_route(Reader map, std::optional<util::Error>& error) {
  Route route;
  map.choice("match", route.match.kind, kPathKinds);
  map.text("path", route.match.path, kMaxPath);
  if (!route.match.path.starts_with('/')) map.fail("path", "does not start with '/'");
  if (has_control_character(route.match.path)) map.fail("path", "has a control character");
  read_name(map, "origin", route.origin);
  map.flag("https_only", route.https_only);
  map.list("backends", kMaxBackendsOfRoute, [&](const Json& item, std::string path) {
    route.backends.push_back(read_weighted(Reader(item, std::move(path), error)));
  });
  if (const Json* tls = map.find("upstream_tls")) {
    route.upstream_tls = read_upstream_tls(Reader(*tls, map.at("upstream_tls"), error));
  }
  if (const Json* requests = map.find("requests")) {
    route.requests = read_request_policy(Reader(*requests, map.at("requests"), error));
  }
  if (const Json* retries = map.find("retries")) {
    route.retries = read_retries(Reader(*retries, map.at("retries"), error));
  }
  if (const Json* rules = map.find("rules")) {
    route.rules = read_route_rules(Reader(*rules, map.at("rules"), error), error);
  }
  map.flag("sticky", route.sticky);
  if (const Json* tunnels = map.find("tunnels")) {
    route.tunnels = read_tunnel_policy(Reader(*tunnels, map.at("tunnels"), error));
  }
  return route;
}

TunnelTotals read_tunnel_totals(Reader map) {
  TunnelTotals tunnels;
  map.number("limit", tunnels.limit, 0, kAnyNumber);
  map.number("opens_per_second", tunnels.opens_per_second, 0, 1'000'000);
  map.number("open_burst", tunnels.open_burst, 1, 1'000'000);
  map.number("open_wait_ms", tunnels.open_wait_ms, 0, kMaxMilliseconds);
  return tunnels;
}

Settings read_settings(Reader map, std::optional<util::Error>& error) {
  Settings settings;
  read_name(map, "default_certificate", settings.default_certificate);
  map.port("public_http_port", settings.public_http_port);
  map.port("public_https_port", settings.public_https_port);
  if (const Json* tls = map.find("tls")) {
    settings.tls = read_tls_settings(Reader(*tls, "tls", error));
  }
  if (const Json* hsts = map.find("hsts")) settings.hsts = read_hsts(Reader(*hsts, "hsts", error));
  map.flag("underscores_in_headers", settings.underscores_in_headers);
  if (const Json* forwarded = map.find("forwarded")) {
    settings.forwarded = read_forwarded(Reader(*forwarded, "forwarded", error));
  }
  if (const Json* tunnels = map.find("tunnels")) {
    settings.tunnels = read_tunnel_totals(Reader(*tunnels, "tunnels", error));
  }
  return settings;
}

Certificate read_certificate(Reader map) {
  Certificate certificate;
  read_required_name(map, "name", certificate.name);
  map.text("chain_pem", certificate.chain_pem, kMaxPem);
  map.text("key_pem", certificate.key_pem, kMaxPem);
  map.binary("ocsp_der", certificate.ocsp_der, kMaxOcsp);
  return certificate;
}

TrustBundle read_trust_bundle(Reader map) {
  TrustBundle bundle;
  read_required_name(map, "name", bundle.name);
  map.text("ca_pem", bundle.ca_pem, kMaxPem);
  map.text("crl_pem", bundle.crl_pem, kMaxPem);
  return bundle;
}

TicketSeed read_ticket_seed(Reader map) {
  TicketSeed seed;
  map.binary("bytes", seed.bytes, kMaxTicketSeed);
  if (seed.bytes.size() < kMinTicketSeed) map.fail("bytes", "is shorter than 32 bytes");
  return seed;
}

Backend read_backend(Reader map, std::optional<util::Error>& error) {
  Backend backend;
  read_required_name(map, "name", backend.name);
  map.list("endpoints", kMaxEndpoints, [&](const Json& item, std::string path) {
    auto endpoint = read_endpoint(Reader(item, std::move(path), error));
    if (!backend.endpoints.empty() && backend.endpoints.back().id >= endpoint.id) {
      map.fail("endpoints", "are not sorted by id, or one is there twice");
    }
    backend.endpoints.push_back(std::move(endpoint));
  });
  if (const Json* dns = map.find("dns")) {
    backend.dns = read_dns(Reader(*dns, "dns", error));
    if (!backend.endpoints.empty()) map.fail("endpoints", "stand beside a DNS name");
  }
  if (const Json* balancing = map.find("balancing")) {
    backend.balancing = read_balancing(Reader(*balancing, "balancing", error), error);
  }
  if (const Json* cookie = map.find("sticky_cookie")) {
    backend.sticky_cookie = read_sticky_cookie(Reader(*cookie, "sticky_cookie", error));
  }
  if (const Json* health = map.find("passive_health")) {
    backend.passive_health = read_passive_health(Reader(*health, "passive_health", error));
  }
  if (const Json* health = map.find("health")) {
    backend.health = read_active_health(Reader(*health, "health", error));
  }
  if (const Json* limits = map.find("limits")) {
    backend.limits = read_endpoint_limits(Reader(*limits, "limits", error));
  }
  map.choice("proxy_protocol", backend.proxy_protocol, kProxyProtocols);
  return backend;
}

Host read_host(Reader map, std::optional<util::Error>& error) {
  Host host;
  map.text("name", host.name, kMaxName);
  std::string_view name = host.name;
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (!host.name.empty() && !is_host_name(name)) {
    map.fail("name", "is not a lower-case host name");
  }
  map.list("certificates", kMaxCertificatesOfHost, [&](const Json& item, const std::string& path) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty() ||
        item.get_ref<const std::string&>().size() > kMaxName ||
        has_control_character(item.get_ref<const std::string&>())) {
      error = util::malformed(path + " is not a name");
      return;
    }
    host.certificates.push_back(item.get<std::string>());
  });
  if (const Json* clients = map.find("client_certificates")) {
    host.client_certificates =
        read_client_certificates(Reader(*clients, "client_certificates", error));
  }
  read_ciphers(map, "ciphers", host.ciphers);
  read_name(map, "passthrough", host.passthrough);
  map.list("routes", kMaxRoutes, [&](const Json& item, std::string path) {
    host.routes.push_back(read_route(Reader(item, std::move(path), error), error));
    const auto count = host.routes.size();
    if (count > 1 && !comes_before(host.routes[count - 2].match, host.routes[count - 1].match)) {
      map.fail("routes", "are not sorted, or one is there twice");
    }
  });
  return host;
}

Resource read_resource(ResourceKind kind, const Json& document, std::optional<util::Error>& error) {
  Reader map(document, "", error);
  switch (kind) {
    case ResourceKind::Settings:
      return read_settings(map, error);
    case ResourceKind::Certificate:
      return read_certificate(map);
    case ResourceKind::Backend:
      return read_backend(map, error);
    case ResourceKind::Host:
      return read_host(map, error);
    case ResourceKind::TrustBundle:
      return read_trust_bundle(map);
    case ResourceKind::TicketSeed:
      return read_ticket_seed(map);
  }
  error = util::unsupported("unknown kind of resource");
  return Settings{};
}

}  // namespace

EncodedResource encode(const Resource& resource) {
  auto bytes = std::make_shared<const Bytes>(cbor::dump(std::visit(WriteResource{}, resource)));
  const auto hash = util::hash_content(*bytes);
  return {key_of(resource), hash, std::move(bytes)};
}

util::Result<Resource> decode(ResourceKind kind, std::span<const std::uint8_t> bytes) {
  if (bytes.size() > kMaxResourceBytes) {
    return util::malformed("longer than " + std::to_string(kMaxResourceBytes) + " bytes");
  }
  auto document = cbor::parse(bytes);
  if (!document) return document.error();
  std::optional<util::Error> error;
  Resource resource = read_resource(kind, document->root, error);
  if (error) return *std::move(error);
  return resource;
}

}  // namespace weir::table
