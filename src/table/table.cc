#include "table/table.h"

namespace weir::table {

namespace {

struct KeyOf {
  ResourceKey operator()(const Settings&) const { return {ResourceKind::Settings, ""}; }
  ResourceKey operator()(const Certificate& certificate) const {
    return {ResourceKind::Certificate, certificate.name};
  }
  ResourceKey operator()(const Backend& backend) const {
    return {ResourceKind::Backend, backend.name};
  }
  ResourceKey operator()(const Host& host) const { return {ResourceKind::Host, host.name}; }
  ResourceKey operator()(const TrustBundle& bundle) const {
    return {ResourceKind::TrustBundle, bundle.name};
  }
  ResourceKey operator()(const TicketSeed&) const { return {ResourceKind::TicketSeed, ""}; }
  ResourceKey operator()(const Users& users) const { return {ResourceKind::Users, users.name}; }
  ResourceKey operator()(const TcpService& service) const {
    return {ResourceKind::TcpService, std::to_string(service.port)};
  }
};

}  // namespace

bool comes_before(const PathMatch& a, const PathMatch& b) {
  const bool is_regex = a.kind == PathMatch::Kind::Regex;
  if (is_regex != (b.kind == PathMatch::Kind::Regex)) return !is_regex;
  if (a.path.size() != b.path.size()) return a.path.size() > b.path.size();
  const int order = is_regex ? b.path.compare(a.path) : a.path.compare(b.path);
  return order != 0 ? order < 0 : a.kind < b.kind;
}

ResourceKey key_of(const Resource& resource) {
  return std::visit(KeyOf{}, resource);
}

const char* label_of(ResourceKind kind) {
  switch (kind) {
    case ResourceKind::Settings:
      return "settings";
    case ResourceKind::Certificate:
      return "certificate";
    case ResourceKind::Backend:
      return "backend";
    case ResourceKind::Host:
      return "host";
    case ResourceKind::TrustBundle:
      return "trust_bundle";
    case ResourceKind::TicketSeed:
      return "ticket_seed";
    case ResourceKind::Users:
      return "users";
    case ResourceKind::TcpService:
      return "tcp_service";
  }
  return "";
}

std::string to_string(const ResourceKey& key) {
  switch (key.kind) {
    case ResourceKind::Settings:
      return "settings";
    case ResourceKind::Certificate:
      return "certificate " + key.name;
    case ResourceKind::Backend:
      return "backend " + key.name;
    case ResourceKind::Host:
      return key.name.empty() ? "host (every other name)" : "host " + key.name;
    case ResourceKind::TrustBundle:
      return "trust bundle " + key.name;
    case ResourceKind::TicketSeed:
      return "ticket seed";
    case ResourceKind::Users:
      return "users " + key.name;
    case ResourceKind::TcpService:
      return "TCP service " + key.name;
  }
  return "unknown resource " + key.name;
}

}  // namespace weir::table
