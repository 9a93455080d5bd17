#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "util/boxed.h"
#include "util/rare.h"

/// The route table: what the controller knows and the proxy needs, as plain values.
///
/// It is a set of keyed resources. Each is sent, hashed, replaced and refused on its own, so that a
/// change costs what it changes. Nothing here knows that Kubernetes exists; `origin` is text for
/// people.
namespace weir::table {

/// One address that serves a backend.
struct Endpoint {
  enum class State : std::uint8_t {
    Ready,     ///< takes new requests
    Draining,  ///< finishes what it has; takes new requests only if no other endpoint is ready
    Unready,   ///< takes no new requests; tunnels to it stay
  };
  /// Identity that outlives table changes (Pod UID, else "address:port"): health, pools and tunnel
  /// counts hang on it.
  std::string id;
  std::string address;  ///< IPv4 or IPv6 without brackets
  std::uint16_t port = 0;
  State state = State::Ready;
  std::string zone;  ///< topology zone, empty if not known

  bool operator==(const Endpoint&) const = default;
};

/// A name that the proxy resolves itself, again when its DNS time to live is over.
struct DnsName {
  std::string name;
  std::uint16_t port = 0;
  bool allow_loopback = false;  ///< false: answers in 127/8 and ::1 are refused

  bool operator==(const DnsName&) const = default;
};

/// A piece of a text that is put together from a request.
struct TextPart {
  enum class Source : std::uint8_t {
    Literal,
    ClientAddress,
    Host,        ///< without port, lower case
    RequestUri,  ///< path and query as received
    Header,      ///< all values, joined with ", "
    Cookie,
    Argument,    ///< of the query, as received
    Scheme,      ///< "http" or "https"
    Method,      ///< of the request
    EscapedUri,  ///< as RequestUri, to be the value of an argument
    User,        ///< the name in Authorization, where that is Basic (RFC 7617)
  };
  Source source = Source::Literal;
  std::string text;  ///< the literal, or the name of the header, cookie or argument

  bool operator==(const TextPart&) const = default;
};

/// A field of a message that weir sets, whatever the sender says.
struct HeaderField {
  std::string name;
  std::vector<TextPart> value;  ///< if it comes to nothing, there is no such field

  bool operator==(const HeaderField&) const = default;
};

/// Which endpoint takes a request.
struct Balancing {
  enum class Algorithm : std::uint8_t {
    TwoChoices,        ///< the less loaded of two drawn at random
    RoundRobin,        ///< each worker for itself, from a random place
    LeastConnections,  ///< the least loaded of all
    Hash,              ///< the same endpoint for the same `hash_key`, while it is not overloaded
  };
  Algorithm algorithm = Algorithm::TwoChoices;
  std::vector<TextPart> hash_key;
  std::uint32_t slow_start_ms = 0;  ///< so long a new endpoint's share grows up to its full one

  bool operator==(const Balancing&) const = default;
};

/// A cookie that keeps a client at its endpoint. Its value is that of ingress-nginx:
/// "key|tag".
struct StickyCookie {
  enum class Mode : std::uint8_t {
    Balanced,    ///< the key is random; endpoints share the keys out, so some move when they change
    Persistent,  ///< the key names the endpoint; the client moves only when that is gone
  };
  enum class SameSite : std::uint8_t { Unset, None, Lax, Strict };

  Mode mode = Mode::Balanced;
  std::string name = "INGRESSCOOKIE";
  std::string salt;    ///< of the digests in the value: the upstream's name in ingress-nginx
  std::string path;    ///< empty: the route's
  std::string domain;  ///< empty: no such attribute
  SameSite same_site = SameSite::Unset;
  bool always_secure = false;  ///< false: Secure over TLS only
  std::optional<std::uint32_t> expires_s;
  std::optional<std::uint32_t> max_age_s;
  bool change_on_failure = false;  ///< a failed try moves the client; else it stays

  bool operator==(const StickyCookie&) const = default;
};

/// When an endpoint gets no requests because connections to it fail. What an application answers
/// says nothing about health.
struct PassiveHealth {
  std::uint32_t failures = 5;      ///< one after the other; 0: never
  std::uint32_t first_ms = 1'000;  ///< out for so long, then one more failure doubles it
  std::uint32_t most_ms = 10'000;  ///< up to this

