#pragma once

#include <algorithm>
#include <random>

#include "table/frame.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace weir::fuzz {

/// Makes valid resources and frames from a seed, so that a run gets behind the checks that random
/// bytes do not pass.
class TableMaker {
 public:
  explicit TableMaker(unsigned seed) : random_(seed + 1) {}

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }

  table::Resource resource(table::ResourceKind kind) {
    switch (kind) {
      case table::ResourceKind::Settings:
        return settings();
      case table::ResourceKind::Certificate:
        return table::Certificate{name(), text(), text()};
      case table::ResourceKind::Backend:
        return backend();
      case table::ResourceKind::Host:
        return host();
      case table::ResourceKind::TrustBundle:
        return table::TrustBundle{name(), text(), text()};
      case table::ResourceKind::TicketSeed:
        return table::TicketSeed{std::string(32 + below(225), 's')};
      case table::ResourceKind::Users:
        return users();
      case table::ResourceKind::TcpService:
        return tcp_service();
    }
    return table::Settings{};
  }
  table::ResourceKind kind() {
    return table::kResourceKinds[below(std::size(table::kResourceKinds))];
  }

  /// Adds to an update, which stays valid.
  void grow(table::Update& update) {
    update.generation = one_in(2) ? below(100) : std::uint64_t{below(0xffffffff)} << below(33);
    update.last = one_in(2);
    for (auto more = below(4); more > 0; --more) {
      update.upserts.push_back(table::encode(resource(kind())));
    }
    for (auto more = below(3); more > 0; --more) update.removes.push_back(key());
    if (!update.upserts.empty() && one_in(3)) update.upserts.pop_back();
  }
  void grow(table::Hello& hello) {
    hello.software = text();
    hello.last = one_in(2);
    for (auto more = below(5); more > 0; --more) {
      util::ContentHash hash{};
      hash.fill(static_cast<std::uint8_t>(below(256)));
      hello.held[key()] = hash;
    }
  }
  table::Bytes answer_frame() {
    if (one_in(2)) return table::encode_frame(table::Ack{below(1000)});
    return table::encode_frame(table::Nack{below(1000), key(), text()});
  }

 private:
  std::string text() {
    constexpr const char* kTexts[] = {"",     "a",           "default/shop:80",
                                      "/a/b", "caf\xc3\xa9", "10.0.0.1"};
    return one_in(8) ? std::string(below(1024), 'x') : kTexts[below(std::size(kTexts))];
  }
  std::string name() { return "default/n" + std::to_string(below(5)); }
  table::ResourceKey key() { return table::key_of(resource(kind())); }

  table::Settings settings() {
    table::Settings made;
    made.default_certificate = text();
    made.public_http_port = static_cast<std::uint16_t>(1 + below(65535));
    made.tls.versions.tls12 = one_in(2);
    made.tls.session_tickets = one_in(2);
    made.tls.session_timeout_s = 1 + below(100000);
    if (one_in(2)) made.hsts = table::Hsts{below(1000), one_in(2), one_in(2)};
    made.underscores_in_headers = one_in(2);
    made.forwarded.trust_forwarded = one_in(2);
    if (one_in(3)) made.tunnels = {below(1000), below(1000), 1 + below(1000), below(1000)};
    if (one_in(3)) made.headers = {one_in(2), one_in(2), fields(), fields(), {"X-A"}};
    if (one_in(3)) made.status.rate_limit = static_cast<std::uint16_t>(400 + below(200));
    if (one_in(3)) made.blocked.user_agents = {"~*bot"};
    if (one_in(3)) made.unlogged_uris = {"/up", "~^/live"};
    if (one_in(3)) made.connections.client_idle_ms = below(100'000);
    if (one_in(3)) made.connections.head_bytes = 1024 + below(100'000);
    made.odd_names_in_headers = one_in(2);
    made.forwarded.trust_address = one_in(2);
    for (auto more = below(3); more > 0; --more) {
      constexpr const char* kNetworks[] = {"10.0.0.0/8", "10.0.0.1", "2001:db8::/32", "::/0"};
      made.forwarded.trusted_cidrs.emplace_back(kNetworks[below(std::size(kNetworks))]);
    }
    return made;
  }
  table::TcpService tcp_service() {
    table::TcpService made;
    made.port = static_cast<std::uint16_t>(1 + below(65535));
    made.backend = name();
    made.expects_proxy_protocol = one_in(2);
    made.proxy_protocol = static_cast<table::ProxyProtocol>(below(3));
    made.tries = 1 + below(16);
    if (one_in(2)) made.tunnels = tunnels();
    return made;
  }
  table::Users users() {
    table::Users made{name(), {}};
    for (auto more = below(4); more > 0; --more) {
      made.users.push_back({"u" + std::to_string(below(3)), one_in(2) ? "{PLAIN}x" : "$apr1$a$b"});
    }
    return made;
  }
  table::Backend backend() {
    table::Backend made;
    made.name = name();
    if (one_in(2)) {
      table::ActiveHealth health;
      health.kind = static_cast<table::ActiveHealth::Kind>(below(3));
      health.path = "/p" + std::to_string(below(9));
      health.interval_ms = 1 + below(100'000);
      made.health = health;
    }
    if (one_in(2)) made.limits = table::EndpointLimits{below(100), below(100), 1 + below(1000)};
    if (one_in(3)) {
      made.dns =
          table::DnsName{"shop.example", static_cast<std::uint16_t>(1 + below(65535)), one_in(2)};
      return made;
    }
    for (std::uint32_t i = 0, count = below(4); i < count; ++i) {
      made.endpoints.push_back({"id-" + std::to_string(i), one_in(2) ? "10.0.0.1" : "fd00::1",
                                static_cast<std::uint16_t>(1 + below(65535)),
                                static_cast<table::Endpoint::State>(below(3)), text()});
    }
    return made;
  }
  table::TunnelPolicy tunnels() {
    table::TunnelPolicy made;
    made.websocket = one_in(2);
    for (auto more = below(3); more > 0; --more) {
      constexpr const char* kOrigins[] = {"same-host", "none", "https://*.example.com",
                                          "http://a.example:8080"};
      made.allowed_origins.emplace_back(kOrigins[below(std::size(kOrigins))]);
    }
    if (one_in(3)) made.other_protocols = {"tcp", "spdy/3.1"};
    made.idle_timeout_ms = below(1'000'000);
    made.on_route_change = static_cast<table::TunnelPolicy::Then>(below(3));
    made.close_code = static_cast<std::uint16_t>(4000 + below(1000));
    return made;
  }
  std::vector<table::TextPart> parts() {
    std::vector<table::TextPart> made = {{table::TextPart::Source::Literal, "/"}};
    for (auto more = below(3); more > 0; --more) {
      made.push_back({static_cast<table::TextPart::Source>(below(11)), "a"});
    }
    return made;
  }
  std::vector<table::HeaderField> fields() {
    std::vector<table::HeaderField> made;
    for (auto more = below(3); more > 0; --more) {
      made.push_back({"X-" + std::to_string(below(5)), one_in(2) ? parts() : decltype(parts()){}});
    }
    return made;
  }
  void extend(table::RouteRules& rules) {
    rules.logs_requests = one_in(2);
    if (one_in(2)) {
      rules.limits = table::ClientLimits{name(),    below(100), below(100),
                                         below(10), below(100), {"10.0.0.0/8"}};
    }
    if (one_in(2)) {
      rules.canary = table::Canary{name(), below(100), 1 + below(100), "X-A", "", "^a", "c", false};
    }
    if (one_in(3)) rules.fallback = name();
    if (one_in(2)) rules.error_pages = table::ErrorPages{name(), {404, 502}, one_in(2)};
    if (one_in(2)) {
      rules.response_rewrite = table::ResponseRewrite{{{"http://a/", parts()}}, {}, {{"/", {}}}};
    }
    if (one_in(2)) rules.response_fields = fields();
    if (one_in(3)) rules.mirror = table::Mirror{name(), {}, "a.example", parts(), one_in(2)};
    if (one_in(3)) rules.response_rate = {below(100'000), below(100'000)};
    if (one_in(3)) rules.plain_backend = name();
    if (one_in(3)) rules.via = "weir";
    if (one_in(3)) rules.unanswered_status = static_cast<std::uint16_t>(400 + below(200));
    rules.close_after_error = one_in(2);
    rules.speaks_http_1_0 = one_in(2);
    rules.close_endpoints = one_in(2);
    if (one_in(3)) {
      auto& auth = rules.access.external.emplace();
      auth.target = parts();
      auth.cache_key = parts();
      auth.cache_times = {{{200, 401}, below(100'000)}};
    }
  }
  table::Route route(bool regex) {
    table::Route made;
    made.match.kind = one_in(2) ? table::PathMatch::Kind::Exact : table::PathMatch::Kind::Prefix;
    if (regex) made.match.kind = table::PathMatch::Kind::Regex;
    made.match.path = "/p" + std::to_string(below(9));
    made.origin = text();
    made.https_only = one_in(2);
    made.sticky = one_in(2);
    if (one_in(2)) {
      table::Retries retries;
      retries.tries = 1 + below(16);
      made.retries = retries;
    }
    if (one_in(3)) {
      table::RequestPolicy requests;
      requests.body_bytes = below(1'000);
      requests.read_timeout_ms = 1 + below(100'000);
      made.requests = requests;
    }
    if (one_in(3)) {
      table::RouteRules rules;
      rules.access.closed = one_in(2);
      if (one_in(2)) rules.access.denied = {"10.0.0.0/8", "2001:db8::/32"};
      if (one_in(2)) rules.access.allowed = {"192.0.2.1"};
      if (one_in(3)) rules.access.basic = table::BasicAuth{name(), "a realm"};
      if (one_in(3)) {
        auto& cors = rules.cors.emplace();
        cors.any_origin = one_in(2);
        cors.origins = {"https://*.example.com", "null"};
        cors.allow_methods = "GET, PUT";
        cors.max_age_s = below(1000);
      }
      rules.keep_trailing_slash = one_in(2);
      if (one_in(2)) {
        rules.redirect = {"https://a.example/b", static_cast<std::uint16_t>(300 + below(9))};
      }
      if (one_in(2)) rules.upstream_host = "inner.example:80";
      if (one_in(3)) extend(rules);
      if (one_in(2) && made.match.kind == table::PathMatch::Kind::Regex) {
        rules.rewrite = {"/$1", "/p$2"};
      }
      made.rules = rules;
    }
    if (one_in(3)) made.tunnels = tunnels();
    for (auto more = below(3); more > 0; --more) made.backends.push_back({name(), below(100)});
    if (one_in(3)) {
      made.upstream_tls.emplace();
      made.upstream_tls->server_name = "shop.example";
      made.upstream_tls->verify_depth = below(10);
    }
    return made;
  }
  table::Host host() {
    table::Host made;
    made.name = one_in(4) ? "" : "h" + std::to_string(below(5)) + ".example";
    for (auto more = below(3); more > 0; --more) made.certificates.push_back(name());
    if (one_in(3)) made.client_certificates.emplace().trust = name();
    if (one_in(5)) made.passthrough = name();
    if (one_in(5)) {
      made.redirects = table::HostRedirects{one_in(2) ? "/app" : "", one_in(2) ? "a.example" : ""};
    }
    const bool regex = one_in(4);
    for (auto more = below(4); more > 0; --more) made.routes.push_back(route(regex));
    const auto before = [](const table::Route& a, const table::Route& b) {
      return table::comes_before(a.match, b.match);
    };
    std::sort(made.routes.begin(), made.routes.end(), before);
    const auto same = [](const table::Route& a, const table::Route& b) {
      return a.match == b.match;
    };
    made.routes.erase(std::unique(made.routes.begin(), made.routes.end(), same), made.routes.end());
    return made;
  }

  std::minstd_rand random_;
};

}  // namespace weir::fuzz
