#include <algorithm>
#include <utility>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "ingress/secret_name.h"
#include "ingress/tls_lists.h"
#include "table/text_rules.h"
#include "util/regex.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kAuthSecret = "nginx.ingress.kubernetes.io/auth-tls-secret";

bool is_subject_pattern(std::string_view text) {
  return text.starts_with("CN=") && util::Regex::compile(text).has_value();
}

void set_mode(Policies& policies, std::size_t word) {
  using Mode = table::ClientCertificates::Mode;
  constexpr std::optional<Mode> kModes[] = {Mode::Required, Mode::Optional, Mode::OptionalAny,
                                            std::nullopt};
  policies.client_auth.mode = kModes[word];
}

void set_aliases(Policies& policies, std::vector<std::string> names) {
  policies.aliases.clear();
  policies.wrong_aliases.clear();
  for (auto& name : names) {
    auto& list = is_valid_host(name) ? policies.aliases : policies.wrong_aliases;
    if (std::ranges::find(list, name) == list.end()) list.push_back(std::move(name));
  }
}

}  // namespace

AnnotationTheme tls_annotations() {
  return {
      .title = "TLS towards clients",
      .text = "What each does is in [tls.md](tls.md).",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/auth-tls-error-page",
           .type = Text{"a URL"},
           .scope = Scope::Host,
           .text = "Page for clients whose certificate is missing or wrong",
           .risk = Risk::High},
          {.name = "nginx.ingress.kubernetes.io/auth-tls-match-cn",
           .type = Text{"CN= and a regular expression (PCRE2)", 1024, is_subject_pattern,
                        [](Policies& policies, const std::string& pattern) {
                          policies.client_auth.subject_pattern = pattern;
                        }},
           .scope = Scope::Host,
           .text = "Regular expression for a part of the subject of the client's certificate, as "
                   "`ssl-client-subject-dn` has it; others, and clients without one, get 403. "
                   "`CN=foo` takes `CN=foobar`, too: end it with `,` or `$`",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .close = [](Policies& policies) { policies.access.is_closed = true; },
           .needs = kAuthSecret,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-tls-pass-certificate-to-upstream",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.client_auth.pass_on = on; }},
           .usual = "false",
           .scope = Scope::Host,
           .text = "Sends the client's certificate to the Service and to an auth service, in "
                   "`ssl-client-cert`: PEM with all but letters, digits and `-._~` as %XX",
           .effect = Effect::InEffect,
           .needs = kAuthSecret,
           .since = "0.1"},
          {.name = kAuthSecret,
           .type = Text{kSecretNameText, kMostSecretName, nullptr,
                        [](Policies& policies, const std::string& text) {
                          policies.client_auth.secret = parse_secret_name(text);
                        }},
           .scope = Scope::Host,
           .text = "Clients of the whole host must show a certificate by a CA in `ca.crt` of this "
                   "Secret, and not in its `ca.crl`; others get 400. Without the Secret, or "
                   "without a usable `ca.crt`, everybody gets 403",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-tls-verify-client",
           .type = Choice{{"on", "optional", "optional_no_ca", "off"}, set_mode},
           .usual = "on",
           .scope = Scope::Host,
           .text = "`optional`: none at all is fine as well; `optional_no_ca`: any is, and the "
                   "Service is told; `off`: nobody is asked",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kAuthSecret,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/auth-tls-verify-depth",
           .type = Number{1, table::kMaxVerifyDepth,
                          [](Policies& policies, std::uint64_t depth) {
                            policies.client_auth.verify_depth = static_cast<std::uint32_t>(depth);
                          }},
           .usual = "1",
           .scope = Scope::Host,
           .text = "Intermediate certificates between the client's and a CA, at most",
           .effect = Effect::InEffect,
           .needs = kAuthSecret,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/server-alias",
           .type = List{.item = "a host name, perhaps with `*.` in front",
                        .set = set_aliases,
                        .any_case = true},
           .scope = Scope::Host,
           .text = "Further names of the hosts of this Ingress; those of the oldest Ingress of a "
                   "host that has any count. A name that an Ingress has in its rules is that "
                   "host, and no alias. An alias has the certificate of its host if that covers "
                   "it, else the default one, and then plain requests are not redirected",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .since = "0.1",
           .difference = "regular expressions (`~`) and names that end in `.*` are left out, and "
                         "`*.` stands for one label"},
          {.name = "nginx.ingress.kubernetes.io/ssl-ciphers",
           .type = Text{"a list of ciphers that OpenSSL takes", table::kMaxCiphers, is_cipher_list,
                        [](Policies& policies, const std::string& list) {
                          policies.ssl_ciphers = list;
                        }},
           .scope = Scope::Host,
           .text = "Ciphers of TLS 1.2 for the host; else those of the ConfigMap's `ssl-ciphers`",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/ssl-passthrough",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.ssl_passthrough = on; }},
           .usual = "false",
           .scope = Scope::Host,
           .text = "TLS connections for the host go undecrypted to the Service of its path `/`; "
                   "nothing else of the host counts for them. Not for wildcards and not without a "
                   "host. Plain HTTP goes on as ever, over TLS to the Services of this Ingress",
           .effect = Effect::InEffect,
           .since = "0.1",
           .difference = "connections go to the Service's endpoints, not to its own address, and "
                         "no flag is needed for that"},
          {.name = "nginx.ingress.kubernetes.io/ssl-prefer-server-ciphers",
           .type = Flag{},
           .usual = "true",
           .scope = Scope::Host,
           .text = "Whether the server's order of ciphers counts",
           .effect = Effect::Accepted,
           .note = "weir's order always counts, but for clients that put ChaCha20 first"},
      }};
}

}  // namespace weir::ingress