  bool operator==(const PassiveHealth&) const = default;
};

/// Asks endpoints how they are, however many workers there are. One that fails gets no requests
/// while another does not. docs/balancing.md
struct ActiveHealth {
  enum class Kind : std::uint8_t {
    Off,
    Tcp,   ///< it takes a connection
    Http,  ///< it answers a GET, without TLS
  };
  Kind kind = Kind::Off;
  std::string path = "/";  ///< and query
  std::string host;        ///< in the Host field; empty: the endpoint's address and port
  std::uint16_t least_status = 200;
  std::uint16_t most_status = 399;
  std::uint32_t interval_ms = 10'000;  ///< between two checks, a tenth more or less
  std::uint32_t timeout_ms = 2'000;    ///< of one check
  std::uint32_t rise = 2;              ///< good ones in a row bring an endpoint back
  std::uint32_t fall = 3;              ///< bad ones in a row put it out

  bool operator==(const ActiveHealth&) const = default;
};

/// How much one endpoint gets to do at once, and what becomes of requests beyond that. Tunnels do
/// not count.
struct EndpointLimits {
  std::uint32_t requests = 0;  ///< in flight, over all workers; 0: any number
  std::uint32_t queue = 100;   ///< so many wait for one of the endpoints, others get 503 …
  std::uint32_t queue_timeout_ms = 5'000;  ///< … and so do they after this

  bool operator==(const EndpointLimits&) const = default;
};

/// HAProxy's "The PROXY protocol": tells a server whom a connection comes from.
enum class ProxyProtocol : std::uint8_t { None, V1, V2 };

/// One port of one Service. Without endpoints it answers 503.
struct Backend {
  std::string name;                 ///< "namespace/service:port"
  std::vector<Endpoint> endpoints;  ///< sorted by id, no duplicates
  std::optional<DnsName> dns;       ///< set: `endpoints` is empty and comes from DNS
  Balancing balancing = {};
  std::optional<StickyCookie> sticky_cookie = {};
  PassiveHealth passive_health = {};
  util::Rare<ActiveHealth> health = {};
  util::Rare<EndpointLimits> limits = {};
  ProxyProtocol proxy_protocol = ProxyProtocol::None;  ///< in front of each connection to it

  bool operator==(const Backend&) const = default;
};

/// A certificate chain with its key.
struct Certificate {
  std::string name;           ///< "namespace/secret"
  std::string chain_pem;      ///< leaf first
  std::string key_pem;        ///< never logged
  std::string ocsp_der = {};  ///< OCSP response to staple while it is valid (RFC 6066 §8), or empty

  bool operator==(const Certificate&) const = default;
};

/// Whom to believe about a peer's certificate.
struct TrustBundle {
  std::string name;     ///< "namespace/secret"
  std::string ca_pem;   ///< one or more CA certificates
  std::string crl_pem;  ///< revocation lists; empty: nothing is revoked

  bool operator==(const TrustBundle&) const = default;
};

/// What session ticket keys are derived from (RFC 5077, RFC 8446 §4.6.1). Every proxy that has the
/// same seed makes the same keys at the same time, so that a session is resumed on any of them.
struct TicketSeed {
  std::string bytes;  ///< 32 to 256 bytes; never logged

  bool operator==(const TicketSeed&) const = default;
};

/// A user and what their password is checked by.
struct User {
  std::string name;
  std::string hash;  ///< as a line of htpasswd has it: "$apr1$…", "{SHA}…"; never logged

  bool operator==(const User&) const = default;
};

/// Who has a password.
struct Users {
  std::string name;         ///< "namespace/secret"
  std::vector<User> users;  ///< of two of one name, the first counts

  bool operator==(const Users&) const = default;
};

/// Which request paths a route takes. Compared with the normalised path: percent-decoded, dot
/// segments resolved, repeated slashes merged (docs/http.md).
struct PathMatch {
  enum class Kind : std::uint8_t {
    Exact,
    Prefix,  ///< by whole segments: "/a" and "/a/" both take "/a", "/a/" and "/a/b", never "/ab"
    /// `path` is a regular expression (PCRE2) for the path's start, upper or lower case. The first
    /// route that matches takes the request. One that does not compile matches nothing.
    Regex,
  };
  Kind kind = Kind::Prefix;
  std::string path = "/";

