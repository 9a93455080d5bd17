#include <algorithm>
#include <iterator>
#include <utility>

#include "ingress/annotations/themes.h"
#include "ingress/cache_time.h"
#include "ingress/names.h"
#include "ingress/policies.h"
#include "ingress/secret_name.h"
#include "ingress/text_template.h"
#include "table/describe_access.h"
#include "table/text_rules.h"
#include "util/ip_address.h"

namespace weir::ingress {

namespace {

constexpr std::size_t kMostNetworks = 1'000;
constexpr std::uint32_t kMostLimited = 1'000'000;

bool is_network(std::string_view text) {
  return util::IpPrefix::parse(text).has_value();
}

void close(Policies& policies) {
  policies.access.is_closed = true;
}

template <Policies::Access::Networks Policies::Access::*kNetworks>
List networks() {
  return {.item = "an address or a network such as 10.0.0.0/8",
          .most = kMostNetworks,
          .fits = is_network,
          .set =
              [](Policies& policies, std::vector<std::string> list) {
                policies.access.*kNetworks = {std::move(list), false};
              },
          .must_have_items = true};
}

template <Policies::Access::Networks Policies::Access::*kNetworks>
void close_list(Policies& policies) {
  (policies.access.*kNetworks).is_wrong = true;
}

bool is_auth_url(std::string_view text) {
  return parse_url_template(text).has_value();
}

void set_auth_url(Policies& policies, const std::string& text) {
  const auto url = parse_url_template(text);
  auto& auth = policies.access.own;
  auth.is_asked = true;
  auth.external.host = url->authority;
  auth.external.target = url->target;
  auth.external.tls.reset();
  auth.backend.reset();
  auth.external.backend.clear();
  if (url->authority.empty()) return;
  auth.backend = BackendKey{{"", url->host}, std::to_string(url->port)};
  auth.external.backend = to_string(*auth.backend);
  if (!url->https) return;
  auto& tls = auth.external.tls.emplace();
  tls.server_name = url->host;
  tls.send_server_name = true;
}

bool is_url_text(std::string_view text) {
  return parse_url_text(text).has_value();
}

template <std::vector<table::TextPart> table::ExternalAuth::*kParts>
void set_auth_text(Policies& policies, const std::string& text) {
  policies.access.own.external.*kParts = *parse_url_text(text);
}

constexpr std::string_view kMethods[] = {"GET",    "HEAD",    "POST",    "PUT",  "PATCH",
                                         "DELETE", "CONNECT", "OPTIONS", "TRACE"};
constexpr std::string_view kKept = "connections to the auth service are kept like all others";

bool is_argument_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

/// Letters and what separates them, and whatever else `others` has.
bool has_only_letters_and(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ',' || c == ' ' ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_list_of_methods(std::string_view text) {
  return has_only_letters_and(text, "");
}

bool is_list_of_names(std::string_view text) {
  return has_only_letters_and(text, "0123456789-_");
}

bool is_list_of_names_or_star(std::string_view text) {
  return has_only_letters_and(text, "0123456789-_*");
}

template <std::string table::Cors::*kText>
Text cors_text(std::string_view what, bool (*fits)(std::string_view)) {
  return {what, table::kMaxCorsText, fits,
          [](Policies& policies, const std::string& text) { policies.cors.*kText = text; }};
}

void set_cors_origins(Policies& policies, std::vector<std::string> origins) {
  auto& cors = policies.cors;
  cors.any_origin = std::ranges::find(origins, "*") != origins.end();
  cors.origins.clear();
  policies.wrong_cors_origins.clear();
  if (cors.any_origin) return;
  for (auto& origin : origins) {
    auto lower = lower_case(origin);
    if (table::is_cors_origin(lower)) {
      cors.origins.push_back(std::move(lower));
    } else {
      policies.wrong_cors_origins.push_back(std::move(origin));
    }
  }
}

template <auto kField, class Value>
void set_limit(Policies& policies, Value value) {
  policies.limits.*kField = std::move(value);
}

/// Their fields are smaller than the number's type.
template <auto kField>
void set_limit_number(Policies& policies, std::uint64_t number) {
  policies.limits.*kField = static_cast<std::uint32_t>(number);
}

/// Written in KiB.
template <auto kField>
void set_rate(Policies& policies, std::uint64_t kibibytes) {
  policies.response_rate.*kField = kibibytes * 1024;
}

bool is_cache_time(std::string_view text) {
  return parse_cache_time(text).has_value();
}

void set_cache_times(Policies& policies, std::vector<std::string> items) {
  auto& times = policies.access.own.cache_times;
  times.clear();
  for (const auto& item : items) times.push_back(*parse_cache_time(item));
}

bool is_cache_key(std::string_view text) {
  return parse_text_template(text).has_value();
}

constexpr std::string_view kAuthType = "nginx.ingress.kubernetes.io/auth-type";
constexpr std::string_view kEnableCors = "nginx.ingress.kubernetes.io/enable-cors";
constexpr std::string_view kAuthUrl = "nginx.ingress.kubernetes.io/auth-url";

}  // namespace

AnnotationTheme access_annotations() {
  return {
      .title = "Access and limits",
      .text = "",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/allowlist-source-range",
           .type = networks<&Policies::Access::allowed>(),
           .text = "Client addresses that may come in; others get 403. The address is that of "
                   "the connection, or what a trusted proxy says (`use-forwarded-headers`)",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "whitelist-source-range",
           .aliases = {"nginx.ingress.kubernetes.io/whitelist-source-range"},
           .close = close_list<&Policies::Access::allowed>,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-always-set-cookie",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) {
                          policies.access.own.external.always_set_cookie = on;
                        }},
           .usual = "false",
           .text = "Passes cookies of the auth service on to the client with every status of "
                   "the response, not with good ones alone",
           .effect = Effect::InEffect,
           .close = close,
           .needs = kAuthUrl,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-cache-duration",
           .type = List{',', "statuses and a time behind them, as in `200 202 10m`",
                        table::kMaxCacheTimes, is_cache_time, set_cache_times},
           .usual = "200 202 401 5m",
           .text = "How long answers of the auth service with these statuses are kept, if there "
                   "is an `auth-cache-key`; units are ms, s, m, h, d, w, M and y, up to 40 days",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .needs = kAuthUrl,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-cache-key",
           .type = Text{"letters, digits, - and _, and variables, `$remote_user` among them", 1024,
                        is_cache_key,
                        [](Policies& policies, const std::string& text) {
                          policies.access.own.external.cache_key = *parse_text_template(text);
                        }},
           .text = "Requests to a path for which this is the same text share an answer of the "
                   "auth service, in each proxy; whatever that service looks at must be in it. "
                   "A request for which it is empty is asked about by itself. A proxy keeps some "
                   "thousands of answers, the last ones used",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kAuthUrl,
           .since = "0.1",
           .difference = "without effect with other variables of nginx in it"},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive",
           .type = Number{0, 1'000},
           .usual = "0",
           .text = "Idle connections kept to the auth service",
           .effect = Effect::Accepted,
           .note = kKept},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive-requests",
           .type = Number{0, 1'000'000},
           .usual = "1000",
           .text = "Requests a kept connection to the auth service has",
           .effect = Effect::Accepted,
           .note = kKept},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive-share-vars",
           .type = Flag{},
           .text = "Shares variables of nginx with the request to the auth service",
           .effect = Effect::Accepted,
           .note = "weir has no such variables"},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive-timeout",
           .type = Number{0, 86'400, nullptr, "seconds"},
           .usual = "60",
           .text = "How long an idle connection to the auth service is kept",
           .effect = Effect::Accepted,
           .note = kKept},
          {.name = "nginx.ingress.kubernetes.io/auth-method",
           .type = Choice{{std::begin(kMethods), std::end(kMethods)},
                          [](Policies& policies, std::size_t index) {
                            policies.access.own.external.method = kMethods[index];
                            policies.access.own.external.tells_uri = true;
                          }},
           .text = "Method of the request to the auth service, GET without it. It is told "
                   "X-Original-URI and X-Scheme, too",
           .effect = Effect::InEffect,
           .close = close,
           .needs = kAuthUrl,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-proxy-set-headers",
           .type =
               Text{"namespace/name of a ConfigMap, of this namespace", kMostSecretName, nullptr,
                    [](Policies& policies, const std::string& text) {
                      policies.access.own.headers = parse_secret_name(text);
                    }},
           .text = "ConfigMap whose entries are headers of the request to the auth service, "
                   "instead of the client's and of weir's own. Variables may stand in the values, "
                   "as in `auth-url`. Without it, or while an entry can be no header, the paths "
                   "answer 503; its changes are followed",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .needs = kAuthUrl,
           .since = "0.1",
           .difference = "changes of the ConfigMap count at once; Host and headers that frame "
                         "the request may not be in it"},
          {.name = "nginx.ingress.kubernetes.io/auth-realm",
           .type = Text{"letters, digits, blanks and any of -._~/:", 1024, table::is_realm,
                        [](Policies& policies, const std::string& realm) {
                          policies.access.basic.realm = realm;
                        }},
           .text = "Realm that browsers show when they ask for a password",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .needs = kAuthType,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-request-redirect",
           .type = Text{"a URL, perhaps with variables", 1024, is_url_text,
                        set_auth_text<&table::ExternalAuth::redirect>},
           .text = "X-Auth-Request-Redirect of the request to the auth service; else the "
                   "URI of the request",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .needs = kAuthUrl,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-response-headers",
           .type = List{',', "a header name", table::kMaxAuthHeaders, table::is_token,
                        [](Policies& policies, std::vector<std::string> names) {
                          policies.access.own.external.response_headers = std::move(names);
                        }},
           .text = "Headers of the auth service's answer that the Service gets, instead of "
                   "what the client sent by that name",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .needs = kAuthUrl,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-secret",
           .type = Text{"name of a Secret of this namespace", kMostSecretName, nullptr,
                        [](Policies& policies, const std::string& text) {
                          policies.access.basic.secret = parse_secret_name(text);
                        }},
           .text = "Secret with the users and the hashes of their passwords, as lines of htpasswd "
                   "under the key `auth`. Without it, or while it cannot be read, the paths "
                   "answer 503; its changes are followed",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .needs = kAuthType,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-secret-type",
           .type = Choice{{"auth-file", "auth-map"},
                          [](Policies& policies, std::size_t word) {
                            policies.access.basic.is_map = word == 1;
                          }},
           .usual = "auth-file",
           .text = "How that Secret has its users: `auth-file` is text under the key `auth`; of an "
                   "`auth-map` each key is a user, and its value the hash of the password",
           .effect = Effect::InEffect,
           .close = close,
           .needs = kAuthType,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-signin",
           .type = Text{"a URL, perhaps with variables", 1024, is_url_text,
                        set_auth_text<&table::ExternalAuth::signin>},
           .text = "Where a client goes (302) whom the auth service answers 401",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .needs = kAuthUrl,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-signin-redirect-param",
           .type = Text{"a name of letters, digits, - and _", 128, is_argument_name,
                        [](Policies& policies, const std::string& name) {
                          policies.access.own.external.signin_parameter = name;
                        }},
           .usual = "rd",
           .text = "Argument of `auth-signin` that says where the client came from; it is "
                   "added unless the URL has it",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kAuthUrl,
           .since = "0.1"},
          {.name = kAuthType,
           .type = Choice{{"basic"},
                          [](Policies& policies, std::size_t) {
                            policies.access.basic.is_asked = true;
                          },
                          {"digest"}},
           .text = "Asks for the name and password of one of the users of `auth-secret` (401). "
                   "The Service does not see them. Passwords are checked beside the workers, "
                   "which stop for none, and remembered; while too many wait to be checked, "
                   "others get 503",
           .effect = Effect::InEffect,
           .close = close,
           .since = "0.1",
           .difference = "with digest the paths answer 503"},
          {.name = "nginx.ingress.kubernetes.io/auth-url",
           .type = Text{"an http or https URL, perhaps with variables behind its host, which "
                        "may be $host",
                        1024, is_auth_url, set_auth_url},
           .text = "Service that is asked about every request and every handshake of a "
                   "WebSocket, by one of its own without a body. Its 2xx lets the request "
                   "pass, its 401 and 403 are the answer, all else is 500. With `$host` it is "
                   "the Service to which that path of the same host leads",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .close = close,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/denylist-source-range",
           .type = networks<&Policies::Access::denied>(),
           .text = "Client addresses that get 403, before `allowlist-source-range` is looked at",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "denylist-source-range",
           .close = close_list<&Policies::Access::denied>,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/enable-global-auth",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.access.heeds_global = on; }},
           .usual = "true",
           .text = "Whether the ConfigMap's `global-auth-url` counts, which is what `auth-url` is "
                   "for all Ingresses without one, as the other `global-auth-` keys are for the "
                   "other annotations",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/limit-allowlist",
           .type = List{.item = "an address or a network such as 10.0.0.0/8",
                        .most = kMostNetworks,
                        .fits = is_network,
                        .set = set_limit<&table::ClientLimits::exempt>},
           .text = "Client addresses that `limit-rps`, `limit-rpm` and `limit-connections` do not "
                   "count",
           .effect = Effect::InEffect,
           .aliases = {"nginx.ingress.kubernetes.io/limit-whitelist"},
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/limit-burst-multiplier",
           .type = Number{1, 1'000, set_limit_number<&table::ClientLimits::burst_multiplier>},
           .usual = "5",
           .text = "So many times `limit-rps`, and `limit-rpm`, a client address may be ahead of "
                   "that rate",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/limit-connections",
           .type =
               Number{0, kMostLimited, set_limit_number<&table::ClientLimits::at_once>, "requests"},
           .usual = "0",
           .text = "Requests under way and open tunnels that a client address may have at once on "
                   "the paths of this Ingress together, in each proxy; others get 503 (ConfigMap "
                   "`limit-conn-status-code`); 0 is no limit",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/limit-rate",
           .type =
               Number{0, 1'000'000'000, set_rate<&table::ResponseRate::bytes_per_second>, "KiB"},
           .usual = "0",
           .text = "So much of one response goes to its client in a second; 0 is no limit. Tunnels "
                   "have none",
           .effect = Effect::InEffect,
           .twin = "limit-rate",
           .since = "0.1",
           .difference = "it counts without `proxy-buffering`, too"},
          {.name = "nginx.ingress.kubernetes.io/limit-rate-after",
           .type = Number{0, 1'000'000'000, set_rate<&table::ResponseRate::free_bytes>, "KiB"},
           .usual = "0",
           .text = "So much of a response is sent before `limit-rate` counts",
           .effect = Effect::InEffect,
           .twin = "limit-rate-after",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/limit-rpm",
           .type = Number{0, kMostLimited, set_limit_number<&table::ClientLimits::per_minute>,
                          "requests"},
           .usual = "0",
           .text = "As `limit-rps`, a minute; with both, a request must fit both",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/limit-rps",
           .type = Number{0, kMostLimited, set_limit_number<&table::ClientLimits::per_second>,
                          "requests"},
           .usual = "0",
           .text = "Requests a second of a client address to the paths of this Ingress together, "
                   "in each proxy. Those that are more than `limit-burst-multiplier` times that "
                   "ahead get 503 (ConfigMap `limit-req-status-code`); 0 is no limit",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/satisfy",
           .type = Choice{{"all", "any"},
                          [](Policies& policies,
                             std::size_t index) { policies.access.any = index == 1; }},
           .usual = "all",
           .text = "Whether a client must pass addresses, password and auth service, or any one of "
                   "them",
           .effect = Effect::InEffect,
           .since = "0.1"},
      }};
}

