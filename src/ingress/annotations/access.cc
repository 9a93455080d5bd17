#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "util/ip_address.h"

namespace weir::ingress {

namespace {

constexpr std::size_t kMostNetworks = 1'000;

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
           .type = Flag{},
           .usual = "false",
           .text = "Passes cookies of the auth service on with every status"},
          {.name = "nginx.ingress.kubernetes.io/auth-cache-duration",
           .type = List{',', "statuses and a time", 1'000},
           .usual = "200 202 401 5m",
           .text = "How long answers of the auth service are kept",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-cache-key",
           .type = Text{"a text with variables"},
           .text = "What answers of the auth service are kept by",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive",
           .type = Number{0, 1'000},
           .usual = "0",
           .text = "Idle connections kept to the auth service"},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive-requests",
           .type = Number{0, 1'000'000},
           .usual = "1000",
           .text = "Requests a kept connection to the auth service has"},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive-share-vars",
           .type = Flag{},
           .text = "Shares variables of nginx with the request to the auth service",
           .effect = Effect::Accepted,
           .note = "weir has no such variables"},
          {.name = "nginx.ingress.kubernetes.io/auth-keepalive-timeout",
           .type = Number{0, 86'400, nullptr, "seconds"},
           .usual = "60",
           .text = "How long an idle connection to the auth service is kept"},
          {.name = "nginx.ingress.kubernetes.io/auth-method",
           .type = Choice{{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS",
                           "TRACE"}},
           .usual = "GET",
           .text = "Method of the request to the auth service"},
          {.name = "nginx.ingress.kubernetes.io/auth-proxy-set-headers",
           .type = Text{"namespace/name of a ConfigMap"},
           .text = "Headers of the request to the auth service",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-realm",
           .type = Text{"a text"},
           .text = "Realm that browsers show when they ask for a password",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-request-redirect",
           .type = Text{"a URL"},
           .text = "X-Auth-Request-Redirect of the request to the auth service",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-response-headers",
           .type = List{',', "a header name", 1'000},
           .text = "Headers of the auth service's answer that go on to the Service",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-secret",
           .type = Text{"name of a Secret"},
           .text = "Users and their password hashes",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-secret-type",
           .type = Choice{{"auth-file", "auth-map"}},
           .usual = "auth-file",
           .text = "How the Secret holds them"},
          {.name = "nginx.ingress.kubernetes.io/auth-signin",
           .type = Text{"a URL"},
           .text = "Where a client goes whom the auth service answers 401",
           .risk = Risk::High},
          {.name = "nginx.ingress.kubernetes.io/auth-signin-redirect-param",
           .type = Text{"a name"},
           .usual = "rd",
           .text = "Argument of `auth-signin` that says where the client came from",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/auth-type",
           .type = Choice{{"basic", "digest"}},
           .text = "Asks for user and password",
           .close = close},
          {.name = "nginx.ingress.kubernetes.io/auth-url",
           .type = Text{"a URL"},
           .text = "Service that is asked about every request",
           .risk = Risk::High,
           .close = close},
          {.name = "nginx.ingress.kubernetes.io/denylist-source-range",
           .type = networks<&Policies::Access::denied>(),
           .text = "Client addresses that get 403, before `allowlist-source-range` is looked at",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "denylist-source-range",
           .close = close_list<&Policies::Access::denied>,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/enable-global-auth",
           .type = Flag{},
           .usual = "true",
           .text = "Whether the ConfigMap's `global-auth-url` counts"},
          {.name = "nginx.ingress.kubernetes.io/limit-allowlist",
           .type = List{',', "an address or network", 1'000},
           .text = "Addresses that the limits do not count",
           .aliases = {"nginx.ingress.kubernetes.io/limit-whitelist"}},
          {.name = "nginx.ingress.kubernetes.io/limit-burst-multiplier",
           .type = Number{1, 1'000},
           .usual = "5",
           .text = "How much more than its rate a client may have at once"},
          {.name = "nginx.ingress.kubernetes.io/limit-connections",
           .type = Number{0, 1'000'000},
           .usual = "0",
           .text = "Requests that a client address may have in flight"},
          {.name = "nginx.ingress.kubernetes.io/limit-rate",
           .type = Number{0, 1'000'000'000, nullptr, "KiB"},
           .usual = "0",
           .text = "Bytes a second of one response",
           .twin = "limit-rate"},
          {.name = "nginx.ingress.kubernetes.io/limit-rate-after",
           .type = Number{0, 1'000'000'000, nullptr, "KiB"},
           .usual = "0",
           .text = "What is sent before `limit-rate` counts",
           .twin = "limit-rate-after"},
          {.name = "nginx.ingress.kubernetes.io/limit-rpm",
           .type = Number{0, 1'000'000},
           .usual = "0",
           .text = "Requests a minute of a client address"},
          {.name = "nginx.ingress.kubernetes.io/limit-rps",
           .type = Number{0, 1'000'000},
           .usual = "0",
           .text = "Requests a second of a client address"},
          {.name = "nginx.ingress.kubernetes.io/satisfy",
           .type = Choice{{"all", "any"}},
           .usual = "all",
           .text = "Whether addresses and auth must both pass"},
      }};
}

AnnotationTheme cors_annotations() {
  return {.title = "CORS",
          .text = "",
          .annotations = {
              {.name = "nginx.ingress.kubernetes.io/cors-allow-credentials",
               .type = Flag{},
               .usual = "true",
               .text = "Access-Control-Allow-Credentials"},
              {.name = "nginx.ingress.kubernetes.io/cors-allow-headers",
               .type = List{',', "a header name", 1'000},
               .text = "Access-Control-Allow-Headers",
               .risk = Risk::Medium},
              {.name = "nginx.ingress.kubernetes.io/cors-allow-methods",
               .type = List{',', "a method", 1'000},
               .usual = "GET, PUT, POST, DELETE, PATCH, OPTIONS",
               .text = "Access-Control-Allow-Methods",
               .risk = Risk::Medium},
              {.name = "nginx.ingress.kubernetes.io/cors-allow-origin",
               .type = List{',', "scheme://host with an optional port, or *", 1'000},
               .usual = "*",
               .text = "Origins that get these headers",
               .risk = Risk::Medium},
              {.name = "nginx.ingress.kubernetes.io/cors-expose-headers",
               .type = List{',', "a header name", 1'000},
               .text = "Access-Control-Expose-Headers",
               .risk = Risk::Medium},
              {.name = "nginx.ingress.kubernetes.io/cors-max-age",
               .type = Number{0, 4'294'967'295, nullptr, "seconds"},
               .usual = "1728000",
               .text = "Access-Control-Max-Age"},
              {.name = "nginx.ingress.kubernetes.io/enable-cors",
               .type = Flag{},
               .usual = "false",
               .text = "Answers preflights, and adds the headers of CORS"},
          }};
}

}  // namespace weir::ingress