  bool operator==(const PathMatch&) const = default;
};

struct WeightedBackend {
  std::string backend;  ///< Backend::name
  std::uint32_t weight = 1;

  bool operator==(const WeightedBackend&) const = default;
};

/// Versions of TLS to speak; at least one is on.
struct TlsVersions {
  bool tls12 = true;
  bool tls13 = true;

  bool operator==(const TlsVersions&) const = default;
};

/// How weir speaks TLS to a route's endpoints.
struct UpstreamTls {
  std::string server_name;         ///< SNI, and the name to verify; empty: the request's host
  bool send_server_name = false;   ///< SNI at all
  bool verify = false;             ///< chain and name; needs `trust`
  std::string trust;               ///< TrustBundle::name
  std::uint32_t verify_depth = 1;  ///< intermediate certificates, at most
  std::string certificate;         ///< Certificate::name to show, or empty
  TlsVersions versions;
  std::string ciphers;  ///< TLS 1.2, OpenSSL's notation; empty: OpenSSL's default

  bool operator==(const UpstreamTls&) const = default;
};

/// When a request that failed is tried again at another endpoint. Never after a byte of the
/// response went to the client, nor when the body is not in memory any more. A connection that
/// could not be made is always tried again, up to `tries`.
struct Retries {
  std::uint32_t tries = 3;      ///< in all, the first one included
  std::uint32_t window_ms = 0;  ///< a further one begins within so long; 0: no limit
  bool on_error = true;         ///< reset or closed before a whole response head
  bool on_timeout = true;
  bool on_invalid_response = false;
  bool non_idempotent =
      false;  ///< also what has been sent and must not be repeated (RFC 9110 §9.2.2)
  std::vector<std::uint16_t> on_status;  ///< ascending; the last try's answer is passed on

  bool operator==(const Retries&) const = default;
};

/// What one request and its answer may take.
struct RequestPolicy {
  std::uint64_t body_bytes = 1024 * 1024;    ///< of the request; more → 413; 0: any
  std::uint32_t connect_timeout_ms = 5'000;  ///< one try to connect to an endpoint, TLS included
  std::uint32_t send_timeout_ms = 60'000;    ///< between two writes to the endpoint
  /// Between two reads from the endpoint, the first after the whole request.
  std::uint32_t read_timeout_ms = 60'000;

  bool operator==(const RequestPolicy&) const = default;
};

/// How a route's tunnels open, live and end. A tunnel is what a 101 makes of a client's and an
/// endpoint's connection. docs/tunnels.md
struct TunnelPolicy {
  /// What becomes of open tunnels.
  enum class Then : std::uint8_t {
    Keep,
    Drain,  ///< politely, spread over `drain_window_ms`
    Cut,    ///< politely, at once
  };
  /// How a client learns that weir itself refuses its handshake.
  enum class Refusal : std::uint8_t {
    Http,   ///< by a status code, which browsers do not show to scripts
    Close,  ///< by a 101 and a Close frame with code and reason
  };

  bool websocket = true;  ///< false: 403 to handshakes
  /// Tokens of `Upgrade` besides "websocket" that open a tunnel, lower case; bytes pass unwatched.
  std::vector<std::string> other_protocols;
  /// Who may open one from a page: "same-host", "https://*.example.com", "https://a.example:8443",
  /// "none" (no Origin at all). Empty: everybody.
  std::vector<std::string> allowed_origins;
  Refusal refusal = Refusal::Http;

  std::uint32_t handshake_timeout_ms = 10'000;  ///< until the 101, from when the endpoint is asked
  std::uint32_t idle_timeout_ms = 3'600'000;    ///< without a byte either way; 0: none
  std::uint32_t stall_timeout_ms = 60'000;      ///< a side that takes none of what waits for it
  std::uint32_t half_closed_timeout_ms = 60'000;  ///< after one side's FIN, without a byte
  std::uint32_t max_duration_ms = 0;              ///< 0: none
  std::uint32_t duration_spread_percent = 10;     ///< each lasts up to so much less
  std::uint32_t auth_interval_ms = 0;  ///< the auth service is asked again so often; 0: never
  std::uint32_t ping_interval_ms = 0;  ///< to a side that has been silent so long; 0: no pings
  std::uint32_t ping_misses = 2;       ///< so many in a row unanswered: the peer is dead

