#include <algorithm>

#include "kube/json_node.h"
#include "kube/names.h"
#include "util/base64.h"

/// Service, EndpointSlice, Secret and ConfigMap.
namespace weir::kube {

namespace {

std::string decode_protocol(const Node& node) {
  auto protocol = node.text();
  if (protocol.empty()) return "TCP";
  if (node.from_folder() && protocol != "TCP" && protocol != "UDP" && protocol != "SCTP") {
    node.refuse("must be TCP, UDP or SCTP");
  }
  return protocol;
}

std::string decode_port_name(const Node& node) {
  auto name = node.text();
  if (node.from_folder() && !name.empty() && !is_dns_label(name)) {
    node.refuse("must be lower-case letters, digits and '-'");
  }
  return name;
}

ServicePort decode_service_port(const Node& node) {
  ServicePort port;
  port.name = decode_port_name(node["name"]);
  port.protocol = decode_protocol(node["protocol"]);
  const auto number = node["port"];
  port.port = number.port().value_or(0);
  if (!number.present()) number.refuse("is required");
  port.target_port = node["targetPort"].text_or_number();
  // The API server takes a targetPort of 0 for a missing one.
  if (port.target_port.empty() || port.target_port == "0") {
    port.target_port = std::to_string(port.port);
  }
  return port;
}

void check_service(const Node& spec, const Service& service) {
  if (service.type == "ExternalName") {
    auto name = std::string_view(service.external_name);
    if (name.ends_with('.')) name.remove_suffix(1);
    if (!is_dns_subdomain(name) && !is_ipv6(name)) {
      spec["externalName"].refuse("must be a DNS name or an address");
    }
    return;
  }
  if (service.type != "ClusterIP" && service.type != "NodePort" && service.type != "LoadBalancer") {
    spec["type"].refuse("must be ClusterIP, NodePort, LoadBalancer or ExternalName");
  }
  for (std::size_t i = 0; i < service.ports.size(); ++i) {
    const auto& name = service.ports[i].name;
    if (name.empty() && service.ports.size() > 1) {
      spec["ports"].refuse("must each have a name when there are several");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (!name.empty() && service.ports[j].name == name) {
        spec["ports"].refuse("must have different names");
      }
    }
  }
}

SliceEndpoint decode_endpoint(const Node& node, const std::string& address_type) {
  SliceEndpoint endpoint;
  node["addresses"].each([&](const Node& address) {
    endpoint.addresses.push_back(address.text());
    if (!address.from_folder()) return;
    const auto& text = endpoint.addresses.back();
    if (address_type == "IPv4" && !is_ipv4(text)) address.refuse("must be an IPv4 address");
    if (address_type == "IPv6" && !is_ipv6(text)) address.refuse("must be an IPv6 address");
    if (address_type == "FQDN" && !is_dns_subdomain(text)) address.refuse("must be a DNS name");
  });
  if (node.from_folder() && endpoint.addresses.empty()) {
    node["addresses"].refuse("must have at least one address");
  }
  const auto conditions = node["conditions"];
  endpoint.ready = conditions["ready"].boolean();
  endpoint.serving = conditions["serving"].boolean();
  endpoint.terminating = conditions["terminating"].boolean();
  endpoint.zone = node["zone"].text();
  endpoint.target_uid = node["targetRef"]["uid"].text();
  return endpoint;
}

SlicePort decode_slice_port(const Node& node) {
  SlicePort port;
  port.name = decode_port_name(node["name"]);
  port.protocol = decode_protocol(node["protocol"]);
  port.port = node["port"].port();
  return port;
}

}  // namespace

Service decode_service(const Node& root) {
  Service service;
  const auto spec = root["spec"];
  if (auto type = spec["type"].text(); !type.empty()) service.type = std::move(type);
  service.external_name = spec["externalName"].text();
  spec["ports"].each([&](const Node& p) { service.ports.push_back(decode_service_port(p)); });
  service.cluster_ip = spec["clusterIP"].text();
  service.external_ips = spec["externalIPs"].texts();
  service.addresses = decode_addresses(root);
  if (root.from_folder()) check_service(spec, service);
  return service;
}

EndpointSlice decode_endpoint_slice(const Node& root) {
  EndpointSlice slice;
  slice.service = root["metadata"]["labels"].entry("kubernetes.io/service-name").text();
  const auto type = root["addressType"];
  slice.address_type = type.text();
  if (root.from_folder() && slice.address_type != "IPv4" && slice.address_type != "IPv6" &&
      slice.address_type != "FQDN") {
    type.refuse("must be IPv4, IPv6 or FQDN");
  }
  root["endpoints"].each(
      [&](const Node& e) { slice.endpoints.push_back(decode_endpoint(e, slice.address_type)); });
  root["ports"].each([&](const Node& p) { slice.ports.push_back(decode_slice_port(p)); });
  return slice;
}

bool is_read_secret_key(std::string_view key) {
  return key == "tls.crt" || key == "tls.key" || key == "ca.crt" || key == "ca.crl" ||
         key == "tls.ocsp-staple" || key == "session-ticket-key" || key == "auth";
}

/// Of a user's password: "$apr1$…", "{SHA}…", or the 13 signs of DES. What is something else is not
/// even kept.
bool is_password_hash(std::string_view value) {
  constexpr std::size_t kLongest = 512;
  constexpr std::size_t kDes = 13;
  while (value.ends_with('\n') || value.ends_with('\r')) value.remove_suffix(1);
  if (value.starts_with('$') || value.starts_with("{SHA}") || value.starts_with("{SSHA}") ||
      value.starts_with("{PLAIN}")) {
    return value.size() <= kLongest;
  }
  return value.size() == kDes && std::ranges::all_of(value, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '.' && c <= '9');
         });
}

Secret decode_secret(const Node& root) {
  Secret secret;
  secret.type = root["type"].text();
  if (secret.type.empty()) secret.type = "Opaque";
  root["data"].each_entry([&](std::string_view key, const Node& value) {
    auto bytes = util::decode_base64(value.text());
    if (!is_read_secret_key(key)) {
      if (bytes && is_password_hash(*bytes)) secret.data[std::string(key)] = std::move(*bytes);
      return;
    }
    if (!bytes) value.refuse("must be base64");
    if (bytes) secret.data[std::string(key)] = std::move(*bytes);
  });
  if (!root.from_folder()) return secret;
  root["stringData"].each_entry([&](std::string_view key, const Node& value) {
    const auto text = value.text();
    if (is_read_secret_key(key) || is_password_hash(text)) secret.data[std::string(key)] = text;
  });
  if (secret.type == "kubernetes.io/tls") {
    for (const char* key : {"tls.crt", "tls.key"}) {
      const bool refused_already = root["data"].entry(key).present();
      if (!secret.data.contains(key) && !refused_already) {
        root["data"].entry(key).refuse("is required for the type kubernetes.io/tls");
      }
    }
  }
  return secret;
}

ConfigMap decode_config_map(const Node& root) {
  ConfigMap config;
  root["data"].each_entry(
      [&](std::string_view key, const Node& value) { config.data.emplace(key, value.text()); });
  return config;
}

}  // namespace weir::kube
