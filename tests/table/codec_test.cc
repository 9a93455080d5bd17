#include "table/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::table {
namespace {

using ::testing::HasSubstr;

Backend shop() {
  Backend backend;
  backend.name = "default/shop:80";
  backend.endpoints = {
      {"a", "10.0.0.1", 8080, Endpoint::State::Ready, "eu-1"},
      {"b", "2001:db8::1", 8080, Endpoint::State::Draining, ""},
  };
  return backend;
}

Host host() {
  Host host;
  host.name = "*.shop.example";
  host.certificates = {"default/tls"};
  host.routes = {
      {{PathMatch::Kind::Exact, "/cart"}, "default/shop", true, {{"default/shop:80", 3}}},
      {{PathMatch::Kind::Prefix, "/"}, "default/shop", false, {}},
  };
  return host;
}

Backend outside() {
  Backend backend;
  backend.name = "default/outside:443";
  backend.dns = DnsName{"api.example.", 443, true};
  return backend;
}

Settings settings() {
  Settings made;
  made.default_certificate = "default/tls";
  made.public_http_port = 8080;
  made.public_https_port = 8443;
  made.tls = {{true, false}, "ECDHE-ECDSA-AES128-GCM-SHA256", "X25519", false, 300, true};
  made.hsts = Hsts{60, false, true};
  made.underscores_in_headers = true;
  made.tunnels = {1'000, 50, 20, 5'000};
  made.forwarded = {true, "CF-Connecting-IP", true, true, {"10.0.0.0/8", "2001:db8::1"}};
  return made;
}

Certificate certificate(std::string chain = "chain") {
  Certificate made;
  made.name = "default/tls";
  made.chain_pem = std::move(chain);
  made.key_pem = "key";
  return made;
}

Certificate stapled() {
  auto made = certificate();
  made.ocsp_der = std::string("\x30\x00\xff", 3);
  return made;
}

Backend balanced() {
  auto made = shop();
  using Source = TextPart::Source;
  made.balancing = {Balancing::Algorithm::Hash,
                    {{Source::Literal, "a-"}, {Source::Header, "X-User"}, {Source::RequestUri, ""}},
                    30'000};
  made.sticky_cookie = StickyCookie{StickyCookie::Mode::Persistent,
                                    "route",
                                    "default-shop-80",
                                    "/shop",
                                    "shop.example",
                                    StickyCookie::SameSite::None,
                                    true,
                                    0,
                                    3600,
                                    true};
  made.passive_health = {2, 500, 30'000};
  made.proxy_protocol = ProxyProtocol::V2;
  return made;
}

Backend limited() {
  auto made = balanced();
  made.health = ActiveHealth{
      ActiveHealth::Kind::Http, "/up?all=1", "shop.example:80", 204, 204, 500, 300, 4, 5};
  made.limits = EndpointLimits{8, 20, 1'500};
  return made;
}

Host retried() {
  auto made = host();
  made.routes[0].retries = Retries{5, 10'000, false, false, true, true, {403, 502}};
  made.routes[1].requests = RequestPolicy{0, 2'000, 3'000, 4'000};
  RouteRules rules;
  rules.access = {true, {"10.0.0.0/8"}, {"2001:db8::/32", "192.0.2.1"}};
  made.routes[1].rules = rules;
  made.routes[1].sticky = true;
  return made;
}

/// With the rules that `retried` does not have.
Host guarded() {
  auto made = host();
  RouteRules rules;
  rules.access.basic = BasicAuth{"default/users", "The shop"};
  rules.cors = Cors{false, {"https://*.a.example:8443", "null"}, "GET", "X-A", "*", false, 5};
  made.routes[0].rules = rules;
  return made;
}

Host rewritten() {
  Host made;
  made.name = "old.example";
  made.redirects = HostRedirects{"/app", "new.example"};
  RouteRules rules;
  rules.redirect = {"https://a.example/b", 301};
  rules.rewrite = {"/$2", "/api$1"};
  rules.upstream_host = "inner.example:8080";
  rules.keep_trailing_slash = true;
  made.routes = {
      {{PathMatch::Kind::Regex, "/b(/|$)(.*)"}, "default/shop", true, {{"default/shop:80", 3}}},
      {{PathMatch::Kind::Regex, "/a(/|$)(.*)"}, "default/shop", false, {}},
  };
  made.routes[1].rules = rules;
  return made;
}

/// With all the rules that no other host here has.
Host ruled() {
  using Source = TextPart::Source;
  const std::vector<TextPart> path = {{Source::Literal, "/"}, {Source::Header, "X-A"}};
  RouteRules rules;
  rules.logs_requests = false;
  rules.limits = ClientLimits{"default/shop", 5, 100, 2, 10, {"10.0.0.0/8", "2001:db8::1"}};
  rules.canary =
      Canary{"default/next:80", 30, 1'000, "X-Canary", "yes", "^y", "canary_cookie", false};
  rules.fallback = "default/spare:80";
  rules.error_pages = ErrorPages{"default/errors:80", {404, 503}, true};
  rules.response_rewrite =
      ResponseRewrite{{{"http://inner/", path}}, {{"inner", path}}, {{"/", path}}};
  rules.response_fields = {{"X-Frame-Options", {{Source::Literal, "DENY"}}}, {"X-Gone", {}}};
  rules.mirror = Mirror{"default/mirror:443", UpstreamTls{}, "mirror.example", path, false};
  auto made = host();
  made.routes[0].rules = rules;
  ExternalAuth auth;
  auth.target = path;
  auth.request_fields = {{"X-Who", {{Source::ClientAddress, ""}}}};
  RouteRules others;
  others.access.external = auth;
  made.routes[1].rules = others;
  made.client_certificates =
      ClientCertificates{ClientCertificates::Mode::Optional, "default/ca", 2, "CN=a", true};
  return made;
}

Settings strict() {
  Settings made;
  made.blocked = {{"192.0.2.0/24"}, {"~*bot", "curl"}, {"http://bad.example/"}};
  made.headers = {false, true, {{"X-A", {{TextPart::Source::Host, ""}}}}, {{"X-B", {}}}, {"X-C"}};
  made.status = {301, 429, 420};
  return made;
}

/// With settings that no other here has.
Settings connected() {
  Settings made;
  made.connections = {75'000, 1'000, 60'000, 61'000, 5'000,    32'768,
                      8'192,  320,   59'000, 10'000, 3'600'000};
  made.unlogged_uris = {"/up", "~^/live"};
  made.odd_names_in_headers = true;
  made.forwarded.trust_address = true;
  return made;
}

/// With rules that no other host here has.
Host paced() {
  using Source = TextPart::Source;
  auto made = host();
  RouteRules rules;
  rules.response_rate = {65'536, 1'048'576};
  rules.plain_backend = "default/shop:8000";
  rules.via = "portal";
  rules.unanswered_status = 400;
  rules.close_after_error = true;
  rules.speaks_http_1_0 = true;
  rules.close_endpoints = true;
  ExternalAuth auth;
  auth.target = {{Source::RequestUri, ""}};
  auth.cache_key = {{Source::User, ""}, {Source::Header, "cookie"}};
  auth.cache_times = {{{200, 202}, 300'000}, {{401}, 0}};
  rules.access.external = auth;
  made.routes[0].rules = rules;
  return made;
}

/// A policy with no field at its default.
TunnelPolicy tunnel_policy() {
  using Then = TunnelPolicy::Then;
  TunnelPolicy made;
  made.websocket = false;
  made.other_protocols = {"tcp", "spdy/3.1"};
  made.allowed_origins = {"same-host", "none", "https://*.example.com:8443"};
  made.refusal = TunnelPolicy::Refusal::Close;
  std::uint32_t number = 11;
  for (auto* field :
       {&made.handshake_timeout_ms, &made.idle_timeout_ms, &made.stall_timeout_ms,
        &made.half_closed_timeout_ms, &made.max_duration_ms, &made.duration_spread_percent,
        &made.ping_interval_ms, &made.ping_misses, &made.close_timeout_ms, &made.drain_window_ms,
        &made.limit, &made.limit_per_client, &made.limit_per_endpoint, &made.opens_per_second,
        &made.open_burst, &made.open_wait_ms, &made.rebalances_per_minute,
        &made.rebalance_tolerance_percent}) {
    *field = number++;
  }
  made.close_code = 4001;
  made.close_reason = "moved";
  made.on_route_change = Then::Keep;
  made.on_endpoint_end = Then::Cut;
  made.max_frame_bytes = std::uint64_t{1} << 40;
  return made;
}

Host asked_about() {
  using Source = TextPart::Source;
  ExternalAuth auth;
  auth.backend = "/auth.example:443";
  auth.tls = UpstreamTls{"auth.example", true, false, "", 1, "", {}, ""};
  auth.host = "auth.example";
  auth.target = {{Source::Literal, "/check?u="}, {Source::EscapedUri, ""}};
  auth.method = "HEAD";
  auth.tells_uri = true;
  auth.redirect = {{Source::Scheme, ""}, {Source::Literal, "://a"}};
  auth.response_headers = {"X-User"};
  auth.signin = {{Source::Literal, "https://login.example/"}, {Source::Method, ""}};
  auth.signin_parameter = "back";
  auth.always_set_cookie = true;
  auto made = host();
  RouteRules rules;
  rules.access.external = auth;
  rules.access.any = true;
  made.routes[0].rules = rules;
  TunnelPolicy tunnels;
  tunnels.auth_interval_ms = 60'000;
  made.routes[0].tunnels = tunnels;
  return made;
}

Host tunnelled() {
  auto made = host();
  made.routes[1].tunnels = tunnel_policy();
  return made;
}

Host secured() {
  auto made = host();
  made.client_certificates =
      ClientCertificates{ClientCertificates::Mode::OptionalAny, "default/ca", 3};
  made.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  made.passthrough = "default/raw:443";
  made.routes[1].upstream_tls = UpstreamTls{
      "in.example", true, true, "default/ca", 2, "default/client", {false, true}, "AES128-SHA256"};
  return made;
}

TcpService tcp_service() {
  TcpService made;
  made.port = 5432;
  made.backend = "default/db:5432";
  made.origin = "weir/tcp-services";
  made.expects_proxy_protocol = true;
  made.proxy_protocol = ProxyProtocol::V1;
  made.tries = 2;
  made.tries_window_ms = 1'000;
  made.tunnels = tunnel_policy();
  return made;
}

/// The text of a CBOR document in hex, spaces passed over.
Bytes from_hex(std::string_view text) {
  Bytes bytes;
  std::string digits;
  for (const char c : text) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() == 2) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits, nullptr, 16)));
      digits.clear();
    }
  }
  return bytes;
}

Bytes bytes_of(const Resource& resource) {
  return *encode(resource).bytes;
}

std::string refusal(ResourceKind kind, const Bytes& bytes) {
  const auto decoded = decode(kind, bytes);
  return decoded ? "taken" : decoded.error().detail;
}

/// What decode says about a value that encode can write but nobody should.
std::string refusal(const Resource& resource) {
  return refusal(key_of(resource).kind, bytes_of(resource));
}

class RoundTrip : public ::testing::TestWithParam<Resource> {};

TEST_P(RoundTrip, GivesTheSameValueAndTheSameHash) {
  const auto encoded = encode(GetParam());
  const auto decoded = decode(encoded.key.kind, *encoded.bytes);

  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_EQ(*decoded, GetParam());
  EXPECT_EQ(encode(*decoded).hash, encoded.hash);
  EXPECT_EQ(encoded.key, key_of(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Codec, RoundTrip,
    ::testing::Values(Resource(Settings{}), Resource(settings()), Resource(certificate()),
                      Resource(stapled()), Resource(shop()), Resource(outside()), Resource(host()),
                      Resource(secured()), Resource(retried()), Resource(asked_about()),
                      Resource(rewritten()), Resource(tunnelled()), Resource(Host{}),
                      Resource(balanced()), Resource(limited()),
                      Resource(TrustBundle{"default/ca", "ca", "crl"}),
                      Resource(TicketSeed{std::string(48, '\xfe')}), Resource(guarded()),
                      Resource(ruled()), Resource(strict()),
                      Resource(Users{"default/users", {{"a", "{PLAIN}b"}}}), Resource(connected()),
                      Resource(paced()), Resource(tcp_service())));

TEST(Codec, WritesTheBytesOfTheDocument) {
  Backend backend;
  backend.name = "a/b:1";
  backend.endpoints = {{"e", "10.0.0.1", 80, Endpoint::State::Ready, ""}};

  EXPECT_EQ(bytes_of(backend), from_hex("a2"                            // map of two
                                        "69 656e64706f696e7473"         // "endpoints"
                                        "81 a3"                         // list of one map of three
                                        "67 61646472657373"             // "address"
                                        "68 31302e302e302e31"           // "10.0.0.1"
                                        "62 6964 61 65"                 // "id": "e"
                                        "64 706f7274 18 50"             // "port": 80
                                        "64 6e616d65 65 612f623a31"));  // "name": "a/b:1"
}

// Of release 0.1: a proxy that holds a resource is not sent it again by a controller that is newer.
TEST(Codec, WritesWhatReleasesBeforeItWrote) {
  const auto hash = [](const Resource& resource) { return util::to_hex(encode(resource).hash); };
  EXPECT_EQ(hash(settings()), "86c949264476f0cf062f122402f299d6");
  EXPECT_EQ(hash(stapled()), "1290a9a6ee0e80a403b2442306d45bd8");
  EXPECT_EQ(hash(shop()), "ad00a19113b763a69e1af7eb1170d9d0");
  EXPECT_EQ(hash(outside()), "d1fbae130223f97649d92a03113976a3");
  EXPECT_EQ(hash(balanced()), "df97d1ee6a1243fb7700d5cb6ec859fc");
  EXPECT_EQ(hash(secured()), "f842ee960296c0b98a85fc14f902895b");
  EXPECT_EQ(hash(retried()), "b3539ba29c3e69f3cfa1bfa3c6c0015a");
  EXPECT_EQ(hash(tunnelled()), "8307a2004ae4c6d109cdc9cdce1cc9a9");
  EXPECT_EQ(hash(TrustBundle{"default/ca", "ca", "crl"}), "d77b464c1eccbd283a6f7538cf9889c8");
}

TEST(Codec, LeavesOutWhatIsAtItsDefault) {
  EXPECT_EQ(bytes_of(Settings{}), from_hex("a0"));
}

TEST(Codec, TakesDefaultsForWhatIsMissing) {
  const auto settings = decode(ResourceKind::Settings, from_hex("a0"));

  ASSERT_TRUE(settings);
  EXPECT_EQ(std::get<Settings>(*settings), Settings{});
}

TEST(Codec, PassesOverUnknownFields) {
  // {"name": "x", "novel": [{"deep": 1}]}
  const auto bytes = from_hex("a2 64 6e616d65 61 78 65 6e6f76656c 81 a1 64 64656570 01");

  const auto host_read = decode(ResourceKind::Host, bytes);

  ASSERT_TRUE(host_read) << host_read.error().detail;
  EXPECT_EQ(std::get<Host>(*host_read).name, "x");
}

TEST(Codec, RoutesOfOnePolicyShareIt) {
  auto made = tunnelled();
  made.routes[0].tunnels = tunnel_policy();
  Retries retries;
  retries.tries = 5;
  made.routes[0].retries = retries;
  retries.tries = 6;
  made.routes[1].retries = retries;

  const auto read = std::get<Host>(*decode(ResourceKind::Host, bytes_of(made)));

  EXPECT_EQ(&*read.routes[0].tunnels, &*read.routes[1].tunnels);
  EXPECT_NE(&*read.routes[0].retries, &*read.routes[1].retries);
}

TEST(Codec, DifferentValuesHaveDifferentHashes) {
  auto other = shop();
  other.endpoints[1].state = Endpoint::State::Ready;

  EXPECT_NE(encode(shop()).hash, encode(other).hash);
  EXPECT_EQ(encode(shop()).hash, encode(shop()).hash);
}

TEST(Codec, RefusesValuesThatCannotBe) {
  auto backend = shop();
  backend.endpoints[0].port = 0;
  EXPECT_EQ(refusal(backend), "endpoints[0].port is missing");
  backend = shop();
  backend.endpoints[1].address = "10.0.0.256";
  EXPECT_EQ(refusal(backend), "endpoints[1].address is not an IP address");
  backend = shop();
  backend.endpoints[1].id = "a";
  EXPECT_THAT(refusal(backend), HasSubstr("twice"));
  backend = shop();
  backend.endpoints[0].zone = "a\nb";
  EXPECT_EQ(refusal(backend), "endpoints[0].zone has a control character");
  backend = shop();
  backend.dns = DnsName{"a.example", 80, false};
  EXPECT_EQ(refusal(backend), "endpoints stand beside a DNS name");
  EXPECT_EQ(refusal(Backend{}), "name is empty");

  backend = outside();
  backend.dns->name = "API.example";
  EXPECT_EQ(refusal(backend), "dns.name is not a lower-case host name");
  backend.dns->name = "";
  EXPECT_EQ(refusal(backend), "dns.name is not a lower-case host name");

  auto wrong_settings = settings();
  wrong_settings.forwarded.header = "X Forwarded";
  EXPECT_EQ(refusal(wrong_settings), "forwarded.header is not a field name");
  for (const char* network : {"10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "2001:db8::/129", "a.example",
                              "", "10.0.0.0/8 ", "10.0.0.0/-1", "10.0.0.1%eth0"}) {
    wrong_settings = settings();
    wrong_settings.forwarded.trusted_cidrs[1] = network;
    EXPECT_EQ(refusal(wrong_settings),
              "forwarded.trusted_cidrs has something at forwarded.trusted_cidrs[1] that is no "
              "network")
        << network;
  }

  for (const char* name : {"Shop.example", "shop..example", ".", "*", "*.", "a.*.b", "-a.example",
                           "a b", "shop.example.", "sh\xc3\xb6p.example"}) {
    auto wrong = host();
    wrong.name = name;
    EXPECT_EQ(refusal(wrong), "name is not a lower-case host name") << name;
  }
  auto wrong = host();
  wrong.name = std::string(254, 'a');
  EXPECT_EQ(refusal(wrong), "name is not a lower-case host name");
  wrong = host();
  wrong.routes[0].match.path = "cart";
  EXPECT_EQ(refusal(wrong), "routes[0].path does not start with '/'");
  wrong = host();
  wrong.routes[0].match.path = std::string("/c\0", 3);
  EXPECT_EQ(refusal(wrong), "routes[0].path has a control character");
  wrong = host();
  wrong.routes[0].backends[0].weight = 1'000'001;
  EXPECT_THAT(refusal(wrong), HasSubstr("routes[0].backends[0].weight is 1000001"));
  wrong = host();
  wrong.certificates = {""};
  EXPECT_EQ(refusal(wrong), "certificates[0] is not a name");
  wrong = host();
  std::swap(wrong.routes[0], wrong.routes[1]);
  EXPECT_EQ(refusal(wrong), "routes are not sorted, or one is there twice");
  wrong = host();
  wrong.routes[1] = wrong.routes[0];
  EXPECT_EQ(refusal(wrong), "routes are not sorted, or one is there twice");
  auto ports = settings();
  ports.public_http_port = 0;
  EXPECT_EQ(refusal(ports), "public_http_port is 0, outside of 1 to 65535");
}

TEST(Codec, RefusesTlsPoliciesThatCannotBe) {
  auto wrong = settings();
  wrong.tls.versions = {false, false};
  EXPECT_EQ(refusal(wrong), "tls.tls13 is off, and so is tls12");
  wrong = settings();
  wrong.tls.session_timeout_s = 604'801;
  EXPECT_EQ(refusal(wrong), "tls.session_timeout_s is 604801, outside of 1 to 604800");
  wrong = settings();
  wrong.tls.ciphers = "A\nB";
  EXPECT_EQ(refusal(wrong), "tls.ciphers has a control character");

  auto bad_host = secured();
  bad_host.client_certificates->verify_depth = 33;
  EXPECT_EQ(refusal(bad_host), "client_certificates.verify_depth is 33, outside of 0 to 32");
  bad_host = secured();
  bad_host.routes[1].upstream_tls->trust = "";
  EXPECT_EQ(refusal(bad_host), "routes[1].upstream_tls.trust is missing, with verify on");
  bad_host = secured();
  bad_host.routes[1].upstream_tls->server_name = "In.example";
  EXPECT_EQ(refusal(bad_host), "routes[1].upstream_tls.server_name is not a lower-case host name");

  EXPECT_EQ(refusal(TicketSeed{std::string(31, 'x')}), "bytes is shorter than 32 bytes");
  EXPECT_EQ(refusal(TicketSeed{std::string(257, 'x')}), "bytes is longer than 256 bytes");
  EXPECT_EQ(refusal(TrustBundle{"", "ca", ""}), "name is empty");
  auto staple = certificate();
  staple.ocsp_der.assign(64 * 1024 + 1, 'x');
  EXPECT_EQ(refusal(staple), "ocsp_der is longer than 65536 bytes");
}

TEST(Codec, RefusesBalancingThatCannotBe) {
  auto wrong = balanced();
  wrong.balancing.hash_key.clear();
  EXPECT_EQ(refusal(wrong), "balancing.hash_key and the algorithm \"hash\" need each other");
  wrong = balanced();
  wrong.balancing.hash_key[1].text.clear();
  EXPECT_EQ(refusal(wrong), "balancing.hash_key[1].text is empty");
  wrong = balanced();
  wrong.sticky_cookie->name = "a=b";
  EXPECT_EQ(refusal(wrong), "sticky_cookie.name has a byte that cannot be");
  wrong = balanced();
  wrong.sticky_cookie->name = "";
  EXPECT_EQ(refusal(wrong), "sticky_cookie.name is empty");
  wrong = balanced();
  wrong.sticky_cookie->path = "/;Domain=x";
  EXPECT_EQ(refusal(wrong), "sticky_cookie.path has a byte that cannot be");
  wrong = balanced();
  wrong.passive_health.first_ms = 0;
  EXPECT_EQ(refusal(wrong), "passive_health.first_ms is 0, outside of 1 to 86400000");
  for (const auto& [limits, reason] : {
           std::pair{EndpointLimits{1'000'001}, "requests is 1000001, outside of 0 to 1000000"},
           std::pair{EndpointLimits{1, 100'001}, "queue is 100001, outside of 0 to 100000"},
           std::pair{EndpointLimits{1, 1, 0}, "queue_timeout_ms is 0, outside of 1 to 86400000"},
       }) {
    wrong = limited();
    wrong.limits = limits;
    EXPECT_EQ(refusal(wrong), std::string("limits.") + reason);
  }
  const auto refusal_of = [](auto change) {
    auto backend = limited();
    ActiveHealth health;
    change(health);
    backend.health = health;
    return refusal(backend);
  };
  EXPECT_EQ(refusal_of([](auto& health) { health.path = "/ HTTP/1.1"; }),
            "health.path is not a path to ask for");
  EXPECT_EQ(refusal_of([](auto& health) { health.host = "a b"; }), "health.host is no host");
  EXPECT_EQ(refusal_of([](auto& health) { health.least_status = 99; }),
            "health.least_status is 99, outside of 100 to 599");
  EXPECT_EQ(refusal_of([](auto& health) { health.most_status = 199; }),
            "health.least_status is over most_status");
  EXPECT_EQ(refusal_of([](auto& health) { health.interval_ms = 0; }),
            "health.interval_ms is 0, outside of 1 to 86400000");
  EXPECT_EQ(refusal_of([](auto& health) { health.fall = 0; }),
            "health.fall is 0, outside of 1 to 1000");

  auto bad_host = retried();
  Retries retries;
  retries.tries = 17;
  bad_host.routes[0].retries = retries;
  EXPECT_EQ(refusal(bad_host), "routes[0].retries.tries is 17, outside of 1 to 16");
  bad_host = retried();
  RequestPolicy requests;
  requests.read_timeout_ms = 0;
  bad_host.routes[1].requests = requests;
  EXPECT_EQ(refusal(bad_host),
            "routes[1].requests.read_timeout_ms is 0, outside of 1 to 3456000000");
  RouteRules rules;
  rules.access.denied = {"10.0.0.0/33"};
  bad_host.routes[1].requests = {};
  bad_host.routes[1].rules = rules;
  EXPECT_EQ(refusal(bad_host),
            "routes[1].rules.access.denied has something at routes[1].rules.access.denied[0] that "
            "is no network");
  const auto refusal_of_rules = [&](const RouteRules& wrong_rules) {
    bad_host.routes[1].rules = wrong_rules;
    return refusal(bad_host);
  };
  rules = {};
  rules.upstream_host = "a b";
  EXPECT_EQ(refusal_of_rules(rules), "routes[1].rules.upstream_host has a byte that no host has");
  rules = {};
  rules.redirect = {"https://a.example", 309};
  EXPECT_EQ(refusal_of_rules(rules),
            "routes[1].rules.redirect.status is 309, outside of 300 to 308");
  rules = {};
  rules.redirect.location = "https://a.example\r\nA: b";
  EXPECT_EQ(refusal_of_rules(rules), "routes[1].rules.redirect.location has a control character");
  rules = {};
  rules.rewrite.path = "/new";
  EXPECT_EQ(refusal_of_rules(rules),
            "routes[1].rules rewrite a path that is no regular expression");
  bad_host = host();
  bad_host.routes[1].match.kind = PathMatch::Kind::Regex;
  EXPECT_EQ(refusal(bad_host), "routes are regular expressions and other paths");
  bad_host.redirects = HostRedirects{"no-path", ""};
  EXPECT_EQ(refusal(bad_host), "redirects.app_root does not start with '/'");
  bad_host.redirects = HostRedirects{"", "*.shop.example"};
  EXPECT_EQ(refusal(bad_host), "redirects.other_host is not a lower-case host name");
  bad_host = retried();
  for (const auto& statuses : {std::vector<std::uint16_t>{502, 403}, {200}}) {
    Retries wrong_statuses;
    wrong_statuses.on_status = statuses;
    bad_host.routes[0].retries = wrong_statuses;
    EXPECT_THAT(refusal(bad_host), HasSubstr("routes[0].retries.on_status has something"));
  }
}

TEST(Codec, RefusesSettingsThatCannotBe) {
  const auto with = [](auto change) {
    auto made = strict();
    change(made);
    return refusal(made);
  };
  EXPECT_EQ(with([](Settings&) {}), "taken");
  EXPECT_THAT(with([](Settings& made) { made.blocked.networks = {"x"}; }),
              HasSubstr("blocked.networks has something"));
  EXPECT_THAT(with([](Settings& made) { made.blocked.user_agents = {""}; }),
              HasSubstr("blocked.user_agents has something"));
  EXPECT_THAT(with([](Settings& made) { made.headers.hidden = {"a:"}; }),
              HasSubstr("headers.hidden has something"));
  EXPECT_EQ(with([](Settings& made) { made.status.rate_limit = 200; }),
            "status.rate_limit is 200, outside of 400 to 599");
}

TEST(Codec, RefusesTunnelPoliciesThatCannotBe) {
  const auto with = [](auto change) {
    auto made = tunnel_policy();
    change(made);
    auto bad = host();
    bad.routes[0].tunnels = made;
    return refusal(bad);
  };
  for (const int code : {999, 1004, 1005, 1006, 1015, 2999, 5000}) {
    EXPECT_EQ(with([&](TunnelPolicy& made) { made.close_code = static_cast<std::uint16_t>(code); }),
              "routes[0].tunnels.close_code is none that may be sent")
        << code;
  }
  EXPECT_EQ(with([](TunnelPolicy& made) { made.close_reason.assign(124, 'x'); }),
            "routes[0].tunnels.close_reason is longer than 123 bytes");
  EXPECT_EQ(with([](TunnelPolicy& made) { made.ping_misses = 0; }),
            "routes[0].tunnels.ping_misses is 0, outside of 1 to 100");
  for (const char* origin : {"", "*", "example.com", "https://", "https://a.example:x",
                             "https://*.*.example", "https://A.example", "https://a.example/"}) {
    EXPECT_THAT(with([&](TunnelPolicy& made) { made.allowed_origins = {origin}; }),
                HasSubstr("routes[0].tunnels.allowed_origins has something"))
        << origin;
  }
  for (const char* protocol : {"", "spdy/", "a b", "/1"}) {
    EXPECT_THAT(with([&](TunnelPolicy& made) { made.other_protocols = {protocol}; }),
                HasSubstr("routes[0].tunnels.other_protocols has something"))
        << protocol;
  }
}

TEST(Codec, RefusesRulesThatCannotBe) {
  const auto with = [](auto change) {
    auto made = guarded();
    auto rules = *made.routes[0].rules;
    change(rules);
    made.routes[0].rules = rules;
    return refusal(made);
  };
  EXPECT_EQ(with([](auto&) {}), "taken");
  EXPECT_EQ(with([](auto& rules) { rules.access.basic->users = ""; }),
            "routes[0].rules.access.basic.users is empty");
  EXPECT_THAT(with([](auto& rules) { rules.access.basic->realm = "a\"b"; }),
              HasSubstr("basic.realm has something that no realm may have"));
  EXPECT_THAT(with([](auto& rules) { rules.cors->allow_headers = "a\nb"; }),
              HasSubstr("cors.allow_headers cannot be the value of a header"));
  for (const auto* origin : {"", "*", "a.example", "https://a.example/", "same-host", "none"}) {
    EXPECT_THAT(with([&](auto& rules) { rules.cors->origins = {origin}; }),
                HasSubstr("routes[0].rules.cors.origins has something"))
        << origin;
  }
  const auto with_ruled = [](auto change) {
    auto made = ruled();
    auto rules = *made.routes[0].rules;
    change(rules);
    made.routes[0].rules = rules;
    return refusal(made);
  };
  EXPECT_EQ(with_ruled([](auto&) {}), "taken");
  EXPECT_EQ(with_ruled([](auto& rules) { rules.limits->zone = ""; }),
            "routes[0].rules.limits.zone is empty");
  EXPECT_THAT(with_ruled([](auto& rules) { rules.limits->exempt = {"a"}; }),
              HasSubstr("limits.exempt has something"));
  EXPECT_THAT(with_ruled([](auto& rules) { rules.canary->header = "a b"; }),
              HasSubstr("canary.header is not a field name"));
  EXPECT_THAT(with_ruled([](auto& rules) { rules.canary->weight_total = 0; }),
              HasSubstr("canary.weight_total is 0, outside of 1 to"));
  EXPECT_THAT(with_ruled([](auto& rules) { rules.error_pages->statuses = {399}; }),
              HasSubstr("error_pages.statuses has something"));
  EXPECT_THAT(with_ruled([](auto& rules) { rules.response_fields[0].name = ""; }),
              HasSubstr("response_fields[0].name is not a field name"));
  EXPECT_THAT(with_ruled([](auto& rules) { rules.response_rewrite->locations[0].from = ""; }),
              HasSubstr("response_rewrite.locations[0].from is empty"));
  EXPECT_THAT(with_ruled([](auto& rules) { rules.mirror->target.clear(); }),
              HasSubstr("mirror.target does not begin with '/'"));
  EXPECT_EQ(refusal(Users{"default/users", {{"a", ""}}}), "users[0].hash is missing");
  EXPECT_THAT(refusal(Users{"default/users", {{"a\n", "x"}}}), HasSubstr("control character"));
  EXPECT_EQ(refusal(Users{"", {}}), "name is empty");
}

TEST(Codec, RefusesTcpServicesThatCannotBe) {
  const auto with = [](auto change) {
    auto made = tcp_service();
    change(made);
    return refusal(made);
  };
  EXPECT_EQ(with([](TcpService&) {}), "taken");
  EXPECT_EQ(with([](TcpService& made) { made.port = 0; }), "port is missing");
  EXPECT_EQ(with([](TcpService& made) { made.backend = ""; }), "backend is empty");
  EXPECT_EQ(with([](TcpService& made) { made.tries = 0; }), "tries is 0, outside of 1 to 16");
  EXPECT_EQ(key_of(tcp_service()), (ResourceKey{ResourceKind::TcpService, "5432"}));
}

TEST(Codec, RefusesConnectionSettingsThatCannotBe) {
  const auto with = [](auto change) {
    auto made = connected();
    change(made);
    return refusal(made);
  };
  EXPECT_EQ(with([](Settings&) {}), "taken");
  EXPECT_EQ(with([](Settings& made) { made.connections.head_bytes = 1'023; }),
            "connections.head_bytes is 1023, outside of 1024 to 1048576");
  EXPECT_EQ(with([](Settings& made) { made.connections.client_head_ms = 0; }),
            "connections.client_head_ms is 0, outside of 1 to 86400000");
  EXPECT_THAT(with([](Settings& made) { made.unlogged_uris = {"a\n"}; }),
              HasSubstr("unlogged_uris has something"));
}

TEST(Codec, RefusesPacesAndNamesThatCannotBe) {
  const auto with = [](auto change) {
    auto made = paced();
    auto rules = *made.routes[0].rules;
    change(rules);
    made.routes[0].rules = rules;
    return refusal(made);
  };
  EXPECT_EQ(with([](RouteRules&) {}), "taken");
  EXPECT_EQ(with([](RouteRules& rules) { rules.via = "a b"; }),
            "routes[0].rules.via is not a name for Via");
  EXPECT_EQ(with([](RouteRules& rules) { rules.unanswered_status = 200; }),
            "routes[0].rules.unanswered_status is no error");
  EXPECT_THAT(
      with([](RouteRules& rules) { rules.access.external->cache_times[0].statuses = {99}; }),
      HasSubstr("cache_times[0].statuses has something"));
}

TEST(Codec, NamesTheKindsThatAreSecret) {
  EXPECT_TRUE(is_secret(ResourceKind::Certificate));
  EXPECT_TRUE(is_secret(ResourceKind::TicketSeed));
  EXPECT_TRUE(is_secret(ResourceKind::Users));
  EXPECT_FALSE(is_secret(ResourceKind::Host));
  EXPECT_FALSE(is_secret(ResourceKind::TrustBundle));
}

TEST(Codec, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(refusal(certificate("\xff\xfe")), "CBOR has text that is not UTF-8");
  EXPECT_EQ(refusal(certificate("\xc0\x80")), "CBOR has text that is not UTF-8");
  EXPECT_EQ(refusal(certificate("\xed\xa0\x80")), "CBOR has text that is not UTF-8");
  EXPECT_EQ(refusal(certificate("\xe2\x82")), "CBOR has text that is not UTF-8");
  EXPECT_EQ(refusal(certificate("\xe2\x82\xac \xf0\x9f\x8c\x8a")), "taken");
}

TEST(Codec, RefusesWrongTypes) {
  const auto host_refusal = [](std::string_view hex) {
    return refusal(ResourceKind::Host, from_hex(hex));
  };
  EXPECT_EQ(host_refusal("a1 64 6e616d65 01"), "name is not text");
  EXPECT_EQ(host_refusal("a1 66 726f75746573 01"), "routes is not a list");
  EXPECT_EQ(host_refusal("a1 66 726f75746573 81 01"), "routes[0] is not a map");
  EXPECT_EQ(host_refusal("a1 66 726f75746573 81 a1 65 6d61746368 64 676c6f62"),
            "routes[0].match is \"glob\", which this build does not know");
  EXPECT_EQ(host_refusal("a1 66 726f75746573 81 a1 65 6d61746368 60"),
            "routes[0].match is \"\", which this build does not know");
  EXPECT_EQ(host_refusal("a1 66 726f75746573 81 a1 6a 68747470735f6f6e6c79 01"),
            "routes[0].https_only is not true or false");
  EXPECT_EQ(refusal(ResourceKind::Settings,
                    from_hex("a1 70 7075626c69635f687474705f706f7274 20")),  // -1
            "public_http_port is not an unsigned number");
  EXPECT_EQ(refusal(ResourceKind::Backend, from_hex("a2 63 646e73 01 64 6e616d65 61 78")),
            "dns is not a map");
}

TEST(Codec, RefusesCborThatIsBroken) {
  const auto why = [](std::string_view hex) {
    return refusal(ResourceKind::Settings, from_hex(hex));
  };
  EXPECT_EQ(why(""), "CBOR is empty");
  EXPECT_EQ(why("80"), "CBOR is not a map");
  EXPECT_EQ(why("a0 00"), "CBOR has bytes after its end");
  EXPECT_EQ(why("a1 61 61"), "CBOR ends early");
  EXPECT_EQ(why("a1 01 01"), "CBOR has a key that is not text");
  EXPECT_EQ(why("bf ff"), "CBOR has an indefinite or reserved length");
  EXPECT_EQ(why("a1 61 61 7f ff"), "CBOR has an indefinite or reserved length");
  EXPECT_EQ(why("a1 61 61 5c"), "CBOR has an indefinite or reserved length");
  EXPECT_EQ(why("a1 61 61 c0 00"), "CBOR has a tag");
  EXPECT_EQ(why("a1 61 61 f9 0000"), "CBOR has a float or a simple value");
  EXPECT_EQ(why("a2 61 61 00 61 61 00"), "CBOR has keys twice or out of order");
  EXPECT_EQ(why("a2 61 62 00 61 61 00"), "CBOR has keys twice or out of order");
  EXPECT_EQ(why("a1 61 61 7b ffffffffffffffff"), "CBOR has a length beyond its end");
  EXPECT_EQ(why("a1 61 61 5a 80000000"), "CBOR has a length beyond its end");
  EXPECT_EQ(why("a1 61 61 9b 7fffffffffffffff"), "CBOR has a count beyond its end");
  EXPECT_EQ(why("bb ffffffffffffffff"), "CBOR has a count beyond its end");
  EXPECT_EQ(why("a1 61 61 1b 0000"), "CBOR ends early");
}

TEST(Codec, RefusesDeepNestingAndManyItems) {
  Bytes deep = from_hex("a1 61 61");
  deep.insert(deep.end(), 1'000'000, 0x81);
  EXPECT_EQ(refusal(ResourceKind::Settings, deep), "CBOR is nested too deep");

  Bytes many = from_hex("a1 61 61 9a 00100000");
  many.insert(many.end(), 0x100000, 0x00);
  EXPECT_EQ(refusal(ResourceKind::Settings, many), "CBOR has too many items");

  EXPECT_THAT(refusal(ResourceKind::Settings, Bytes(kMaxResourceBytes + 1)),
              HasSubstr("longer than"));
}

TEST(Codec, RefusesEveryCutOfAResource) {
  const auto bytes = bytes_of(host());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode(ResourceKind::Host, std::span(bytes).first(length))) << length;
  }
}

TEST(ResourceKey, ReadsAsASentenceWould) {
  EXPECT_EQ(to_string(ResourceKey{ResourceKind::Settings, ""}), "settings");
  EXPECT_EQ(to_string(ResourceKey{ResourceKind::Host, "shop.example"}), "host shop.example");
  EXPECT_EQ(to_string(ResourceKey{ResourceKind::Backend, "default/shop:80"}),
            "backend default/shop:80");
}

}  // namespace
}  // namespace weir::table
