#include <algorithm>
#include <limits>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "ingress/text_template.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kAffinity = "nginx.ingress.kubernetes.io/affinity";
constexpr auto kMostSeconds = std::numeric_limits<std::uint32_t>::max();

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::string_view others) {
  return std::ranges::all_of(
      text, [&](char c) { return is_letter_or_digit(c) || others.find(c) != others.npos; });
}

bool is_cookie_name(std::string_view text) {
  return consists_of(text, "-._~");
}

bool is_cookie_path(std::string_view text) {
  return text.starts_with('/') && consists_of(text, "-._~/:");
}

bool is_cookie_domain(std::string_view text) {
  return consists_of(text, "-.");
}

bool is_template(std::string_view text) {
  return parse_text_template(text).has_value();
}

template <auto Field, class Value>
void set_cookie(Policies& policies, Value value) {
  policies.balancing.cookie.*Field = std::move(value);
}

/// Seconds: their field is smaller than the number's type.
template <auto Field>
void set_seconds(Policies& policies, std::uint64_t seconds) {
  policies.balancing.cookie.*Field = static_cast<std::uint32_t>(seconds);
}

}  // namespace

AnnotationTheme balancing_annotations() {
  using table::StickyCookie;
  return {
      .title = "Balancing and affinity",
      .text =
          "These belong to a Service port, whoever else names it: the oldest Ingress that names "
          "it settles `load-balance` and `upstream-hash-by`, also by saying nothing; the oldest "
          "one that sets `affinity-mode` settles that; the youngest one with `affinity` settles "
          "the cookie. A cookie goes before a hash, a hash before `load-balance`.",
      .annotations = {
          {.name = kAffinity,
           .type =
               Choice{{"cookie"},
                      [](Policies& policies, std::size_t) { policies.balancing.is_sticky = true; }},
           .scope = Scope::Backend,
           .text =
               "Keeps a client at its endpoint by a cookie, which the paths of this Ingress hand "
               "out",
           .effect = Effect::InEffect,
           .since = "0.1",
           .difference = "cookies that ingress-nginx gave out are taken; a `balanced` one may lead "
                         "to another endpoint, once, a `persistent` one does not"},
          {.name = "nginx.ingress.kubernetes.io/affinity-canary-behavior",
           .type = Choice{{"sticky", "legacy"},
                          [](Policies& policies, std::size_t word) {
                            policies.canary.policy.sticky = word == 0;
                          }},
           .usual = "sticky",
           .scope = Scope::Ingress,
           .text = "Of a canary. `sticky`: where the primary has `affinity`, a client stays on the "
                   "canary or off it, by the same cookie; `legacy`: each request is chosen for "
                   "anew",
           .effect = Effect::InEffect,
           .needs = "nginx.ingress.kubernetes.io/canary",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/affinity-mode",
           .type = Choice{{"balanced", "persistent"},
                          [](Policies& policies, std::size_t word) {
                            policies.balancing.sticky_mode = static_cast<StickyCookie::Mode>(word);
                          }},
           .scope = Scope::Backend,
           .text = "`balanced`, the default: when endpoints come and go, some clients move; "
                   "`persistent`: only those whose endpoint is gone",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/load-balance",
           .type = Choice{{"ewma", "round_robin"},
                          [](Policies& policies, std::size_t word) {
                            using Algorithm = table::Balancing::Algorithm;
                            policies.balancing.algorithm =
                                word == 0 ? Algorithm::TwoChoices : Algorithm::RoundRobin;
                          },
                          {"chash", "chashsubset", "sticky_balanced", "sticky_persistent"}},
           .usual = "ewma",
           .scope = Scope::Backend,
           .text =
               "`ewma`: the less loaded of two endpoints drawn at random, where load is what is "
               "in flight; `round_robin`: each in turn",
           .effect = Effect::InEffect,
           .twin = "load-balance",
           .since = "0.1",
           .difference = "`ewma` looks at what is in flight, where ingress-nginx looks at how long "
                         "answers took; it is the default, which there is `round_robin`"},
          {.name = "nginx.ingress.kubernetes.io/service-upstream",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) {
                          policies.balancing.by_service_address = on;
                        }},
           .usual = "false",
           .scope = Scope::Backend,
           .text = "Sends to the Service's address (clusterIP) and port instead of its "
                   "endpoints, which the cluster then chooses for each connection. A Service "
                   "without an address has its endpoints",
           .effect = Effect::InEffect,
           .twin = "service-upstream",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-change-on-failure",
           .type = Flag{Flag::Words::TrueFalse, set_cookie<&StickyCookie::change_on_failure>},
           .usual = "false",
           .scope = Scope::Backend,
           .text = "A failed try moves the client to another endpoint; else it stays",
           .effect = Effect::InEffect,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-conditional-samesite-none",
           .type = Flag{},
           .usual = "false",
           .scope = Scope::Backend,
           .text = "Leaves SameSite=None out for browsers of before 2020 that take it amiss"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-domain",
           .type = Text{"a domain of letters, digits, - and .", 253, is_cookie_domain,
                        set_cookie<&StickyCookie::domain>},
           .scope = Scope::Backend,
           .text = "Domain of the cookie",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-expires",
           .type = Number{0, kMostSeconds, set_seconds<&StickyCookie::expires_s>, "seconds"},
           .scope = Scope::Backend,
           .text =
               "Expires of the cookie, from now on. Without it and `session-cookie-max-age` the "
               "cookie lasts as long as the browser",
           .effect = Effect::InEffect,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-max-age",
           .type = Number{0, kMostSeconds, set_seconds<&StickyCookie::max_age_s>, "seconds"},
           .scope = Scope::Backend,
           .text = "Max-Age of the cookie",
           .effect = Effect::InEffect,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-name",
           .type = Text{"a name of letters, digits and -._~", 256, is_cookie_name,
                        set_cookie<&StickyCookie::name>},
           .usual = "INGRESSCOOKIE",
           .scope = Scope::Backend,
           .text = "Name of the cookie",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-path",
           .type = Text{"a path that starts with / and has letters, digits and -._~/:", 1024,
                        is_cookie_path, set_cookie<&StickyCookie::path>},
           .scope = Scope::Backend,
           .text = "Path of the cookie; else that of the Ingress",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-samesite",
           .type = Choice{{"None", "Lax", "Strict"},
                          [](Policies& policies, std::size_t word) {
                            policies.balancing.cookie.same_site =
                                static_cast<StickyCookie::SameSite>(word + 1);
                          }},
           .scope = Scope::Backend,
           .text = "SameSite of the cookie",
           .effect = Effect::InEffect,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/session-cookie-secure",
           .type = Flag{Flag::Words::TrueFalse, set_cookie<&StickyCookie::always_secure>},
           .usual = "false",
           .scope = Scope::Backend,
           .text = "Secure also over plain HTTP; over TLS the cookie always has it",
           .effect = Effect::InEffect,
           .needs = kAffinity,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/upstream-hash-by",
           .type = Text{"a text of letters, digits, - and _, with $remote_addr, $host, "
                        "$request_uri, $http_NAME, $cookie_NAME or $arg_NAME in it",
                        1024, is_template,
                        [](Policies& policies, const std::string& text) {
                          policies.balancing.hash_key = *parse_text_template(text);
                        }},
           .scope = Scope::Backend,
           .text = "Requests for which the text is the same go to the same endpoint, while that is "
                   "not overloaded",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/upstream-hash-by-subset",
           .type = Flag{},
           .usual = "false",
           .scope = Scope::Backend,
           .text = "`upstream-hash-by` leads to a group of endpoints"},
          {.name = "nginx.ingress.kubernetes.io/upstream-hash-by-subset-size",
           .type = Number{0, 1'000},
           .usual = "3",
           .scope = Scope::Backend,
           .text = "How many endpoints such a group has"},
      }};
}

}  // namespace weir::ingress
