#include "kube/resource.h"

#include "kube/api_client.h"

namespace weir::kube {

namespace {

struct Resource {
  const char* group;
  const char* plural;
  const char* version = "v1";
};

Resource resource_of(Kind kind) {
  switch (kind) {
    case Kind::Ingress:
      return {"networking.k8s.io", "ingresses"};
    case Kind::IngressClass:
      return {"networking.k8s.io", "ingressclasses"};
    case Kind::Service:
      return {"", "services"};
    case Kind::EndpointSlice:
      return {"discovery.k8s.io", "endpointslices"};
    case Kind::Secret:
      return {"", "secrets"};
    case Kind::ConfigMap:
      return {"", "configmaps"};
    case Kind::TunnelPolicy:
      return {"weir.dev", "tunnelpolicies", "v1alpha1"};
    case Kind::BackendPolicy:
      return {"weir.dev", "backendpolicies", "v1alpha1"};
    case Kind::WeirConfig:
      return {"weir.dev", "weirconfigs", "v1alpha1"};
    case Kind::Manifest:
      break;
  }
  return {"", ""};
}

}  // namespace

std::string resource_path(Kind kind, const std::string& ns) {
  const auto [group, plural, version] = resource_of(kind);
  std::string path = *group == '\0' ? std::string("/api/") + version
                                    : std::string("/apis/") + group + '/' + version;
  if (!ns.empty() && kind != Kind::IngressClass) path += "/namespaces/" + encode_query(ns);
  return path + '/' + plural;
}

std::string resource_selector(Kind kind, const std::string& name) {
  if (!name.empty()) return "fieldSelector=" + encode_query("metadata.name=" + name);
  if (kind == Kind::Secret) return "fieldSelector=" + encode_query("type!=helm.sh/release.v1");
  if (kind == Kind::EndpointSlice) {
    return "labelSelector=" + encode_query("kubernetes.io/service-name");
  }
  return {};
}

std::string resource_name(Kind kind) {
  const auto [group, plural, version] = resource_of(kind);
  return *group == '\0' ? std::string(plural) : std::string(plural) + '.' + group;
}

std::string short_name(Kind kind) {
  return resource_of(kind).plural;
}

}  // namespace weir::kube