  std::uint16_t close_code = 1001;         ///< of ends that weir causes without another code
  std::string close_reason;                ///< at most 123 bytes; empty: that of the cause
  std::uint32_t close_timeout_ms = 5'000;  ///< for a frame's end and then the peer's Close
  std::uint32_t drain_window_ms = 25'000;
  Then on_route_change = Then::Drain;  ///< the route is gone or leads elsewhere
  Then on_endpoint_end = Then::Drain;  ///< the endpoint terminates or is gone

  // Over all workers. 0: no limit.
  std::uint32_t limit = 0;               ///< of the route → 503
  std::uint32_t limit_per_client = 0;    ///< of the route and client address → 503
  std::uint32_t limit_per_endpoint = 0;  ///< then another endpoint, then 503
  std::uint32_t opens_per_second = 0;    ///< handshakes of the route that go on to an endpoint …
  std::uint32_t open_burst = 1;          ///< … so many at once …
  std::uint32_t open_wait_ms = 0;        ///< … and others wait so long, then 503

  std::uint64_t max_frame_bytes = 0;        ///< payload; more: Close 1009; 0: any
  std::uint32_t rebalances_per_minute = 0;  ///< tunnels moved off endpoints that have too many …
  std::uint32_t rebalance_tolerance_percent = 25;  ///< … that is, so much more than the mean

  bool operator==(const TunnelPolicy&) const = default;
};

/// How long an answer of one of these statuses counts.
struct CacheTime {
  std::vector<std::uint16_t> statuses;  ///< ascending
  std::uint32_t ms = 0;

  bool operator==(const CacheTime&) const = default;
};

/// A service that is asked whether a request may go on (auth-url). Its 2xx lets it, its 401 and 403
/// are the answer, all else is 500.
struct ExternalAuth {
  /// Backend::name; empty: the one to which the request's own host leads `target`.
  std::string backend;
  std::optional<UpstreamTls> tls;  ///< none: plain HTTP
  std::string host;              ///< the Host field of the request to it; empty: the request's own
  std::vector<TextPart> target;  ///< of that request; it begins with "/"
  std::string method = "GET";
  bool tells_uri = false;          ///< X-Original-URI and X-Scheme, too
  std::vector<TextPart> redirect;  ///< X-Auth-Request-Redirect; empty: the request's URI
  /// Fields of its answer that the endpoint gets instead of the client's.
  std::vector<std::string> response_headers;
  std::vector<TextPart> signin;         ///< where a 401 sends the client (302); empty: nowhere
  std::string signin_parameter = "rd";  ///< of that URL: where the client wanted to go
  bool always_set_cookie = false;       ///< its cookies go on with every status of the response
  std::vector<HeaderField> request_fields = {};  ///< for the service
  /// Requests of one route for which this is the same text share an answer; empty: none do. One for
  /// which it comes to nothing is asked about by itself.
  std::vector<TextPart> cache_key = {};
  std::vector<CacheTime> cache_times = {};  ///< the first that has the status; none: not kept

  bool operator==(const ExternalAuth&) const = default;
};

/// Clients say who they are by name and password (RFC 7617).
struct BasicAuth {
  std::string users;  ///< Users::name; no such users: 503 to every request
  std::string realm;  ///< what they are told that the password is for

  bool operator==(const BasicAuth&) const = default;
};

/// Who may come in.
struct Access {
  /// Nobody may → 503: what protects the route is not to be had, or not to be understood.
  bool closed = false;
  std::vector<std::string> denied;   ///< "10.0.0.0/8", "2001:db8::1" → 403, before `allowed`
  std::vector<std::string> allowed;  ///< others → 403; empty: everybody
  std::optional<ExternalAuth> external = {};
  bool any = false;                     ///< to pass one of lists, `basic` and `external` is enough
  std::optional<BasicAuth> basic = {};  ///< asked before `external`

