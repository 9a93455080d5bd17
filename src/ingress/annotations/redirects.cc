#include <algorithm>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"

namespace weir::ingress {

namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

template <const std::string_view& kOthers>
bool consists_of(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return is_letter_or_digit(c) || kOthers.find(c) != kOthers.npos; });
}

constexpr std::string_view kOfUrls = "-._~/:,?&=";
constexpr std::string_view kOfPaths = "-._~/:";

bool is_path(std::string_view text) {
  return text.starts_with('/') && consists_of<kOfPaths>(text);
}

bool is_http_url(std::string_view text) {
  return text.starts_with("http") && consists_of<kOfUrls>(text);
}

template <table::Redirect Policies::Redirects::*kRedirect>
void set_location(Policies& policies, const std::string& url) {
  (policies.redirects.*kRedirect).location = url;
}

template <table::Redirect Policies::Redirects::*kRedirect>
void set_status(Policies& policies, std::uint64_t status) {
  (policies.redirects.*kRedirect).status = static_cast<std::uint16_t>(status);
}

void close(Policies& policies) {
  policies.redirects.is_wrong = true;
}

constexpr std::string_view kPermanent = "nginx.ingress.kubernetes.io/permanent-redirect";
constexpr std::string_view kTemporal = "nginx.ingress.kubernetes.io/temporal-redirect";
constexpr std::size_t kMostUrl = 4096;  // bytes

}  // namespace

AnnotationTheme redirect_annotations() {
  return {
      .title = "Redirects",
      .text = "",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/app-root",
           .type =
               Text{"a path that starts with `/`, of letters, digits and `-._~/:`", kMostUrl,
                    is_path,
                    [](Policies& policies, const std::string& path) { policies.app_root = path; }},
           .scope = Scope::Host,
           .text = "Path to which requests for exactly `/` are redirected (302), before anything "
                   "else is looked at. Of the oldest Ingress of the host that has it",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .since = "0.1",
           .difference = "a `$` in it is not allowed"},
          {.name = "nginx.ingress.kubernetes.io/force-ssl-redirect",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.force_ssl_redirect = on; }},
           .usual = "false",
           .text = "The redirect of `ssl-redirect` for hosts without a certificate, too: for TLS "
                   "that ends in front of weir. Goes before `ssl-redirect`",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "force-ssl-redirect",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/from-to-www-redirect",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.from_to_www = on; }},
           .usual = "false",
           .scope = Scope::Host,
           .text = "Redirects www.HOST to HOST (308), or the other way round where HOST begins "
                   "with www; unless an Ingress has rules for that name. Over https clients see "
                   "the certificate of HOST if it is for both names",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/permanent-redirect",
           .type = Text{"a URL of letters, digits and `-._~/:,?&=`", kMostUrl, consists_of<kOfUrls>,
                        set_location<&Policies::Redirects::permanent>},
           .text = "URL to which every request is redirected, whoever asks; nothing of the "
                   "request is added to it. A wrong one answers 503",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/permanent-redirect-code",
           .type = Number{300, 308, set_status<&Policies::Redirects::permanent>},
           .usual = "301",
           .text = "Status of `permanent-redirect`",
           .effect = Effect::InEffect,
           .needs = kPermanent,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/preserve-trailing-slash",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) {
                          policies.redirects.keep_trailing_slash = on;
                        }},
           .usual = "false",
           .text = "Keeps a slash at the end of the URI in the redirect to https",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "preserve-trailing-slash",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/relative-redirects",
           .type = Flag{},
           .usual = "false",
           .text = "Redirects by weir itself carry no host",
           .effect = Effect::Accepted,
           .note = "weir makes no redirects but those that annotations ask for, and these carry a "
                   "host in ingress-nginx, too"},
          {.name = "nginx.ingress.kubernetes.io/ssl-redirect",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.ssl_redirect = on; }},
           .usual = "true",
           .text = "Plain HTTP gets 308 to the same URL over https, where the host or the wildcard "
                   "that covers it has a `tls` entry in some Ingress. Not on paths that begin with "
                   "one of the ConfigMap's `no-tls-redirect-locations` "
                   "(`/.well-known/acme-challenge`)",
           .effect = Effect::InEffect,
           .twin = "ssl-redirect",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/temporal-redirect",
           .type = Text{"a URL that begins with `http`, of letters, digits and `-._~/:,?&=`",
                        kMostUrl, is_http_url, set_location<&Policies::Redirects::temporal>},
           .text = "As `permanent-redirect` with status 302; goes before it",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .since = "0.1",
           .difference = "a URL that does not begin with `http` answers 503 instead of letting "
                         "requests through to the Service"},
          {.name = "nginx.ingress.kubernetes.io/temporal-redirect-code",
           .type = Number{300, 307, set_status<&Policies::Redirects::temporal>},
           .usual = "302",
           .text = "Status of `temporal-redirect`",
           .effect = Effect::InEffect,
           .needs = kTemporal,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/use-port-in-redirects",
           .type = Flag{},
           .usual = "false",
           .text = "Names the https port in the redirect to https",
           .effect = Effect::Accepted,
           .note = "weir names the port wherever clients need it: if it is not 443"},
      }};
}

}  // namespace weir::ingress
