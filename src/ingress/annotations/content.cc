#include <algorithm>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "ingress/upstream_host.h"

namespace weir::ingress {

namespace {

constexpr std::size_t kMostPath = 4096;  // bytes
constexpr std::string_view kRewriteTarget = "nginx.ingress.kubernetes.io/rewrite-target";

/// Letters, digits, some signs, and $1 to $9.
bool is_rewrite(std::string_view text) {
  constexpr std::string_view kOthers = "-._~/:";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || kOthers.find(c) != kOthers.npos;
    const bool is_group =
        c == '$' && i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '9';
    if (!is_plain && !is_group) return false;
  }
  return true;
}

bool is_rewrite_target(std::string_view text) {
  return (text.starts_with('/') || text.starts_with('$')) && is_rewrite(text);
}

}  // namespace

AnnotationTheme content_annotations() {
  return {.title = "Rewriting, headers and errors",
          .text = "",
          .annotations = {
              {.name = "nginx.ingress.kubernetes.io/connection-proxy-header",
               .type = Choice{{"close", "keep-alive"}},
               .text = "Connection header towards the Service"},
              {.name = "nginx.ingress.kubernetes.io/custom-headers",
               .type = Text{"namespace/name of a ConfigMap"},
               .text = "Headers of responses",
               .risk = Risk::Medium},
              {.name = "nginx.ingress.kubernetes.io/custom-http-errors",
               .type = List{',', "a status", 1'000},
               .text = "Statuses for which the default backend answers instead",
               .twin = "custom-http-errors"},
              {.name = "nginx.ingress.kubernetes.io/default-backend",
               .type = Text{"name of a Service"},
               .text = "Service for paths whose own one has no endpoint"},
              {.name = "nginx.ingress.kubernetes.io/disable-proxy-intercept-errors",
               .type = Flag{},
               .usual = "false",
               .text = "`custom-http-errors` only for errors of the proxy itself",
               .twin = "disable-proxy-intercept-errors"},
              {.name = "nginx.ingress.kubernetes.io/http2-push-preload",
               .type = Flag{},
               .text = "Pushes what Link headers name",
               .effect = Effect::Accepted,
               .note = "browsers and nginx have dropped HTTP/2 push"},
              {.name = "nginx.ingress.kubernetes.io/mirror-host",
               .type = Text{"a host name"},
               .text = "Host of mirrored requests",
               .risk = Risk::High},
              {.name = "nginx.ingress.kubernetes.io/mirror-request-body",
               .type = Flag{Flag::Words::OnOff},
               .usual = "on",
               .text = "Whether mirrored requests have the body"},
              {.name = "nginx.ingress.kubernetes.io/mirror-target",
               .type = Text{"a URL"},
               .text = "Where a copy of each request goes",
               .risk = Risk::High},
              {.name = "nginx.ingress.kubernetes.io/proxy-cookie-domain",
               .type = Text{"two domains, or off"},
               .usual = "off",
               .text = "Replaces the domain of the Service's cookies",
               .risk = Risk::Medium,
               .twin = "proxy-cookie-domain"},
              {.name = "nginx.ingress.kubernetes.io/proxy-cookie-path",
               .type = Text{"two paths, or off"},
               .usual = "off",
               .text = "Replaces the path of the Service's cookies",
               .risk = Risk::Medium,
               .twin = "proxy-cookie-path"},
              {.name = "nginx.ingress.kubernetes.io/proxy-redirect-from",
               .type = Text{"a text, off or default"},
               .usual = "off",
               .text = "What is replaced in Location",
               .risk = Risk::Medium,
               .twin = "proxy-redirect-from"},
              {.name = "nginx.ingress.kubernetes.io/proxy-redirect-to",
               .type = Text{"a text"},
               .usual = "off",
               .text = "What replaces it",
               .risk = Risk::Medium,
               .twin = "proxy-redirect-to"},
              {.name = "nginx.ingress.kubernetes.io/rewrite-target",
               .type = Text{"a path of letters, digits and `-._~/:`, and `$1` to `$9`", kMostPath,
                            is_rewrite_target,
                            [](Policies& policies, const std::string& path) {
                              policies.rewrite.path = path;
                            }},
               .text = "Path that the Service sees instead of the request's, whose query stays. "
                       "`$1` to `$9` are what the groups of the Ingress's path took. Unless it is "
                       "the path itself, it makes all paths of the host regular expressions, as "
                       "`use-regex` does",
               .effect = Effect::InEffect,
               .risk = Risk::Medium,
               .since = "0.1",
               .difference = "it begins with `/` or a group, and has no variables of nginx but "
                             "`$1` to `$9`"},
              {.name = "nginx.ingress.kubernetes.io/upstream-vhost",
               .type = Text{"a host, perhaps with a port; `$service_name`, `$service_port` and "
                            "`$namespace` may stand in it",
                            1024, is_upstream_host,
                            [](Policies& policies, const std::string& host) {
                              policies.upstream_host = host;
                            }},
               .text = "Host that the Service sees instead of the client's, which "
                       "`X-Forwarded-Host` keeps. Says nothing about the name in TLS",
               .effect = Effect::InEffect,
               .since = "0.1",
               .difference = "no other variables of nginx may stand in it"},
              {.name = "nginx.ingress.kubernetes.io/use-regex",
               .type = Flag{Flag::Words::TrueFalse,
                            [](Policies& policies, bool on) { policies.use_regex = on; }},
               .usual = "false",
               .scope = Scope::Host,
               .text = "Paths are regular expressions (PCRE), for the start of the normalised "
                       "path, in upper or lower case. So are all others of the host then, "
                       "whichever Ingress has them: `/foo` takes `/FOO` and `/foobar`, even where "
                       "it is Exact. The longest text is tried first. A path that is none is not "
                       "served; one that takes too long to match answers 500",
               .effect = Effect::InEffect,
               .since = "0.1"},
              {.name = "nginx.ingress.kubernetes.io/x-forwarded-prefix",
               .type = Text{"a path of letters, digits and `-._~/:`, and `$1` to `$9`", kMostPath,
                            is_rewrite,
                            [](Policies& policies, const std::string& prefix) {
                              policies.rewrite.prefix = prefix;
                            }},
               .text = "X-Forwarded-Prefix, along with a rewrite",
               .effect = Effect::InEffect,
               .risk = Risk::Medium,
               .needs = kRewriteTarget,
               .since = "0.1",
               .difference = "bytes that no path has are escaped"},
          }};
}

}  // namespace weir::ingress
