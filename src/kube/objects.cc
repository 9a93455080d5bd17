#include "kube/objects.h"

namespace weir::kube {

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::Ingress:
      return "Ingress";
    case Kind::IngressClass:
      return "IngressClass";
    case Kind::Service:
      return "Service";
    case Kind::EndpointSlice:
      return "EndpointSlice";
    case Kind::Secret:
      return "Secret";
    case Kind::ConfigMap:
      return "ConfigMap";
    case Kind::TunnelPolicy:
      return "TunnelPolicy";
    case Kind::BackendPolicy:
      return "BackendPolicy";
    case Kind::WeirConfig:
      return "WeirConfig";
    case Kind::Manifest:
      return "Manifest";
  }
  return "";
}

std::string to_string(const ObjectRef& ref) {
  std::string text = to_string(ref.kind);
  text += ' ';
  if (!ref.ns.empty()) text += ref.ns + '/';
  return text + ref.name;
}

namespace {

constexpr Kind kind_of(const Ingress&) {
  return Kind::Ingress;
}
constexpr Kind kind_of(const IngressClass&) {
  return Kind::IngressClass;
}
constexpr Kind kind_of(const Service&) {
  return Kind::Service;
}
constexpr Kind kind_of(const EndpointSlice&) {
  return Kind::EndpointSlice;
}
constexpr Kind kind_of(const Secret&) {
  return Kind::Secret;
}
constexpr Kind kind_of(const ConfigMap&) {
  return Kind::ConfigMap;
}
Kind kind_of(const Policy& policy) {
  return policy.kind;
}

}  // namespace

ObjectRef ref_of(const Object& object) {
  return std::visit(
      [](const auto& o) {
        return ObjectRef{kind_of(o), o.meta.ns, o.meta.name};
      },
      object);
}

const ObjectMeta& meta_of(const Object& object) {
  return std::visit([](const auto& o) -> const ObjectMeta& { return o.meta; }, object);
}

}  // namespace weir::kube
