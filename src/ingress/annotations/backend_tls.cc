#include <algorithm>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "ingress/secret_name.h"
#include "ingress/tls_lists.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kSecret = "nginx.ingress.kubernetes.io/proxy-ssl-secret";

/// As ingress-nginx does, other words are dropped; with none left the default counts.
void set_versions(Policies& policies, std::vector<std::string> words) {
  const auto has = [&](std::string_view word) {
    return std::ranges::find(words, word) != words.end();
  };
  const table::TlsVersions versions{has("TLSv1.2"), has("TLSv1.3")};
  if (versions.tls12 || versions.tls13) policies.backend_tls.tls.versions = versions;
}

/// A number, or a name as Kubernetes has them (RFC 6335 §5.1).
bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

AnnotationTheme backend_tls_annotations() {
  return {
      .title = "TLS towards Services",
      .text =
          "The `proxy-ssl-…` annotations count for the paths of the Ingress, and for those of "
          "younger Ingresses of the host that have no `proxy-ssl-secret` of their own.",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/backend-protocol",
           .type = Choice{{"HTTP", "HTTPS"},
                          [](Policies& policies, std::size_t word) {
                            policies.speaks_tls_to_backend = word == 1;
                          },
                          {"GRPC", "GRPCS", "AUTO_HTTP", "FCGI"},
                          true},
           .usual = "HTTP",
           .text =
               "What the Services of this Ingress speak. With `HTTPS` alone nothing is verified "
               "and no name is sent; `proxy-ssl-secret` and the others say more",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-ssl-ciphers",
           .type = Text{"a list of ciphers that OpenSSL takes", table::kMaxCiphers, is_cipher_list,
                        [](Policies& policies, const std::string& list) {
                          policies.backend_tls.tls.ciphers = list;
                        }},
           .text = "Ciphers of TLS 1.2; else OpenSSL's",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kSecret,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-ssl-name",
           .type = Text{"a host name", 253,
                        [](std::string_view name) { return table::is_host_name(lower_case(name)); },
                        [](Policies& policies, const std::string& name) {
                          policies.backend_tls.tls.server_name = lower_case(name);
                        }},
           .text = "The name to verify, and to send with `proxy-ssl-server-name`; else the host of "
                   "the request",
           .effect = Effect::InEffect,
           .risk = Risk::High,
           .needs = kSecret,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-ssl-protocols",
           .type = List{' ', "TLSv1.2 or TLSv1.3", 10, nullptr, set_versions},
           .usual = "TLSv1.2 TLSv1.3",
           .text = "Versions to speak",
           .effect = Effect::InEffect,
           .needs = kSecret,
           .since = "0.1",
           .difference = "older versions than 1.2 are never spoken, and 1.3 is by default"},
          {.name = kSecret,
           .type = Text{kSecretNameText, kMostSecretName, nullptr,
                        [](Policies& policies, const std::string& text) {
                          policies.backend_tls.secret = parse_secret_name(text);
                        }},
           .text = "Certificate to show (`tls.crt`, `tls.key`) and CAs to believe (`ca.crt`, "
                   "`ca.crl`). Where it is missing or unusable, requests get 502",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-ssl-server-name",
           .type = Flag{Flag::Words::OnOff,
                        [](Policies& policies, bool on) {
                          policies.backend_tls.tls.send_server_name = on;
                        }},
           .usual = "off",
           .text = "Sends a server name (SNI)",
           .effect = Effect::InEffect,
           .needs = kSecret,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-ssl-verify",
           .type = Flag{Flag::Words::OnOff,
                        [](Policies& policies, bool on) { policies.backend_tls.verify = on; }},
           .usual = "off",
           .text =
               "Verifies the chain and the name of the Service's certificate; what fails is 502",
           .effect = Effect::InEffect,
           .needs = kSecret,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-ssl-verify-depth",
           .type = Number{1, table::kMaxVerifyDepth,
                          [](Policies& policies, std::uint64_t depth) {
                            policies.backend_tls.tls.verify_depth =
                                static_cast<std::uint32_t>(depth);
                          }},
           .usual = "1",
           .text = "Intermediate certificates between the Service's and a CA, at most",
           .effect = Effect::InEffect,
           .needs = kSecret,
           .since = "0.1"},
          {.name = "weir.dev/plain-http-port",
           .type = Text{"number or name of a port of the path's Service", 63, is_port,
                        [](Policies& policies, const std::string& port) {
                          policies.plain_http_port = port;
                        }},
           .text = "Port of the path's Service for requests that came without TLS, spoken to in "
                   "plain HTTP, whatever `backend-protocol` says of the others",
           .effect = Effect::InEffect,
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
