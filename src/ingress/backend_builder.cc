#include "ingress/backend_builder.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <tuple>

namespace weir::ingress {

namespace {

using State = table::Endpoint::State;

constexpr char kExternalName[] = "ExternalName";

std::optional<std::uint16_t> parse_port(const std::string& text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || rest != end || port == 0) return std::nullopt;
  return port;
}

std::optional<std::uint16_t> checked_port(std::int32_t port) {
  if (port < 1 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

struct Address {
  bool is_v6 = false;
  bool is_loopback = false;  ///< or unspecified, which connects to this machine as well
};

std::optional<Address> parse_address(const std::string& text) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    const std::uint32_t address = ntohl(v4.s_addr);
    return Address{false, address >> 24 == 127 || address == 0};
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6) && (v6.s6_addr[12] == 127 || v6.s6_addr[12] == 0);
    return Address{true, IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || mapped};
  }
  return std::nullopt;
}

kube::ObjectRef service_ref(const BackendKey& key) {
  return {kube::Kind::Service, key.service.ns, key.service.name};
}

/// Ready if `ready` is true or not said; Draining if it still serves while it terminates; Unready
/// if it may yet become ready. None: it is about to be gone, and serves nobody.
std::optional<State> state_of(const kube::SliceEndpoint& endpoint) {
  if (endpoint.ready.value_or(true)) return State::Ready;
  if (!endpoint.terminating.value_or(false)) return State::Unready;
  if (endpoint.serving.value_or(false)) return State::Draining;
  return std::nullopt;
}

/// The ports of one slice that belong to `wanted`: those of its name; all, when it has none. A
/// slice that does not know the name, or that names no ports, is taken at a numeric targetPort.
std::set<std::uint16_t> ports_of(const kube::EndpointSlice& slice,
                                 const kube::ServicePort& wanted) {
  std::set<std::uint16_t> ports;
  for (const auto& port : slice.ports) {
    if (port.protocol != "TCP" || !port.port) continue;
    if (!wanted.name.empty() && port.name != wanted.name) continue;
    if (const auto number = checked_port(*port.port)) ports.insert(*number);
  }
  if (ports.empty()) {
    if (const auto number = parse_port(wanted.target_port)) ports.insert(*number);
  }
  return ports;
}

std::string join_host_port(const std::string& address, bool is_v6, std::uint16_t port) {
  const std::string number = std::to_string(port);
  return is_v6 ? '[' + address + "]:" + number : address + ':' + number;
}

