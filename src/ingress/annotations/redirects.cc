#include "ingress/annotations/themes.h"
#include "ingress/policies.h"

namespace weir::ingress {

AnnotationTheme redirect_annotations() {
  return {
      .title = "Redirects",
      .text = "",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/app-root",
           .type = Text{"a path"},
           .scope = Scope::Host,
           .text = "Path to which requests for `/` are redirected",
           .risk = Risk::Medium},
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
           .type = Flag{},
           .usual = "false",
           .scope = Scope::Host,
           .text = "Redirects www.HOST to HOST, or the other way round"},
          {.name = "nginx.ingress.kubernetes.io/permanent-redirect",
           .type = Text{"a URL"},
           .text = "URL to which every request is redirected",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/permanent-redirect-code",
           .type = Number{300, 308},
           .usual = "301",
           .text = "Status of `permanent-redirect`"},
          {.name = "nginx.ingress.kubernetes.io/preserve-trailing-slash",
           .type = Flag{},
           .usual = "false",
           .text = "Keeps a slash at the end of the URI in the redirect to https",
           .risk = Risk::Medium,
           .twin = "preserve-trailing-slash"},
          {.name = "nginx.ingress.kubernetes.io/relative-redirects",
           .type = Flag{},
           .usual = "false",
           .text = "Redirects by weir itself carry no host",
           .twin = "relative-redirects"},
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
           .type = Text{"a URL"},
           .text = "As `permanent-redirect` with status 302; goes before it",
           .risk = Risk::Medium},
          {.name = "nginx.ingress.kubernetes.io/temporal-redirect-code",
           .type = Number{300, 307},
           .usual = "302",
           .text = "Status of `temporal-redirect`"},
          {.name = "nginx.ingress.kubernetes.io/use-port-in-redirects",
           .type = Flag{},
           .usual = "false",
           .text = "Names the https port in the redirect to https",
           .twin = "use-port-in-redirects"},
      }};
}

}  // namespace weir::ingress
