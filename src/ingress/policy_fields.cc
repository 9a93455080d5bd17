#include "ingress/policy_fields.h"

#include <algorithm>
#include <cassert>
#include <span>

namespace weir::ingress {

namespace {

using kube::Kind;

struct Row {
  std::string_view path;
  std::string_view annotation;
  std::string_view text = {};
  bool is_secret_name = false;
};

constexpr Row kTunnelRows[] = {
    {"websocket", "weir.dev/websocket", "`false` answers 403 to WebSocket handshakes"},
    {"upgradeProtocols", "weir.dev/tunnel-upgrade-protocols"},
    {"refuseBy", "weir.dev/tunnel-refuse-by",
     "How a client learns that weir refuses its handshake: `Http` by a status, which browsers do "
     "not show to scripts; `Close` by a 101 and a Close frame with code and reason, which they do"},
    {"onRouteChange", "weir.dev/tunnel-on-route-change",
     "What becomes of tunnels whose path is gone or leads to another Service: `Keep` leaves them "
     "to their two sides, `Drain` ends them politely over `drain.window`, `Cut` politely at once"},
    {"onEndpointEnd", "weir.dev/tunnel-on-endpoint-end",
     "The same for tunnels whose endpoint terminates or is gone"},
    {"origins.allowed", "weir.dev/tunnel-allowed-origins",
     "Pages that may open a WebSocket, by the Origin that browsers send: scheme://host with an "
     "optional port, where `*.` may lead the host; `same-host`, the host of the request; `none`, a "
     "handshake without Origin. Others get 403. Without this list every page may"},
    {"timeouts.handshake", "weir.dev/tunnel-handshake-timeout"},
    {"timeouts.idle", "weir.dev/tunnel-idle-timeout",
     "Ends a tunnel without a byte in either direction for so long; `0` never does"},
    {"timeouts.stall", "weir.dev/tunnel-stall-timeout"},
    {"timeouts.halfClosed", "weir.dev/tunnel-half-closed-timeout"},
    {"timeouts.close", "weir.dev/tunnel-close-timeout"},
    {"timeouts.maxDuration", "weir.dev/tunnel-max-duration"},
    {"timeouts.maxDurationSpread", "weir.dev/tunnel-duration-spread"},
    {"timeouts.reauthorize", "weir.dev/tunnel-auth-interval"},
    {"keepalive.pingInterval", "weir.dev/tunnel-ping-interval"},
    {"keepalive.pingMisses", "weir.dev/tunnel-ping-misses"},
    {"limits.tunnels", "weir.dev/tunnel-limit"},
    {"limits.tunnelsPerClient", "weir.dev/tunnel-limit-per-client",
     "Tunnels of a path that a client address may have open at once, in each proxy; others get "
     "503. `0` is no limit"},
    {"limits.tunnelsPerEndpoint", "weir.dev/tunnel-limit-per-endpoint"},
    {"limits.handshakesPerSecond", "weir.dev/tunnel-opens-per-second"},
    {"limits.handshakeBurst", "weir.dev/tunnel-open-burst"},
    {"limits.handshakeWait", "weir.dev/tunnel-open-wait"},
    {"limits.frameSize", "weir.dev/tunnel-max-frame"},
    {"drain.window", "weir.dev/tunnel-drain-window"},
    {"drain.closeCode", "weir.dev/tunnel-close-code"},
    {"drain.closeReason", "weir.dev/tunnel-close-reason"},
    {"rebalance.perMinute", "weir.dev/tunnel-rebalance"},
    {"rebalance.tolerance", "weir.dev/tunnel-rebalance-tolerance"},
};

constexpr Row kBackendRows[] = {
    {"protocol", "nginx.ingress.kubernetes.io/backend-protocol",
     "What the Service speaks. With `HTTPS` alone nothing is verified and no name is sent; `tls` "
     "says more"},
    {"tls.secretName", "nginx.ingress.kubernetes.io/proxy-ssl-secret",
     "Secret of the same namespace with the certificate to show (`tls.crt`, `tls.key`) and CAs to "
     "believe (`ca.crt`, `ca.crl`). Where it is missing or unusable, requests get 502",
     true},
    {"tls.verify", "nginx.ingress.kubernetes.io/proxy-ssl-verify"},
    {"tls.verifyDepth", "nginx.ingress.kubernetes.io/proxy-ssl-verify-depth"},
    {"tls.name", "nginx.ingress.kubernetes.io/proxy-ssl-name"},
    {"tls.sendName", "nginx.ingress.kubernetes.io/proxy-ssl-server-name"},
    {"timeouts.connect", "nginx.ingress.kubernetes.io/proxy-connect-timeout"},
    {"timeouts.read", "nginx.ingress.kubernetes.io/proxy-read-timeout",
     "Longest time between two reads of a response, and until its head: then 504. Nothing to "
     "tunnels"},
    {"timeouts.send", "nginx.ingress.kubernetes.io/proxy-send-timeout",
     "Longest time between two writes of a request: then 504. Nothing to tunnels"},
    {"retries.conditions", "nginx.ingress.kubernetes.io/proxy-next-upstream",
     "What of a try sends the request to another endpoint. `off` alone: nothing"},
    {"retries.tries", "nginx.ingress.kubernetes.io/proxy-next-upstream-tries",
     "Tries in all, the first one included; 16 at most, which is also what `0` means"},
    {"retries.window", "nginx.ingress.kubernetes.io/proxy-next-upstream-timeout"},
    {"balancing.algorithm", "nginx.ingress.kubernetes.io/load-balance",
     "`Ewma`: the less loaded of two endpoints drawn at random, where load is what is in flight; "
     "`RoundRobin`: each in turn"},
    {"balancing.hashBy", "nginx.ingress.kubernetes.io/upstream-hash-by"},
    {"affinity.type", "nginx.ingress.kubernetes.io/affinity",
     "`Cookie` keeps a client at its endpoint by a cookie"},
    {"affinity.mode", "nginx.ingress.kubernetes.io/affinity-mode",
     "`Balanced`, the default: when endpoints come and go, some clients move; `Persistent`: only "
     "those whose endpoint is gone"},
    {"affinity.cookieName", "nginx.ingress.kubernetes.io/session-cookie-name"},
    {"affinity.cookiePath", "nginx.ingress.kubernetes.io/session-cookie-path"},
    {"affinity.cookieDomain", "nginx.ingress.kubernetes.io/session-cookie-domain"},
    {"affinity.cookieMaxAge", "nginx.ingress.kubernetes.io/session-cookie-max-age"},
    {"affinity.cookieSameSite", "nginx.ingress.kubernetes.io/session-cookie-samesite"},
    {"affinity.moveOnFailure", "nginx.ingress.kubernetes.io/session-cookie-change-on-failure"},
    {"limits.requestsPerEndpoint", "weir.dev/endpoint-requests"},
    {"limits.queue", "weir.dev/endpoint-queue"},
    {"limits.queueTimeout", "weir.dev/endpoint-queue-timeout"},
    {"healthCheck.type", "weir.dev/health-check",
     "Asks each endpoint how it is, and leaves out those that fail while another does not: `Tcp`, "
     "whether it takes a connection; `Http`, how it answers a GET. Where `protocol` is HTTPS, "
     "`Http` is `Tcp`"},
    {"healthCheck.path", "weir.dev/health-check-path"},
    {"healthCheck.host", "weir.dev/health-check-host"},
    {"healthCheck.status", "weir.dev/health-check-status"},
    {"healthCheck.interval", "weir.dev/health-check-interval"},
    {"healthCheck.timeout", "weir.dev/health-check-timeout"},
    {"healthCheck.rise", "weir.dev/health-check-rise"},
    {"healthCheck.fall", "weir.dev/health-check-fall"},
};

std::vector<PolicyGroup> tunnel_groups() {
  return {
      {"origins", "Which pages may open a WebSocket", {"allowed"}},
      {"timeouts",
       "How long tunnels, and what they wait for, may take",
       {},
       {{"!has(self.maxDurationSpread) || has(self.maxDuration)",
         "maxDurationSpread needs maxDuration, from which it is taken"}}},
      {"keepalive",
       "WebSocket Pings of weir's own",
       {},
       {{"!has(self.pingMisses) || has(self.pingInterval)",
         "pingMisses needs pingInterval: without it no Ping is sent that could be missed"}}},
      {"limits",
       "How many tunnels there may be, and how fast they may come",
       {},
       {{"!has(self.handshakeBurst) || has(self.handshakesPerSecond)",
         "handshakeBurst needs handshakesPerSecond, which it is above"},
        {"!has(self.handshakeWait) || has(self.handshakesPerSecond)",
         "handshakeWait needs handshakesPerSecond, for whose turn a handshake waits"},
        {"!has(self.tunnels) || self.tunnels == 0 || !has(self.tunnelsPerClient) || "
         "self.tunnelsPerClient <= self.tunnels",
         "tunnelsPerClient must be at most tunnels: a client cannot have more than all have"},
        {"!has(self.tunnels) || self.tunnels == 0 || !has(self.tunnelsPerEndpoint) || "
         "self.tunnelsPerEndpoint <= self.tunnels",
         "tunnelsPerEndpoint must be at most tunnels: an endpoint cannot have more than all "
         "have"}}},
      {"drain", "How weir ends tunnels"},
      {"rebalance",
       "Moves tunnels from endpoints that have too many",
       {},
       {{"!has(self.tolerance) || has(self.perMinute)",
         "tolerance needs perMinute: without it no tunnel is moved"}}},
  };
}

std::vector<PolicyGroup> backend_groups() {
  return {
      {"tls", "TLS towards the Service", {"secretName"}},
      {"timeouts", "How long the Service may take for a request"},
      {"retries",
       "What is tried again at another endpoint",
       {},
       {{"!has(self.conditions) || !self.conditions.exists(word, word == 'off') || "
         "self.conditions.size() == 1",
         "off stands alone: with it nothing is tried again"}}},
      {"balancing",
       "Which endpoint takes a request",
       {},
       {{"!(has(self.algorithm) && has(self.hashBy))",
         "algorithm and hashBy exclude each other: with hashBy the text names the endpoint"}}},
      {"affinity", "Keeps clients at their endpoint", {"type"}},
      {"limits",
       "How much one endpoint gets to do at once",
       {},
       {{"!has(self.queue) || has(self.requestsPerEndpoint)",
         "queue needs requestsPerEndpoint: without it no request waits"},
        {"!has(self.queueTimeout) || has(self.requestsPerEndpoint)",
         "queueTimeout needs requestsPerEndpoint: without it no request waits"}}},
      {"healthCheck",
       "Checks of endpoints by weir",
       {"type"},
       {{"self.type == 'Http' || !(has(self.path) || has(self.host) || has(self.status))",
         "path, host and status need type Http: other checks ask for nothing"},
        {"!has(self.timeout) || !has(self.interval) || "
         "duration(self.timeout) <= duration(self.interval)",
         "timeout must be at most interval: one check ends before the next begins"}}},
  };
}

constexpr PolicyRule kTlsNeedsHttps = {
    "!has(self.tls) || (has(self.protocol) && self.protocol == 'HTTPS')",
    "tls needs protocol HTTPS: nothing is encrypted without it"};

/// Those of `from`, below `prefix`, without what names an object beside the policy.
void add_rows(std::span<const Row> from, const std::string& prefix, PolicyKind& kind) {
  for (const auto& row : from) {
    if (row.is_secret_name && !prefix.empty()) continue;
    const auto* annotation = find_annotation(row.annotation);
    assert(annotation != nullptr);
    kind.fields.push_back(
        {prefix + std::string(row.path), annotation, row.text, row.is_secret_name});
  }
}

void add_groups(std::vector<PolicyGroup> from, const std::string& prefix, PolicyKind& kind) {
  for (auto& group : from) {
    group.path = prefix + group.path;
    kind.groups.push_back(std::move(group));
  }
}

PolicyKind make_tunnel_policy() {
  PolicyKind kind{Kind::TunnelPolicy,
                  "tunnelpolicies",
                  "wtp",
                  "How WebSockets and other tunnels of an Ingress or a Service open, live and end. "
                  "A change counts at once, and cuts no tunnel that is open.",
                  {{"", "What the policy is for, and what it says", {"targetRefs"}}},
                  {}};
  add_groups(tunnel_groups(), {}, kind);
  add_rows(kTunnelRows, {}, kind);
  return kind;
}

PolicyKind make_backend_policy() {
  PolicyKind kind{
      Kind::BackendPolicy,
      "backendpolicies",
      "wbp",
      "How weir reaches the endpoints of a Service: protocol, TLS, timeouts, retries, "
      "balancing, limits and health. A change counts at once, and cuts no tunnel that "
      "is open.",
      {{"", "What the policy is for, and what it says", {"targetRefs"}, {kTlsNeedsHttps}}},
      {}};
  add_groups(backend_groups(), {}, kind);
  add_rows(kBackendRows, {}, kind);
  return kind;
}

/// TLS needs a Secret, which belongs to a Service's namespace.
PolicyKind make_config() {
  PolicyKind kind{Kind::WeirConfig,
                  "weirconfigs",
                  "wcfg",
                  "Defaults for all Ingresses of the IngressClasses whose spec.parameters name it. "
                  "Annotations and policies count before it, the ConfigMap of all classes after "
                  "it.",
                  {{"", "The defaults"},
                   {"tunnels", "As the fields of a TunnelPolicy"},
                   {"backends", "As the fields of a BackendPolicy"}},
                  {}};
  add_groups(tunnel_groups(), "tunnels.", kind);
  add_rows(kTunnelRows, "tunnels.", kind);
  auto groups = backend_groups();
  std::erase_if(groups, [](const PolicyGroup& group) { return group.path == "tls"; });
  add_groups(std::move(groups), "backends.", kind);
  add_rows(kBackendRows, "backends.", kind);
  std::erase_if(kind.fields,
                [](const PolicyField& field) { return field.path.starts_with("backends.tls."); });
  return kind;
}

}  // namespace

const std::vector<PolicyKind>& policy_kinds() {
  static const std::vector<PolicyKind> kinds = {make_tunnel_policy(), make_backend_policy(),
                                                make_config()};
  return kinds;
}

const PolicyKind& policy_kind(kube::Kind kind) {
  const auto& kinds = policy_kinds();
  const auto found =
      std::ranges::find_if(kinds, [&](const PolicyKind& one) { return one.kind == kind; });
  assert(found != kinds.end());
  return *found;
}

const PolicyField* find_policy_field(kube::Kind kind, std::string_view path) {
  const auto& fields = policy_kind(kind).fields;
  const auto found =
      std::ranges::find_if(fields, [&](const PolicyField& field) { return field.path == path; });
  return found == fields.end() ? nullptr : &*found;
}

bool is_time(const Annotation& annotation) {
  if (std::holds_alternative<Duration>(annotation.type)) return true;
  const auto* number = std::get_if<Number>(&annotation.type);
  return number != nullptr && number->unit == "seconds";
}

std::string camel_case(std::string_view word) {
  std::string result;
  bool is_start = true;
  for (const char c : word) {
    if (c == '_' || c == '-') {
      is_start = true;
      continue;
    }
    result += is_start && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    is_start = false;
  }
  return result;
}

}  // namespace weir::ingress