/// Sorted by id; of endpoints with one id or one address a ready one stays, and IPv4 before IPv6
/// (the two addresses of a dual-stack Pod are one endpoint).
std::vector<table::Endpoint> without_duplicates(std::vector<table::Endpoint> endpoints) {
  const auto rank = [](const table::Endpoint& e) {
    return std::tuple(e.state, e.address.find(':') != std::string::npos, std::tie(e.id, e.address),
                      std::tie(e.port, e.zone));
  };
  std::sort(endpoints.begin(), endpoints.end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  std::set<std::string> ids;
  std::set<std::pair<std::string, std::uint16_t>> addresses;
  std::vector<table::Endpoint> unique;
  for (auto& endpoint : endpoints) {
    if (ids.contains(endpoint.id)) continue;
    if (!addresses.insert({endpoint.address, endpoint.port}).second) continue;
    ids.insert(endpoint.id);
    unique.push_back(std::move(endpoint));
  }
  std::sort(unique.begin(), unique.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return unique;
}

void add_slice(const kube::EndpointSlice& slice, const kube::ServicePort& port,
               std::vector<table::Endpoint>& endpoints, std::vector<kube::Problem>& problems) {
  const auto ports = ports_of(slice, port);
  for (std::size_t i = 0; i < slice.endpoints.size(); ++i) {
    const auto& from = slice.endpoints[i];
    const auto state = state_of(from);
    if (!state) continue;
    for (std::size_t j = 0; j < from.addresses.size(); ++j) {
      const auto address = parse_address(from.addresses[j]);
      if (!address) {
        problems.push_back(
            {"InvalidAddress",
             {kube::Kind::EndpointSlice, slice.meta.ns, slice.meta.name},
             "endpoints[" + std::to_string(i) + "].addresses[" + std::to_string(j) + "]",
             "not an IP address; this endpoint is left out"});
        continue;
      }
      for (const std::uint16_t number : ports) {
        const std::string place = join_host_port(from.addresses[j], address->is_v6, number);
        endpoints.push_back(
            {from.target_uid.empty() ? place : from.target_uid + ':' + std::to_string(number),
             from.addresses[j], number, *state, from.zone});
      }
    }
  }
}

/// The port of an ExternalName: a numeric targetPort, else the port itself, else what the Ingress
/// says.
std::optional<std::uint16_t> external_port(const kube::Service& service, const std::string& port) {
  const kube::ServicePort* selected = select_port(service, port);
  if (!selected) return parse_port(port);
  if (const auto target = parse_port(selected->target_port)) return target;
  return checked_port(selected->port);
}

bool is_local_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name == "localhost" || name.ends_with(".localhost");
}

void build_external(const BackendKey& key, const kube::Service& service, bool allow_loopback,
                    BuiltBackend& built) {
  const auto port = external_port(service, key.port);
  if (!port) return;
  std::string name = lower_case(service.external_name);
  const auto address = parse_address(name);
  if (!allow_loopback && (address ? address->is_loopback : is_local_name(name))) {
    built.problems.push_back({"LoopbackNotAllowed", service_ref(key), "spec.externalName",
                              "an ExternalName may not lead to this machine; name another host"});
    return;
  }
  if (address) {
    built.backend.endpoints.push_back(
        {join_host_port(name, address->is_v6, *port), name, *port, State::Ready, {}});
    return;
  }
  std::string_view without_root = name;
  if (without_root.ends_with('.')) without_root.remove_suffix(1);
  if (!is_valid_host(without_root) || without_root.starts_with('*')) {
    built.problems.push_back({"InvalidExternalName", service_ref(key), "spec.externalName",
                              "neither a DNS name nor an IP address"});
    return;
  }
  built.backend.dns = table::DnsName{std::move(name), *port, allow_loopback};
}

void build_named(const BackendKey& key, bool allow_loopback, BuiltBackend& built) {
  const auto port = parse_port(key.port);
  const auto& name = key.service.name;
  const auto address = parse_address(name);
  const bool is_local = address ? address->is_loopback : is_local_name(name);
  if (!port || (is_local && !allow_loopback)) return;
  if (address) {
    built.backend.endpoints.push_back(
        {join_host_port(name, address->is_v6, *port), name, *port, State::Ready, {}});
  } else {
    built.backend.dns = table::DnsName{name, *port, allow_loopback};
  }
}

/// The Service's own address. False: it has none, and its endpoints count.
bool build_address(const BackendKey& key, const kube::Service& service, BuiltBackend& built) {
  const auto* port = select_port(service, key.port);
  if (port == nullptr) return false;
  const auto address = parse_address(service.cluster_ip);
  const auto number = checked_port(port->port);
  if (!address || !number) {
    built.problems.push_back({"NoServiceAddress", service_ref(key), "spec.clusterIP",
                              "service-upstream sends to the Service's address, and it has none; "
                              "its endpoints are used"});
    return false;
  }
  built.backend.endpoints.push_back({join_host_port(service.cluster_ip, address->is_v6, *number),
                                     service.cluster_ip,
                                     *number,
                                     State::Ready,
                                     {}});
  return true;
}

}  // namespace

const kube::ServicePort* select_port(const kube::Service& service, const std::string& port) {
  for (const auto& candidate : service.ports) {
    if (candidate.protocol != "TCP") continue;
    if (port.empty() || port == std::to_string(candidate.port) || port == candidate.target_port ||
        port == candidate.name) {
      return &candidate;
    }
  }
  return nullptr;
}

bool has_port(const kube::Service& service, const std::string& port) {
  if (service.type == kExternalName && parse_port(port)) return true;
  return select_port(service, port) != nullptr;
}

BuiltBackend build_backend(const BackendKey& key, const kube::Service* service,
                           const std::vector<const kube::EndpointSlice*>& slices,
                           const BackendRules& rules) {
  BuiltBackend built;
  built.backend.name = to_string(key);
  if (key.service.ns.empty()) {
    build_named(key, rules.allow_loopback, built);
    return built;
  }
  if (!service) return built;
  if (rules.by_address && build_address(key, *service, built)) return built;
  if (service->type == kExternalName && slices.empty()) {
    build_external(key, *service, rules.allow_loopback, built);
    return built;
  }
  const kube::ServicePort* port = select_port(*service, key.port);
  if (!port) return built;
  std::vector<table::Endpoint> endpoints;
  for (const kube::EndpointSlice* slice : slices) {
    add_slice(*slice, *port, endpoints, built.problems);
  }
  built.backend.endpoints = without_duplicates(std::move(endpoints));
  std::sort(built.problems.begin(), built.problems.end());
  return built;
}

}  // namespace weir::ingress
