#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "ingress/secret_name.h"
#include "ingress/text_template.h"
#include "ingress/upstream_host.h"
#include "table/describe_rules.h"

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

constexpr std::size_t kMostReplacement = 1024;  // bytes
constexpr std::string_view kNoPatterns = "regular expressions (`~`) may not stand in it";

void close(Policies& policies) {
  policies.access.is_closed = true;
}

bool is_error(std::string_view text) {
  const auto status = parse_number(text);
  return status && *status >= 400 && *status <= 599;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): what a List calls takes its texts over.
void set_statuses(Policies& policies, std::vector<std::string> texts) {
  std::set<std::uint16_t> statuses;
  for (const auto& text : texts) statuses.insert(static_cast<std::uint16_t>(*parse_number(text)));
  policies.errors.statuses.assign(statuses.begin(), statuses.end());
}

/// RFC 1035 §2.3.1, in lower case.
bool is_service_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && is_letter(name.front()) && name.back() != '-' &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

bool is_off(std::string_view text) {
  return text == "off";
}

/// A text of a URL without variables, which is no regular expression.
bool is_plain_url(std::string_view text) {
  return !text.empty() && !text.starts_with('~') && text.find('$') == text.npos &&
         parse_url_text(text).has_value();
}

constexpr std::string_view kMirrorTarget = "nginx.ingress.kubernetes.io/mirror-target";

bool is_mirror_target(std::string_view text) {
  const auto url = parse_url_template(text);
  return url && !url->authority.empty();
}

void set_mirror_target(Policies& policies, const std::string& text) {
  auto url = *parse_url_template(text);
  auto& mirror = policies.mirror;
  mirror.backend = BackendKey{{"", url.host}, std::to_string(url.port)};
  mirror.copy.host = url.authority;
  mirror.copy.target = std::move(url.target);
  mirror.copy.tls.reset();
  if (!url.https) return;
  auto& tls = mirror.copy.tls.emplace();
  tls.server_name = url.host;
  tls.send_server_name = true;
}

bool is_mirror_host(std::string_view text) {
  return !text.empty() && table::is_host_field(text);
}

std::string_view without_dot(std::string_view domain) {
  return domain.starts_with('.') ? domain.substr(1) : domain;
}

/// "from to"; nothing for "off", or if it is not so.
std::optional<table::Replacement> parse_replacement(std::string_view text) {
  const auto words = split_list(text, ' ');
  if (words.size() != 2 || !is_plain_url(words[0])) return std::nullopt;
  auto to = parse_url_text(words[1]);
  if (!to) return std::nullopt;
  return table::Replacement{words[0], *std::move(to)};
}

std::optional<table::Replacement> parse_domains(std::string_view text) {
  const auto words = split_list(text, ' ');
  if (words.size() != 2) return std::nullopt;
  return parse_replacement(fmt::format("{} {}", without_dot(words[0]), without_dot(words[1])));
}

bool is_replacement(std::string_view text) {
  return is_off(text) || parse_replacement(text);
}

bool is_cookie_domain(std::string_view text) {
  return is_off(text) || parse_domains(text);
}

void set_cookie_path(Policies& policies, const std::string& text) {
  policies.replacements.cookie_path = parse_replacement(text);
}

void set_cookie_domain(Policies& policies, const std::string& text) {
  policies.replacements.cookie_domain = parse_domains(text);
}

void set_redirect_from(Policies& policies, const std::string& text) {
  policies.replacements.redirect_from = is_off(text) || text == "default" ? "" : text;
}

bool is_redirect_to(std::string_view text) {
  return parse_url_text(text).has_value();
}

void set_redirect_to(Policies& policies, const std::string& text) {
  policies.replacements.redirect_to =
      is_off(text) ? std::vector<table::TextPart>() : *parse_url_text(text);
}

}  // namespace

