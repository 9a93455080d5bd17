#include "inspect/version_drift.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"

namespace weir::inspect {

namespace {

/// Annotations that name an object, with or without its namespace.
constexpr std::string_view kReferences[] = {
    "nginx.ingress.kubernetes.io/auth-proxy-set-headers",
    "nginx.ingress.kubernetes.io/auth-secret",
    "nginx.ingress.kubernetes.io/auth-tls-secret",
    "nginx.ingress.kubernetes.io/custom-headers",
    "nginx.ingress.kubernetes.io/fastcgi-params-configmap",
    "nginx.ingress.kubernetes.io/proxy-ssl-secret",
};

void add_of_annotation(std::string_view name, std::string_view value, const std::string& ns,
                       std::vector<std::string>& found) {
  if (name.ends_with("-snippet")) {
    found.push_back(
        fmt::format("{} needs allow-snippet-annotations, which is off since 1.9.1", name));
  }
  const auto* annotation = ingress::find_annotation(name);
  if (annotation != nullptr && annotation->risk == ingress::Risk::Critical) {
    found.push_back(fmt::format(
        "{} needs annotations-risk-level Critical, which is High since 1.12: the whole Ingress is "
        "rejected without it",
        name));
  }
  const bool is_reference = std::ranges::find(kReferences, name) != std::end(kReferences);
  const auto slash = value.find('/');
  if (is_reference && slash != value.npos && value.substr(0, slash) != ns) {
    found.push_back(fmt::format(
        "{} names an object of another namespace, which needs allow-cross-namespace-resources, off "
        "since 1.12; weir never takes one",
        name));
  }
}

bool is_strict_path(std::string_view path) {
  return path.empty() || (path.starts_with('/') && std::ranges::all_of(path, [](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
                                   c == '/';
                          }));
}

}  // namespace

std::vector<std::string> version_drift_of(const kube::Ingress& ingress) {
  std::vector<std::string> found;
  for (const auto& [name, value] : ingress.meta.annotations) {
    const auto text = ingress::trimmed(value);
    if (!text.empty()) add_of_annotation(name, text, ingress.meta.ns, found);
  }
  for (const auto& rule : ingress.rules) {
    for (const auto& path : rule.paths) {
      const bool is_checked = path.path_type != kube::PathType::ImplementationSpecific;
      if (!is_checked || is_strict_path(path.path)) continue;
      found.push_back(
          fmt::format("path {} of host \"{}\" is Exact or Prefix with characters that "
                      "strict-validate-path-type refuses, on since 1.12",
                      path.path, rule.host));
    }
  }
  return found;
}

}  // namespace weir::inspect