  bool operator==(const Access&) const = default;
};

/// Which pages of other origins may read the answers (the Fetch Standard's CORS protocol).
struct Cors {
  bool any_origin = true;
  /// If not any: "https://a.example:8443", "https://*.example.com" for one label more, "null".
  std::vector<std::string> origins = {};
  // Values of Access-Control-…; empty: no such field.
  std::string allow_methods = {};
  std::string allow_headers = {};
  std::string expose_headers = {};
  bool allow_credentials = true;
  std::uint32_t max_age_s = 1'728'000;

  bool operator==(const Cors&) const = default;
};

/// An answer to every request, whoever asks, instead of an endpoint's.
struct Redirect {
  std::string location;  ///< as it is sent; empty: none
  std::uint16_t status = 302;

  bool operator==(const Redirect&) const = default;
};

/// What endpoints get instead of the request's path, of which the query stays. "$1" to "$9" are
/// what the groups of the route's pattern took; what must not stand in a path is escaped.
struct Rewrite {
  std::string path;    ///< empty: the request's
  std::string prefix;  ///< X-Forwarded-Prefix, made in the same way; empty: the client's, if any

  bool operator==(const Rewrite&) const = default;
};

/// How much one client address may ask for, over all workers (limit-rps and its kin). All routes of
/// a zone count together.
struct ClientLimits {
  std::string zone;                    ///< "namespace/ingress"
  std::uint32_t per_second = 0;        ///< requests; 0: any number
  std::uint32_t per_minute = 0;        ///< requests; 0: any number
  std::uint32_t burst_multiplier = 5;  ///< so many times that number may be ahead of the rate
  std::uint32_t at_once = 0;           ///< requests and open tunnels; 0: any number
  std::vector<std::string> exempt;     ///< networks whose clients nobody counts

  bool operator==(const ClientLimits&) const = default;
};

/// A backend that gets some of the requests instead of the route's own. The first of sticky cookie,
/// header, cookie and weight that says something decides; without endpoints it gets none.
struct Canary {
  std::string backend;               ///< Backend::name
  std::uint32_t weight = 0;          ///< requests out of …
  std::uint32_t weight_total = 100;  ///< … so many
  std::string header;                ///< "always" and "never" say which, or empty
  std::string header_value;          ///< of `header`, and then only this one; empty: not compared
  std::string header_pattern;  ///< as `header_value`, a regular expression (PCRE2) for a part of it
  std::string cookie;          ///< "always" and "never" say which, or empty
  bool sticky = true;          ///< a client that has the cookie of one of the two stays there

  bool operator==(const Canary&) const = default;
};

/// Who answers instead where a status says that something went wrong (custom-http-errors).
struct ErrorPages {
  std::string backend;                  ///< Backend::name; gets "/" and what happened, in X-…
  std::vector<std::uint16_t> statuses;  ///< ascending
  bool only_own = false;                ///< weir's own answers; an endpoint's go on as they are

  bool operator==(const ErrorPages&) const = default;
};

/// A beginning of a text that becomes another.
struct Replacement {
  std::string from;
  std::vector<TextPart> to;

  bool operator==(const Replacement&) const = default;
};

/// What of an answer tells where the endpoint believes to be (proxy-redirect, proxy-cookie). The
/// first replacement that fits counts.
struct ResponseRewrite {
  std::vector<Replacement> locations;       ///< of Location, Content-Location, URI and Refresh
  std::vector<Replacement> cookie_domains;  ///< whole ones, upper or lower case
  std::vector<Replacement> cookie_paths;

  bool operator==(const ResponseRewrite&) const = default;
};

/// How fast one response goes to its client (limit-rate).
struct ResponseRate {
  std::uint64_t bytes_per_second = 0;  ///< 0: as fast as it takes them
  std::uint64_t free_bytes = 0;        ///< so many before that rate counts

