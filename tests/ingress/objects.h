#pragma once

#include <string>
#include <vector>

#include "ingress/test_certificates.h"
#include "kube/objects.h"

/// Objects in one line each.
namespace weir::test {

inline kube::ObjectMeta meta(std::string name, std::string ns = "default",
                             std::int64_t created = 0) {
  kube::ObjectMeta meta;
  meta.ns = std::move(ns);
  meta.name = std::move(name);
  meta.creation_timestamp = created;
  return meta;
}

inline kube::IngressBackend to(std::string service, std::int32_t port = 80) {
  kube::IngressBackend backend;
  backend.service = std::move(service);
  backend.port.number = port;
  return backend;
}

inline kube::IngressRule rule(std::string host, std::string path, kube::IngressBackend backend,
                              kube::PathType type = kube::PathType::Prefix) {
  return {std::move(host), {{std::move(path), type, std::move(backend)}}};
}

/// With annotation kubernetes.io/ingress.class "nginx", which is ours without any IngressClass.
inline kube::Ingress ingress(std::string name, std::vector<kube::IngressRule> rules,
                             std::vector<kube::IngressTls> tls = {}, std::int64_t created = 0) {
  kube::Ingress ingress;
  ingress.meta = meta(std::move(name), "default", created);
  ingress.meta.annotations["kubernetes.io/ingress.class"] = "nginx";
  ingress.rules = std::move(rules);
  ingress.tls = std::move(tls);
  return ingress;
}

inline kube::Service service(std::string name, std::int32_t port = 80) {
  kube::Service service;
  service.meta = meta(std::move(name));
  service.ports.push_back({"", "TCP", port, std::to_string(port)});
  return service;
}

inline kube::EndpointSlice slice(std::string name, std::string of_service,
                                 std::vector<std::string> addresses, std::int32_t port = 8080) {
  kube::EndpointSlice slice;
  slice.meta = meta(std::move(name));
  slice.service = std::move(of_service);
  slice.address_type = "IPv4";
  slice.ports.push_back({"", "TCP", port});
  for (auto& address : addresses) {
    kube::SliceEndpoint endpoint;
    endpoint.addresses.push_back(std::move(address));
    slice.endpoints.push_back(std::move(endpoint));
  }
  return slice;
}

inline kube::Secret secret(std::string name, const KeyPair& pair) {
  kube::Secret secret;
  secret.meta = meta(std::move(name));
  secret.type = "kubernetes.io/tls";
  secret.data["tls.crt"] = pair.certificate_pem;
  secret.data["tls.key"] = pair.key_pem;
  return secret;
}

}  // namespace weir::test
