#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ingress/names.h"

namespace weir::ingress {

/// What the administrator chose, for all Ingresses. Immutable. Names follow the flags of
/// weir-controller.
struct Options {
  /// IngressClasses with one of these in `spec.controller` are ours.
  std::vector<std::string> controller_classes{"weir.dev/ingress", "k8s.io/ingress-nginx"};
  /// The value of annotation kubernetes.io/ingress.class that is ours; with `ingress_class_by_name`
  /// also the name of an IngressClass that is ours whatever its controller.
  std::string ingress_class = "nginx";
  bool ingress_class_by_name = false;
  /// Ingresses with neither field nor annotation are ours, too.
  bool watch_ingress_without_class = false;
  /// The source has no API server that would fill in the default class. An Ingress without a class
  /// is ours when an IngressClass of ours is marked as default, or when there is no IngressClass.
  bool serve_classless = false;
  /// ExternalName Services may lead to this machine.
  bool allow_loopback = false;
  /// Set: objects of other namespaces do not exist.
  std::string watch_namespace;
  /// Serves, by its first port, what no Ingress does.
  std::optional<NamespacedName> default_backend;
  /// The Secret for names without a certificate of their own.
  std::optional<NamespacedName> default_certificate;
  /// Settings for every host (global_settings.h).
  std::optional<NamespacedName> config_map;
  /// Ports of TCP, and of UDP, which are refused (tcp_services.h).
  std::optional<NamespacedName> tcp_services;
  std::optional<NamespacedName> udp_services;
  /// The Secret that holds the seed of session ticket keys, which replicas share.
  std::optional<NamespacedName> ticket_secret;
  std::uint16_t public_http_port = 80;
  std::uint16_t public_https_port = 443;
};

}  // namespace weir::ingress
