#include "kube/json_node.h"
#include "kube/names.h"

/// Ingress and IngressClass, with the rules of k8s.io/kubernetes/pkg/apis/networking/validation for
/// those that come from a folder.
namespace weir::kube {

namespace {

void check_host(const Node& node, const std::string& host) {
  if (!node.from_folder() || host.empty()) return;
  if (is_ipv4(host) || is_ipv6(host)) {
    node.refuse("must be a DNS name, not an IP address");
  } else if (host.find('*') != std::string::npos) {
    if (!is_wildcard_subdomain(host)) {
      node.refuse("may hold '*' only as the whole first label, as in *.shop.example");
    }
  } else if (!is_dns_subdomain(host)) {
    node.refuse("must be a DNS name of lower-case letters, digits, '-' and '.', without a port");
  }
}

void check_path(const Node& node, const IngressPath& path) {
  if (!node.from_folder()) return;
  const bool free_form = path.path_type == PathType::ImplementationSpecific;
  if (free_form && path.path.empty()) return;
  if (path.path.empty() || path.path.front() != '/') {
    node.refuse("must begin with '/'");
    return;
  }
  if (free_form) return;
  for (const char* sequence : {"//", "/./", "/../", "%2f", "%2F"}) {
    if (path.path.find(sequence) != std::string::npos) {
      node.refuse(std::string("must not hold '") + sequence + "'");
    }
  }
  for (const char* suffix : {"/..", "/."}) {
    if (path.path.ends_with(suffix)) node.refuse(std::string("must not end with '") + suffix + "'");
  }
}

ServiceBackendPort decode_backend_port(const Node& node) {
  ServiceBackendPort port;
  port.name = node["name"].text();
  const auto number = node["number"];
  const bool has_number = number.present();
  port.number = number.port().value_or(0);
  if (!node.from_folder()) return port;
  if (port.name.empty() == !has_number) node.refuse("must have either a name or a number");
  if (!port.name.empty() && !is_port_name(port.name)) {
    node["name"].refuse("must be at most 15 lower-case letters, digits and '-', with a letter");
  }
  return port;
}

IngressBackend decode_backend(const Node& node) {
  IngressBackend backend;
  const auto service = node["service"];
  backend.is_resource = node["resource"].present();
  backend.service = service["name"].text();
  if (service.present()) backend.port = decode_backend_port(service["port"]);
  if (!node.from_folder()) return backend;
  if (service.present() == backend.is_resource) {
    node.refuse("must have either a service or a resource");
  } else if (service.present() && !is_dns_label(backend.service)) {
    service["name"].refuse("must be the name of a Service");
  }
  return backend;
}

PathType decode_path_type(const Node& node) {
  const auto text = node.text();
  if (text == "Exact") return PathType::Exact;
  if (text == "Prefix") return PathType::Prefix;
  if (!text.empty() && text != "ImplementationSpecific") {
    node.refuse("must be Exact, Prefix or ImplementationSpecific");
  }
  return PathType::ImplementationSpecific;
}

IngressPath decode_path(const Node& node) {
  IngressPath path;
  path.path = node["path"].text();
  path.path_type = decode_path_type(node["pathType"]);
  path.backend = decode_backend(node["backend"]);
  check_path(node["path"], path);
  return path;
}

IngressRule decode_rule(const Node& node) {
  IngressRule rule;
  rule.host = node["host"].text();
  check_host(node["host"], rule.host);
  const auto http = node["http"];
  http["paths"].each([&](const Node& path) { rule.paths.push_back(decode_path(path)); });
  if (node.from_folder() && http.present() && rule.paths.empty()) {
    http["paths"].refuse("must have at least one path");
  }
  return rule;
}

IngressTls decode_tls(const Node& node) {
  IngressTls tls;
  node["hosts"].each([&](const Node& host) {
    tls.hosts.push_back(host.text());
    check_host(host, tls.hosts.back());
    if (host.from_folder() && tls.hosts.back().empty()) host.refuse("must be a DNS name");
  });
  tls.secret_name = node["secretName"].text();
  if (node.from_folder() && !tls.secret_name.empty() && !is_dns_subdomain(tls.secret_name)) {
    node["secretName"].refuse("must be the name of a Secret");
  }
  return tls;
}

}  // namespace

std::vector<LoadBalancerAddress> decode_addresses(const Node& root) {
  std::vector<LoadBalancerAddress> addresses;
  root["status"]["loadBalancer"]["ingress"].each([&](const Node& address) {
    addresses.push_back({address["ip"].text(), address["hostname"].text()});
  });
  return addresses;
}

Ingress decode_ingress(const Node& root) {
  Ingress ingress;
  const auto spec = root["spec"];
  if (spec["ingressClassName"].present()) {
    ingress.ingress_class_name = spec["ingressClassName"].text();
    if (spec.from_folder() && !is_dns_subdomain(*ingress.ingress_class_name)) {
      spec["ingressClassName"].refuse("must be the name of an IngressClass");
    }
  }
  if (spec["defaultBackend"].present()) {
    ingress.default_backend = decode_backend(spec["defaultBackend"]);
  }
  spec["rules"].each([&](const Node& rule) { ingress.rules.push_back(decode_rule(rule)); });
  spec["tls"].each([&](const Node& tls) { ingress.tls.push_back(decode_tls(tls)); });
  if (spec.from_folder() && !ingress.default_backend && ingress.rules.empty()) {
    spec.refuse("must have rules or a defaultBackend");
  }
  ingress.addresses = decode_addresses(root);
  return ingress;
}

IngressClass decode_ingress_class(const Node& root) {
  IngressClass ingress_class;
  const auto controller = root["spec"]["controller"];
  ingress_class.controller = controller.text();
  if (root.from_folder() && ingress_class.controller.empty()) controller.refuse("is required");
  const auto parameters = root["spec"]["parameters"];
  if (parameters.present()) {
    ingress_class.parameters = ClassParameters{
        parameters["apiGroup"].text(), parameters["kind"].text(), parameters["name"].text(),
        parameters["scope"].text() == "Namespace" ? parameters["namespace"].text() : std::string()};
  }
  return ingress_class;
}

}  // namespace weir::kube