AnnotationTheme cors_annotations() {
  return {
      .title = "CORS",
      .text = "",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/cors-allow-credentials",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.cors.allow_credentials = on; }},
           .usual = "true",
           .text = "Access-Control-Allow-Credentials",
           .effect = Effect::InEffect,
           .needs = kEnableCors,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/cors-allow-headers",
           .type = cors_text<&table::Cors::allow_headers>("names of headers, with commas between",
                                                          is_list_of_names),
           .usual = "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,"
                    "Cache-Control,Content-Type,Range,Authorization",
           .text = "Access-Control-Allow-Headers, as it is",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kEnableCors,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/cors-allow-methods",
           .type = cors_text<&table::Cors::allow_methods>("methods, with commas between",
                                                          is_list_of_methods),
           .usual = "GET, PUT, POST, DELETE, PATCH, OPTIONS",
           .text = "Access-Control-Allow-Methods, as it is",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kEnableCors,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/cors-allow-origin",
           .type = List{',', "scheme://host with an optional port, or *", table::kMaxOrigins,
                        nullptr, set_cors_origins},
           .usual = "*",
           .text = "Origins whose pages may read the answers. The first label of a host may be "
                   "`*`, for one label; `null` is what pages without an origin send; `*` is "
                   "everybody",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kEnableCors,
           .since = "0.1",
           .difference = "the whole Origin must fit, not its end alone"},
          {.name = "nginx.ingress.kubernetes.io/cors-expose-headers",
           .type = cors_text<&table::Cors::expose_headers>(
               "names of headers, with commas between, or *", is_list_of_names_or_star),
           .text = "Access-Control-Expose-Headers, as it is",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kEnableCors,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/cors-max-age",
           .type = Number{0, 4'294'967'295,
                          [](Policies& policies, std::uint64_t seconds) {
                            policies.cors.max_age_s = static_cast<std::uint32_t>(seconds);
                          },
                          "seconds"},
           .usual = "1728000",
           .text = "Access-Control-Max-Age",
           .effect = Effect::InEffect,
           .needs = kEnableCors,
           .since = "0.1"},
          {.name = kEnableCors,
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.is_cors_on = on; }},
           .usual = "false",
           .text = "Adds the headers of CORS to every response to a page that may read it, "
                   "weir's own errors too, and answers OPTIONS of such pages itself (204), "
                   "before redirects and before anybody is asked who they are",
           .effect = Effect::InEffect,
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