  bool operator==(const ResponseRate&) const = default;
};

/// Gets a copy of each request; nobody sees its answer (mirror-target).
struct Mirror {
  std::string backend;             ///< Backend::name
  std::optional<UpstreamTls> tls;  ///< none: plain HTTP
  std::string host;                ///< the Host field of the copy
  std::vector<TextPart> target;    ///< of the copy; it begins with "/"
  bool with_body = true;

  bool operator==(const Mirror&) const = default;
};

/// What a route does beside forwarding; most do nothing of it.
struct RouteRules {
  Access access;
  std::optional<Cors> cors = {};
  Redirect redirect;
  Rewrite rewrite;                   ///< of Kind::Regex only
  std::string upstream_host;         ///< Host field for endpoints; empty: the client's
  bool keep_trailing_slash = false;  ///< of the target, in the redirect of `https_only`
  bool logs_requests = true;         ///< in the access log
  std::optional<ClientLimits> limits = {};
  std::optional<Canary> canary = {};
  std::string fallback;  ///< Backend::name that takes over while the route's has no endpoint
  std::optional<ErrorPages> error_pages = {};
  std::optional<ResponseRewrite> response_rewrite = {};
  std::vector<HeaderField> response_fields;  ///< for clients
  std::optional<Mirror> mirror = {};
  ResponseRate response_rate;
  /// Backend::name for requests that came without TLS, spoken to in plain HTTP; empty: the route's.
  std::string plain_backend;
  /// How weir calls itself in Via of requests and responses (RFC 9110 §7.6.3); empty: not at all.
  std::string via;
  std::uint16_t unanswered_status = 0;  ///< where no try had an answer; 0: 502, 504
  bool close_after_error = false;       ///< the client's connection, after a status of 400 and more
  bool speaks_http_1_0 = false;         ///< to endpoints, without keep-alive
  bool close_endpoints = false;         ///< connections to them are for one request

  bool operator==(const RouteRules&) const = default;
};

/// Path → what happens.
struct Route {
  PathMatch match;
  std::string origin;                     ///< where it was written, for logs: "namespace/ingress"
  bool https_only = false;                ///< plain requests get 308 to the same URL over https
  std::vector<WeightedBackend> backends;  ///< empty: 404 is the answer
  util::Boxed<UpstreamTls> upstream_tls = {};  ///< none: plain HTTP
  util::Rare<RequestPolicy> requests = {};
  util::Rare<Retries> retries = {};
  util::Rare<RouteRules> rules = {};
  bool sticky = false;  ///< clients get the cookie of the backend
  util::Rare<TunnelPolicy> tunnels = {};

  bool operator==(const Route&) const = default;
};

/// The order of a host's routes: longest path first, then by text, Exact before Prefix; of two
/// Regex as long as each other the later text first. False for two routes of the same match.
bool comes_before(const PathMatch& a, const PathMatch& b);

/// What a host asks of its clients' certificates.
struct ClientCertificates {
  enum class Mode : std::uint8_t {
    Required,     ///< 400 without a certificate that `trust` verifies
    Optional,     ///< as Required, but none at all is fine
    OptionalAny,  ///< taken and passed on as it is, never verified
  };
  Mode mode = Mode::Required;
  std::string trust;               ///< TrustBundle::name; no such bundle: 403 to every request
  std::uint32_t verify_depth = 1;  ///< intermediate certificates, at most
  /// A regular expression (PCRE2) for a part of the certificate's subject; others get 403.
  std::string subject_pattern = {};
  bool pass_on = false;  ///< endpoints get the certificate, in ssl-client-cert

  bool operator==(const ClientCertificates&) const = default;
};

/// Where a host sends requests before it looks for a route.
struct HostRedirects {
  std::string app_root;    ///< path to which "/" itself leads (302); empty: none
  std::string other_host;  ///< has the same paths, and gets all requests (308); empty: none

  bool operator==(const HostRedirects&) const = default;
};

/// One host with its TLS policy and its routes.
///
/// The host is settled before the path: exact name, then the wildcard that replaces the first
/// label, then the catch-all "". A path that fits none of the chosen host's routes is 404 there.
struct Host {
  std::string name;  ///< "shop.example", "*.shop.example", or "" for every other name; lower case
  /// Certificate::name, first is preferred; empty: the default certificate.
  std::vector<std::string> certificates;
  util::Boxed<ClientCertificates> client_certificates;
  std::string ciphers;  ///< as TlsSettings::ciphers, for this host; empty: those
  /// Backend::name that gets the TLS connections for this name as they are, undecrypted; or empty.
  std::string passthrough;
  util::Rare<HostRedirects> redirects;
  /// In the order of `comes_before`, no match twice. All are Regex, or none is.
  std::vector<Route> routes;

