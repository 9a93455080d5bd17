#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "kube/objects.h"

namespace weir::ingress {

struct NamespacedName {
  std::string ns;
  std::string name;

  auto operator<=>(const NamespacedName&) const = default;
};

struct NamespacedNameHash {
  std::size_t operator()(const NamespacedName& name) const;
};

inline NamespacedName name_of(const kube::ObjectMeta& meta) {
  return {meta.ns, meta.name};
}

/// "namespace/name", as in flags, logs and the table.
std::string to_string(const NamespacedName& name);

/// One port of one Service, as an Ingress names it: the port is its number as text, or its name;
/// empty: the first port of the Service.
struct BackendKey {
  NamespacedName service;
  std::string port;

  auto operator<=>(const BackendKey&) const = default;
};

/// The name in the table: "namespace/service:port".
std::string to_string(const BackendKey& key);

/// The backend that an Ingress of namespace `ns` names. Nothing if it names no Service.
std::optional<BackendKey> backend_key(const std::string& ns, const kube::IngressBackend& backend);

/// ASCII only; other bytes stay.
std::string lower_case(std::string_view text);

/// A DNS name, or "*." and a DNS name, in lower case (RFC 1123 §2.1; '_' is let through as well, as
/// the proxy does in a Host field).
bool is_valid_host(std::string_view host);

/// "*.b.example" for "a.b.example"; empty for a name of one label.
std::string wildcard_of(std::string_view host);

/// What a route can be made of: starts with '/', and holds no control byte.
bool is_valid_path(std::string_view path);

}  // namespace weir::ingress
