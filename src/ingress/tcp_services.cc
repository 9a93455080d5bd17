#include "ingress/tcp_services.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/backend_builder.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kProxy = "PROXY";
constexpr std::size_t kMostServices = 1'000;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

struct Target {
  BackendKey backend;
  bool expects_proxy_protocol = false;
  bool sends_proxy_protocol = false;
};

/// "namespace/service:port", ":PROXY", ":PROXY". An empty place between the colons asks for
/// nothing.
std::optional<Target> parse_target(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto colon = text.find(':');
    words.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  const auto slash = words[0].find('/');
  if (words.size() < 2 || words.size() > 4 || slash == std::string_view::npos) return std::nullopt;
  const auto ns = words[0].substr(0, slash);
  const auto service = words[0].substr(slash + 1);
  if (ns.empty() || service.empty() || words[1].empty()) return std::nullopt;
  const auto is_option = [](std::string_view word) {
    return word.empty() || lower_case(word) == lower_case(kProxy);
  };
  if (!std::all_of(words.begin() + 2, words.end(), is_option)) return std::nullopt;
  Target target;
  target.backend = {{std::string(ns), std::string(service)}, std::string(words[1])};
  target.expects_proxy_protocol = words.size() > 2 && !words[2].empty();
  target.sends_proxy_protocol = words.size() > 3 && !words[3].empty();
  return target;
}

class Reader {
 public:
  Reader(const Options& options, const GlobalSettings& global, const ObjectStore& store)
      : options_(options), global_(global), store_(store) {}

  TcpServices run() {
    if (options_.tcp_services) read_tcp(*options_.tcp_services);
    if (options_.udp_services) read_udp(*options_.udp_services);
    auto& backends = read_.backends;
    std::sort(backends.begin(), backends.end());
    backends.erase(std::unique(backends.begin(), backends.end()), backends.end());
    for (auto& [port, service] : services_) read_.services.push_back(std::move(service));
    return std::move(read_);
  }

 private:
  void add(const NamespacedName& map, std::string_view code, const std::string& key,
           std::string message) {
    read_.problems.push_back({code,
                              {kube::Kind::ConfigMap, map.ns, map.name},
                              key.empty() ? std::string() : fmt::format("data.{}", shortened(key)),
                              std::move(message)});
  }

  const kube::ConfigMap* find(const NamespacedName& map, const char* flag) {
    const auto* found = store_.find_config_map(map);
    if (found == nullptr) {
      add(map, "ConfigMapNotFound", {}, fmt::format("{} names it; no such port is open", flag));
    }
    return found;
  }

  void read_tcp(const NamespacedName& map) {
    const auto* found = find(map, "--tcp-services-configmap");
    if (found == nullptr) return;
    for (const auto& [key, value] : found->data) {
      if (services_.size() == kMostServices) {
        add(map, "InvalidTcpService", {},
            fmt::format("what is behind {} ports is left out", kMostServices));
        return;
      }
      read_entry(map, key, std::string(trimmed(value)));
    }
  }

  void read_entry(const NamespacedName& map, const std::string& key, const std::string& value) {
    const auto port = parse_port(key);
    if (!port) {
      return add(map, "InvalidTcpService", key, "is no port from 1 to 65535; it is left out");
    }
    if (*port == options_.public_http_port || *port == options_.public_https_port) {
      return add(map, "InvalidTcpService", key, "is weir's port for HTTP or HTTPS; it is left out");
    }
    const auto target = parse_target(value);
    if (!target) {
      return add(map, "InvalidTcpService", key,
                 fmt::format("\"{}\" is not namespace/service:port, perhaps with :PROXY once or "
                             "twice behind it; it is left out",
                             shortened(value)));
    }
    table::TcpService service;
    service.port = *port;
    service.backend = to_string(target->backend);
    service.origin = to_string(map);
    service.expects_proxy_protocol = target->expects_proxy_protocol;
    if (target->sends_proxy_protocol) service.proxy_protocol = table::ProxyProtocol::V1;
    service.tries = global_.streams.tries;
    service.tries_window_ms = global_.streams.tries_window_ms;
    table::TunnelPolicy tunnels;
    tunnels.idle_timeout_ms = global_.streams.idle_timeout_ms;
    service.tunnels = tunnels;
    if (!services_.emplace(*port, std::move(service)).second) {
      return add(map, "InvalidTcpService", key, "is there as another text already; it is left out");
    }
    read_.backends.push_back(target->backend);
    check(map, key, target->backend);
  }

  void check(const NamespacedName& map, const std::string& key, const BackendKey& backend) {
    const auto* service = store_.find_service(backend.service);
    constexpr const char* kEffect = "its connections are closed";
    if (service == nullptr) {
      add(map, "ServiceNotFound", key,
          fmt::format("there is no Service {}; {}", to_string(backend.service), kEffect));
    } else if (!has_port(*service, backend.port)) {
      add(map, "ServicePortNotFound", key,
          fmt::format("Service {} has no TCP port \"{}\"; {}", to_string(backend.service),
                      backend.port, kEffect));
    }
  }

  void read_udp(const NamespacedName& map) {
    const auto* found = store_.find_config_map(map);
    if (found == nullptr || found->data.empty()) return;
    add(map, "UdpNotServed", {},
        "--udp-services-configmap names it, and weir serves no UDP; a Service of type LoadBalancer "
        "of its own does");
  }

  const Options& options_;
  const GlobalSettings& global_;
  const ObjectStore& store_;
  TcpServices read_;
  std::map<std::uint16_t, table::TcpService> services_;
};

}  // namespace

TcpServices read_tcp_services(const Options& options, const GlobalSettings& global,
                              const ObjectStore& store) {
  return Reader(options, global, store).run();
}

}  // namespace weir::ingress