  bool operator==(const Host&) const = default;
};

/// How weir speaks TLS to clients.
struct TlsSettings {
  TlsVersions versions;
  std::string ciphers;  ///< TLS 1.2, OpenSSL's notation; empty: Mozilla's intermediate list
  std::string groups;   ///< key exchange, OpenSSL's notation; empty: X25519, P-256, P-384
  bool session_tickets = true;
  std::uint32_t session_timeout_s = 600;
  bool reject_unknown_names = false;  ///< no handshake for names without a host; else the default

  bool operator==(const TlsSettings&) const = default;
};

/// Strict-Transport-Security (RFC 6797) of responses over TLS.
struct Hsts {
  std::uint32_t max_age_s = 31'536'000;
  bool include_subdomains = true;
  bool preload = false;

  bool operator==(const Hsts&) const = default;
};

/// What of what proxies in front of weir say is believed.
struct Forwarded {
  /// X-Forwarded-Proto, -Host and -Port of a trusted peer go on and drive redirects, and the
  /// client's address comes from `header`. Else weir's own values replace them.
  bool trust_forwarded = false;
  std::string header = "X-Forwarded-For";  ///< the client's chain of addresses
  bool append = false;  ///< X-Forwarded-For is the chain with the peer; else one address
  /// Every client connection begins with a PROXY header; believed of a trusted peer.
  bool use_proxy_protocol = false;
  /// "10.0.0.0/8", "2001:db8::1"; who is trusted. Empty: everybody.
  std::vector<std::string> trusted_cidrs;
  /// The client's address comes from `header` even where nothing else of a peer is believed.
  bool trust_address = false;

  bool operator==(const Forwarded&) const = default;
};

/// What all tunnels of a proxy together may do. 0: no limit.
struct TunnelTotals {
  std::uint32_t limit = 0;             ///< open at once → 503
  std::uint32_t opens_per_second = 0;  ///< handshakes that go on to an endpoint …
  std::uint32_t open_burst = 1;        ///< … so many at once …
  std::uint32_t open_wait_ms = 0;      ///< … and others wait so long, then 503

  bool operator==(const TunnelTotals&) const = default;
};

/// Who is turned away everywhere, with 403.
struct Blocked {
  std::vector<std::string> networks;  ///< "10.0.0.0/8", "2001:db8::1"
  // Of that field: the whole of it, upper or lower case; after "~" a regular expression (PCRE2) for
  // a part of it, after "~*" one that is the same in upper and lower case.
  std::vector<std::string> user_agents;
  std::vector<std::string> referers;

  bool operator==(const Blocked&) const = default;
};

/// Fields that weir sets or takes away in all messages.
struct HeaderSettings {
  bool request_id = true;  ///< a request without X-Request-ID gets one
  bool server = false;     ///< Server of the endpoint goes on
  std::vector<HeaderField> request;
  std::vector<HeaderField> response;
  std::vector<std::string> hidden;  ///< of the endpoint's

  bool operator==(const HeaderSettings&) const = default;
};

/// What weir's own refusals and redirects are.
struct AnswerStatus {
  std::uint16_t https_redirect = 308;
  std::uint16_t rate_limit = 503;
  std::uint16_t connection_limit = 503;

