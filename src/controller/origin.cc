#include "controller/origin.h"

namespace weir::controller {

namespace {

/// "namespace/name", with ":port" behind it for a backend.
std::optional<kube::ObjectRef> parse_name(kube::Kind kind, const std::string& text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto colon = text.find(':', slash);
  const auto length = colon == text.npos ? text.npos : colon - slash - 1;
  return kube::ObjectRef{kind, text.substr(0, slash), text.substr(slash + 1, length)};
}

struct Visitor {
  std::optional<kube::ObjectRef> operator()(const table::Settings&) const { return std::nullopt; }
  std::optional<kube::ObjectRef> operator()(const table::Certificate& certificate) const {
    return parse_name(kube::Kind::Secret, certificate.name);
  }
  std::optional<kube::ObjectRef> operator()(const table::Backend& backend) const {
    return parse_name(kube::Kind::Service, backend.name);
  }
  std::optional<kube::ObjectRef> operator()(const table::Host& host) const {
    if (host.routes.empty()) return std::nullopt;
    return parse_name(kube::Kind::Ingress, host.routes.front().origin);
  }
  std::optional<kube::ObjectRef> operator()(const table::TrustBundle& bundle) const {
    return parse_name(kube::Kind::Secret, bundle.name);
  }
  std::optional<kube::ObjectRef> operator()(const table::Users& users) const {
    return parse_name(kube::Kind::Secret, users.name);
  }
  std::optional<kube::ObjectRef> operator()(const table::TicketSeed&) const { return std::nullopt; }
  std::optional<kube::ObjectRef> operator()(const table::TcpService& service) const {
    return parse_name(kube::Kind::ConfigMap, service.origin);
  }
};

}  // namespace

std::optional<kube::ObjectRef> object_of(const table::Resource& resource) {
  return std::visit(Visitor{}, resource);
}

}  // namespace weir::controller