AnnotationTheme content_annotations() {
  return {
      .title = "Rewriting, headers and errors",
      .text = "",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/connection-proxy-header",
           .type = Choice{{"close", "keep-alive"},
                          [](Policies& policies, std::size_t word) {
                            policies.close_endpoints = word == 0;
                          }},
           .text = "With `close`, connections to the Service are for one request",
           .effect = Effect::InEffect,
           .since = "0.1",
           .difference = "it breaks no handshakes of tunnels"},
          {.name = "nginx.ingress.kubernetes.io/custom-headers",
           .type =
               Text{"namespace/name of a ConfigMap, of this namespace", kMostSecretName, nullptr,
                    [](Policies& policies, const std::string& text) {
                      policies.response_headers.config_map = parse_secret_name(text);
                    }},
           .text = "ConfigMap whose entries are headers of every response, weir's own too, "
                   "instead of the Service's. The ConfigMap's `global-allowed-response-headers` "
                   "says which names may be in it, upper and lower case as written. Without it, "
                   "or with another name or what can be no header in it, the paths answer 503; "
                   "its changes are followed. Variables may stand in the values, as in "
                   "`auth-url`",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .close = close,
           .since = "0.1",
           .difference = "changes of the ConfigMap count at once; headers with other "
                         "variables of nginx are left out, and so are Connection and what "
                         "frames messages"},
          {.name = "nginx.ingress.kubernetes.io/custom-http-errors",
           .type =
               List{',', "a status from 400 to 599", table::kMaxStatuses, is_error, set_statuses},
           .text = "Statuses for which `default-backend`, else weir's "
                   "`--default-backend-service`, answers instead, whether they are the "
                   "Service's or weir's own. It gets the client's method and headers for path "
                   "`/`, without the body, and what happened in X-Code, X-Format, "
                   "X-Original-URI, X-Namespace, X-Ingress-Name, X-Service-Name and "
                   "X-Service-Port. Its status, headers and body, up to 1 MiB, are the answer; "
                   "where it gives none, the original one is",
           .effect = Effect::InEffect,
           .twin = "custom-http-errors",
           .since = "0.1",
           .difference = "it does not get the request's body; the statuses begin at 400 in the "
                         "ConfigMap, too; what it answers to its own requests stands; "
                         "`auth-signin` changes nothing about it"},
          {.name = "nginx.ingress.kubernetes.io/default-backend",
           .type = Text{"name of a Service of this namespace", 63, is_service_name,
                        [](Policies& policies, const std::string& name) {
                          policies.errors.service = name;
                        }},
           .text = "Service, by its first port, that answers while the path's own one has no "
                   "endpoint. It gets the request as it is, with X-Code: 503 and the other "
                   "headers of `custom-http-errors`, and answers for that, too",
           .effect = Effect::InEffect,
           .since = "0.1",
           .difference = "it is spoken to in plain HTTP, whatever `backend-protocol` says; "
                         "without an endpoint of its own weir itself answers"},
          {.name = "nginx.ingress.kubernetes.io/disable-proxy-intercept-errors",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.errors.only_own = on; }},
           .usual = "false",
           .text = "`custom-http-errors` counts for weir's own answers alone; the Service's go "
                   "on as they are",
           .effect = Effect::InEffect,
           .twin = "disable-proxy-intercept-errors",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/http2-push-preload",
           .type = Flag{},
           .text = "Pushes what Link headers name",
           .effect = Effect::Accepted,
           .note = "browsers and nginx have dropped HTTP/2 push"},
          {.name = "nginx.ingress.kubernetes.io/mirror-host",
           .type = Text{"a host, perhaps with a port", 256, is_mirror_host,
                        [](Policies& policies, const std::string& host) {
                          policies.mirror.host = host;
                        }},
           .text = "Host of copies, instead of that of `mirror-target`",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .needs = kMirrorTarget,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/mirror-request-body",
           .type = Flag{Flag::Words::OnOff,
                        [](Policies& policies, bool on) { policies.mirror.copy.with_body = on; }},
           .usual = "on",
           .text = "Whether copies have the body. A body of more than 64 KiB is not copied, and "
                   "neither is its request",
           .effect = Effect::InEffect,
           .needs = kMirrorTarget,
           .since = "0.1",
           .difference = "bodies are not read ahead of the Service, and those that are large are "
                         "not copied"},
          {.name = kMirrorTarget,
           .type = Text{"an http or https URL, perhaps with variables behind its host", 1024,
                        is_mirror_target, set_mirror_target},
           .text = "Where a copy of each request goes, once, when the request itself has gone to "
                   "the Service; its answer is thrown away. The request never waits for it: when "
                   "too many copies are under way, others are left out",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .since = "0.1",
           .difference = "a request does not wait for the end of its copy; handshakes of tunnels "
                         "are not copied"},
          {.name = "nginx.ingress.kubernetes.io/proxy-cookie-domain",
           .type = Text{"off, or two domains with a blank between", kMostReplacement,
                        is_cookie_domain, set_cookie_domain},
           .usual = "off",
           .text = "Replaces the Domain of the Service's cookies if it is the first one, in "
                   "upper or lower case, by the second; a leading dot does not count",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "proxy-cookie-domain",
           .since = "0.1",
           .difference = kNoPatterns},
          {.name = "nginx.ingress.kubernetes.io/proxy-cookie-path",
           .type = Text{"off, or two paths with a blank between", kMostReplacement, is_replacement,
                        set_cookie_path},
           .usual = "off",
           .text = "Replaces the beginning of the Path of the Service's cookies if it is the "
                   "first one by the second",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "proxy-cookie-path",
           .since = "0.1",
           .difference = kNoPatterns},
          {.name = "nginx.ingress.kubernetes.io/proxy-redirect-from",
           .type = Text{"off, default, or the beginning of a URL", kMostReplacement, is_plain_url,
                        set_redirect_from},
           .usual = "off",
           .text = "Beginning of the Service's Location, Content-Location, URI and Refresh that "
                   "`proxy-redirect-to` replaces. `default` replaces nothing: what it stands "
                   "for, no Service knows",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "proxy-redirect-from",
           .since = "0.1",
           .difference = kNoPatterns},
          {.name = "nginx.ingress.kubernetes.io/proxy-redirect-to",
           .type = Text{"off, or the beginning of a URL, perhaps with variables", kMostReplacement,
                        is_redirect_to, set_redirect_to},
           .usual = "off",
           .text = "What replaces `proxy-redirect-from`",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "proxy-redirect-to",
           .since = "0.1"},
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
          {.name = "weir.dev/via",
           .type = Text{"a name of letters, digits and some signs, without blanks", 256,
                        table::is_token,
                        [](Policies& policies, const std::string& name) { policies.via = name; }},
           .text = "Adds weir under this name to the Via of requests and responses (RFC 9110, "
                   "7.6.3)",
           .effect = Effect::InEffect,
           .twin = "via",
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