  bool operator==(const AnswerStatus&) const = default;
};

/// How long connections are kept, and what a request's head may take. Nothing: as the proxy's own
/// flags say.
struct ConnectionSettings {
  std::optional<std::uint32_t> client_idle_ms;          ///< 0: closed after each response
  std::optional<std::uint32_t> client_requests;         ///< of one connection; 0: closed after each
  std::optional<std::uint32_t> client_head_ms;          ///< from its first byte to its end → 408
  std::optional<std::uint32_t> client_body_ms;          ///< between two reads of a body → 408
  std::optional<std::uint32_t> client_proxy_header_ms;  ///< from accept to its end
  std::optional<std::uint32_t> head_bytes;              ///< request line and fields → 431
  std::optional<std::uint32_t> uri_bytes;               ///< request target → 414
  std::optional<std::uint32_t> pool_size;               ///< idle ones, per worker and endpoint
  std::optional<std::uint32_t> pool_idle_ms;            ///< of an idle one
  std::optional<std::uint32_t> pool_requests;           ///< of one connection
  std::optional<std::uint32_t> pool_lifetime_ms;        ///< of one connection, from connect

  bool operator==(const ConnectionSettings&) const = default;
};

/// What holds for every host.
struct Settings {
  /// Certificate::name for names without an own one; empty: the proxy's self-signed certificate.
  std::string default_certificate;
  std::uint16_t public_http_port = 80;    ///< as clients see it, in X-Forwarded-Port
  std::uint16_t public_https_port = 443;  ///< as clients see it, also named by redirects
  TlsSettings tls;
  std::optional<Hsts> hsts;
  bool underscores_in_headers = false;  ///< false: request fields with "_" in the name are dropped
  /// False: request fields are dropped that have another sign in the name than letters, digits, "-"
  /// and "_".
  bool odd_names_in_headers = false;
  Forwarded forwarded;
  TunnelTotals tunnels;
  Blocked blocked;
  HeaderSettings headers;
  AnswerStatus status;
  ConnectionSettings connections;
  /// Targets that the access log leaves out; after "~" a regular expression (PCRE2) for a part.
  std::vector<std::string> unlogged_uris;

  bool operator==(const Settings&) const = default;
};

/// A port of TCP whose connections go on to a backend, byte by byte.
struct TcpService {
  std::uint16_t port = 0;  ///< where weir listens, on all addresses
  std::string backend;     ///< Backend::name
  std::string origin;      ///< where it was written, for logs: "namespace/configmap"
  /// Each connection begins with a PROXY header, which says who the client is; without one it ends.
  bool expects_proxy_protocol = false;
  ProxyProtocol proxy_protocol = ProxyProtocol::None;  ///< in front of each connection to it
  std::uint32_t tries = 3;                             ///< to connect, each to another endpoint
  std::uint32_t tries_window_ms = 600'000;  ///< a further one begins within so long; 0: no limit
  util::Rare<TunnelPolicy> tunnels = {};    ///< what of it is not about HTTP

  bool operator==(const TcpService&) const = default;
};

/// Also the order in which resources travel.
enum class ResourceKind : std::uint8_t {
  Settings = 1,
  Certificate = 2,
  Backend = 3,
  Host = 4,
  TrustBundle = 5,
  TicketSeed = 6,
  Users = 7,
  TcpService = 8,
};
inline constexpr ResourceKind kResourceKinds[] = {
    ResourceKind::Settings, ResourceKind::Certificate, ResourceKind::Backend,
    ResourceKind::Host,     ResourceKind::TrustBundle, ResourceKind::TicketSeed,
    ResourceKind::Users,    ResourceKind::TcpService};
/// Counts by kind: the index is the kind's number - 1.
using CountByKind = std::array<std::uint64_t, std::size(kResourceKinds)>;

using Resource =
    std::variant<Settings, Certificate, Backend, Host, TrustBundle, TicketSeed, Users, TcpService>;

struct ResourceKey {
  ResourceKind kind = ResourceKind::Settings;
  std::string name;  ///< empty for Settings and TicketSeed; the port of a TcpService

  auto operator<=>(const ResourceKey&) const = default;
};

ResourceKey key_of(const Resource& resource);

/// True if nobody else's eyes may see it: on no disk in the clear, in no log.
constexpr bool is_secret(ResourceKind kind) {
  return kind == ResourceKind::Certificate || kind == ResourceKind::TicketSeed ||
         kind == ResourceKind::Users;
}

/// For metrics: "host", "trust_bundle".
const char* label_of(ResourceKind kind);

/// For logs: "host shop.example", "backend default/shop:80", "settings".
std::string to_string(const ResourceKey& key);

}  // namespace weir::table
