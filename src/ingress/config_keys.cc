#include "ingress/config_keys.h"

#include <algorithm>
#include <map>

namespace weir::ingress {

namespace {

constexpr ConfigKey kKeys[] = {
    {"access-log-params", Effect::Refused, "weir-proxy writes its access log in blocks anyway"},
    {"access-log-path", Effect::Refused, "use weir-proxy's --access-log"},
    {"allow-cross-namespace-resources", Effect::Accepted,
     "annotations name Secrets of their own namespace only; copy those of others"},
    {"allow-snippet-annotations", Effect::Accepted,
     "snippets never have an effect here, and no annotation becomes part of a program"},
    {"annotation-value-word-blocklist", Effect::Accepted,
     "snippets never have an effect here, and no annotation becomes part of a program"},
    {"annotations-risk-level", Effect::Accepted,
     "snippets never have an effect here, and no annotation becomes part of a program"},
    {"app-root", Effect::Accepted,
     "ingress-nginx does not read it either; the annotation of that name counts"},
    {"bind-address", Effect::Accepted, "weir-proxy's --http and --https say where it listens"},
    {"brotli-level", Effect::NotYet},
    {"brotli-min-length", Effect::NotYet},
    {"brotli-types", Effect::NotYet},
    {"client-header-buffer-size", Effect::Accepted,
     "a request's head is read into what it needs; large-client-header-buffers has the limits"},
    {"debug-connections", Effect::Accepted, "weir settles that itself"},
    {"default-type", Effect::NotYet},
    {"disable-ipv6", Effect::Accepted, "weir-proxy's --http and --https say where it listens"},
    {"disable-ipv6-dns", Effect::Accepted, "both families are asked for, and what answers is used"},
    {"disable-stream-access-log", Effect::Accepted,
     "connections of TCP services are in weir-proxy's --access-log, if it has one"},
    {"enable-access-log-for-default-backend", Effect::NotYet},
    {"enable-aio-write", Effect::Accepted, "weir settles that itself"},
    {"enable-auth-access-log", Effect::NotYet},
    {"enable-brotli", Effect::NotYet, "responses go on as the Service sends them"},
    {"enable-modsecurity", Effect::Refused, "put a firewall in front of weir, or into the Pods"},
    {"enable-multi-accept", Effect::Accepted, "weir settles that itself"},
    {"enable-ocsp", Effect::Accepted,
     "weir asks no responder; a Secret can hold the response under tls.ocsp-staple"},
    {"enable-owasp-modsecurity-crs", Effect::Refused,
     "put a firewall in front of weir, or into the Pods"},
    {"enable-serial-reloads", Effect::Accepted, "weir does not reload"},
    {"enable-syslog", Effect::Refused,
     "weir logs to standard error; let the container runtime collect that"},
    {"error-log-level", Effect::Refused, "use --log-level of weir-proxy and weir-controller"},
    {"error-log-path", Effect::Refused,
     "weir logs to standard error; let the container runtime collect that"},
    {"forwarded-for-proxy-protocol-header", Effect::Accepted, "weir needs no header for that"},
    {"forwarded-host-header", Effect::NotYet},
    {"geoip2-autoreload-in-minutes", Effect::Refused, "look addresses up where logs are read"},
    {"global-auth-snippet", Effect::Refused,
     "use the global-auth-... keys; what they cannot say, the auth service can"},
    {"grpc-buffer-size-kb", Effect::NotYet},
    {"gzip-disable", Effect::NotYet},
    {"gzip-level", Effect::NotYet},
    {"gzip-min-length", Effect::NotYet},
    {"gzip-types", Effect::NotYet},
    {"http-access-log-path", Effect::Refused, "use weir-proxy's --access-log"},
    {"http-snippet", Effect::Refused,
     "nothing of a ConfigMap becomes part of a program; there are keys and annotations for "
     "redirects, headers and access"},
    {"http2-max-concurrent-streams", Effect::NotYet, "clients are spoken to in HTTP/1.1"},
    {"http2-max-field-size", Effect::Accepted, "nginx does not heed it either"},
    {"http2-max-header-size", Effect::Accepted, "nginx does not heed it either"},
    {"http2-max-requests", Effect::Accepted, "nginx does not heed it either"},
    {"limit-conn-zone-variable", Effect::NotYet, "limits count by client address"},
    {"location-snippet", Effect::Refused,
     "nothing of a ConfigMap becomes part of a program; there are keys and annotations for "
     "redirects, headers and access"},
    {"log-format-escape-json", Effect::Refused,
     "the access log of weir-proxy is JSON of its own; adapt what reads it"},
    {"log-format-escape-none", Effect::Refused,
     "the access log of weir-proxy is JSON of its own; adapt what reads it"},
    {"log-format-stream", Effect::Refused,
     "the access log of weir-proxy is JSON of its own; adapt what reads it"},
    {"log-format-upstream", Effect::Refused,
     "the access log of weir-proxy is JSON of its own; adapt what reads it"},
    {"lua-shared-dicts", Effect::Accepted, "a table of nginx, which weir has not"},
    {"main-snippet", Effect::Refused,
     "nothing of a ConfigMap becomes part of a program; there are keys and annotations for "
     "redirects, headers and access"},
    {"map-hash-bucket-size", Effect::Accepted, "a table of nginx, which weir has not"},
    {"max-worker-connections", Effect::Accepted,
     "weir-proxy has flags for its limits (weir-proxy --help)"},
    {"max-worker-open-files", Effect::Accepted,
     "weir-proxy has flags for its limits (weir-proxy --help)"},
    {"modsecurity-snippet", Effect::Refused, "put a firewall in front of weir, or into the Pods"},
    {"nginx-status-ipv4-whitelist", Effect::Accepted,
     "weir has no /nginx_status; scrape /metrics of weir-proxy"},
    {"nginx-status-ipv6-whitelist", Effect::Accepted,
     "weir has no /nginx_status; scrape /metrics of weir-proxy"},
    {"opentelemetry-config", Effect::Accepted, "the file is ingress-nginx's own"},
    {"opentelemetry-operation-name", Effect::NotYet, "nothing is traced"},
    {"otel-max-export-batch-size", Effect::NotYet, "nothing is traced"},
    {"otel-max-queuesize", Effect::NotYet, "nothing is traced"},
    {"otel-sampler", Effect::NotYet, "nothing is traced"},
    {"otel-sampler-parent-based", Effect::NotYet, "nothing is traced"},
    {"otel-sampler-ratio", Effect::NotYet, "nothing is traced"},
    {"otel-schedule-delay-millis", Effect::NotYet, "nothing is traced"},
    {"otel-service-name", Effect::NotYet, "nothing is traced"},
    {"otlp-collector-host", Effect::NotYet, "nothing is traced"},
    {"otlp-collector-port", Effect::NotYet, "nothing is traced"},
    {"proxy-headers-hash-bucket-size", Effect::Accepted, "a table of nginx, which weir has not"},
    {"proxy-headers-hash-max-size", Effect::Accepted, "a table of nginx, which weir has not"},
    {"proxy-ssl-location-only", Effect::NotYet,
     "the proxy-ssl-... annotations count for younger Ingresses of the host, too"},
    {"proxy-stream-responses", Effect::Accepted, "it is about UDP, which weir does not serve"},
    {"relative-redirects", Effect::Accepted,
     "weir makes no redirects but those that annotations ask for"},
    {"reuse-port", Effect::Accepted, "weir settles that itself"},
    {"server-name-hash-bucket-size", Effect::Accepted, "a table of nginx, which weir has not"},
    {"server-name-hash-max-size", Effect::Accepted, "a table of nginx, which weir has not"},
    {"server-snippet", Effect::Refused,
     "nothing of a ConfigMap becomes part of a program; there are keys and annotations for "
     "redirects, headers and access"},
    {"server-tokens", Effect::Accepted, "weir tells clients neither its name nor its version"},
    {"ssl-buffer-size", Effect::Accepted, "weir fills TLS records as data comes"},
    {"ssl-dh-param", Effect::Accepted, "weir speaks no cipher with finite-field Diffie-Hellman"},
    {"ssl-early-data", Effect::Accepted, "weir takes no early data, as it can be replayed"},
    {"ssl-session-cache", Effect::Accepted, "sessions are resumed by tickets, which need no cache"},
    {"ssl-session-cache-size", Effect::Accepted,
     "sessions are resumed by tickets, which need no cache"},
    {"ssl-session-ticket-key", Effect::Accepted,
     "weir-controller's --session-ticket-secret names a Secret for that; keys rotate by "
     "themselves"},
    {"stream-access-log-path", Effect::Refused, "use weir-proxy's --access-log"},
    {"stream-snippet", Effect::Refused,
     "nothing of a ConfigMap becomes part of a program; there are keys and annotations for "
     "redirects, headers and access"},
    {"strict-validate-path-type", Effect::Accepted, "a path is never a part of a program here"},
    {"syslog-host", Effect::Refused,
     "weir logs to standard error; let the container runtime collect that"},
    {"syslog-port", Effect::Refused,
     "weir logs to standard error; let the container runtime collect that"},
    {"upstream-hash-by", Effect::Accepted,
     "ingress-nginx does not read it either; the annotation of that name counts"},
    {"upstream-hash-by-subset", Effect::Accepted,
     "ingress-nginx does not read it either; the annotation of that name counts"},
    {"upstream-hash-by-subset-size", Effect::Accepted,
     "ingress-nginx does not read it either; the annotation of that name counts"},
    {"use-geoip2", Effect::Refused, "look addresses up where logs are read"},
    {"use-gzip", Effect::NotYet, "responses go on as the Service sends them"},
    {"use-http2", Effect::NotYet, "clients are spoken to in HTTP/1.1"},
    {"use-port-in-redirects", Effect::Accepted,
     "weir names the port wherever clients need it: if it is not 443"},
    {"variables-hash-bucket-size", Effect::Accepted, "a table of nginx, which weir has not"},
    {"variables-hash-max-size", Effect::Accepted, "a table of nginx, which weir has not"},
    {"worker-cpu-affinity", Effect::Accepted, "weir settles that itself"},
    {"worker-processes", Effect::Accepted,
     "weir-proxy's --threads says how many; by default one a core"},
    {"worker-shutdown-timeout", Effect::Accepted,
     "nothing reloads; at the end weir-proxy's --drain-timeout counts"},
};

}  // namespace

std::span<const ConfigKey> idle_config_keys() {
  return kKeys;
}

const ConfigKey* find_idle_config_key(std::string_view key) {
  const auto* found = std::ranges::lower_bound(kKeys, key, {}, &ConfigKey::key);
  return found != std::end(kKeys) && found->key == key ? found : nullptr;
}

const Annotation* find_any_twin(std::string_view key) {
  static const auto index = [] {
    std::map<std::string_view, const Annotation*> twins;
    for (const auto& theme : annotation_themes()) {
      for (const auto& annotation : theme.annotations) {
        if (!annotation.twin.empty()) twins.emplace(annotation.twin, &annotation);
      }
    }
    return twins;
  }();
  const auto found = index.find(key);
  return found == index.end() ? nullptr : found->second;
}

}  // namespace weir::ingress
