#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// The parts of Kubernetes objects that weir reads, decoded and defaulted as the API server would
/// have done. Values: copied, compared and tested. Field names are those of the API reference
/// (networking.k8s.io/v1, discovery.k8s.io/v1, core/v1). What is not here was dropped while
/// decoding.
namespace weir::kube {

enum class Kind : std::uint8_t {
  Ingress,
  IngressClass,
  Service,
  EndpointSlice,
  Secret,
  ConfigMap,
  TunnelPolicy,
  BackendPolicy,
  WeirConfig,
  Manifest,  ///< a file of a folder: only ever named by a problem, with its path as `name`
};

/// The kinds that have objects.
inline constexpr std::array kObjectKinds = {
    Kind::Ingress,   Kind::IngressClass, Kind::Service,       Kind::EndpointSlice, Kind::Secret,
    Kind::ConfigMap, Kind::TunnelPolicy, Kind::BackendPolicy, Kind::WeirConfig};

/// Weir's own kinds. An API server need not have them.
constexpr bool is_custom(Kind kind) {
  return kind == Kind::TunnelPolicy || kind == Kind::BackendPolicy || kind == Kind::WeirConfig;
}

/// "Ingress", "EndpointSlice", …
const char* to_string(Kind kind);

/// Names one object. `ns` is empty for cluster-scoped kinds (IngressClass).
struct ObjectRef {
  Kind kind = Kind::Ingress;
  std::string ns;
  std::string name;

  auto operator<=>(const ObjectRef&) const = default;
};

/// "Ingress default/shop", "IngressClass weir".
std::string to_string(const ObjectRef& ref);

struct ObjectMeta {
  std::string ns;
  std::string name;
  std::string uid;               ///< empty for objects from a folder
  std::string resource_version;  ///< opaque
  std::int64_t creation_timestamp =
      0;  ///< seconds since 1970; from a folder: 0 unless written there
  /// Only those that weir reads: the prefixes "nginx.ingress.kubernetes.io/" and "weir.dev/" and
  /// "kubernetes.io/ingress.class", "ingressclass.kubernetes.io/is-default-class".
  std::map<std::string, std::string> annotations;

  bool operator==(const ObjectMeta&) const = default;
};

/// A Service port: by number, or by name when `name` is not empty.
struct ServiceBackendPort {
  std::string name;
  std::int32_t number = 0;

  bool operator==(const ServiceBackendPort&) const = default;
};

/// IngressBackend. `resource` backends are decoded as `is_resource`, and refused by the
/// translation.
struct IngressBackend {
  std::string service;
  ServiceBackendPort port;
  bool is_resource = false;

  bool operator==(const IngressBackend&) const = default;
};

enum class PathType : std::uint8_t { Exact, Prefix, ImplementationSpecific };

struct IngressPath {
  std::string path;
  PathType path_type = PathType::ImplementationSpecific;
  IngressBackend backend;

  bool operator==(const IngressPath&) const = default;
};

struct IngressRule {
  std::string host;
  std::vector<IngressPath> paths;

  bool operator==(const IngressRule&) const = default;
};

struct IngressTls {
  std::vector<std::string> hosts;
  std::string secret_name;

  bool operator==(const IngressTls&) const = default;
};

/// Where clients reach something, as in status.loadBalancer.ingress: either is empty.
struct LoadBalancerAddress {
  std::string ip;
  std::string hostname;

  auto operator<=>(const LoadBalancerAddress&) const = default;
};

struct Ingress {
  ObjectMeta meta;
  std::optional<std::string> ingress_class_name;
  std::optional<IngressBackend> default_backend;
  std::vector<IngressRule> rules;
  std::vector<IngressTls> tls;
  std::vector<LoadBalancerAddress> addresses;  ///< status.loadBalancer.ingress

  bool operator==(const Ingress&) const = default;
};

/// spec.parameters of an IngressClass.
struct ClassParameters {
  std::string api_group;
  std::string kind;
  std::string name;
  std::string ns;  ///< empty: it is cluster-scoped

  bool operator==(const ClassParameters&) const = default;
};

struct IngressClass {
  ObjectMeta meta;
  std::string controller;
  std::optional<ClassParameters> parameters;

  bool operator==(const IngressClass&) const = default;
};

struct ServicePort {
  std::string name;
  std::string protocol = "TCP";
  std::int32_t port = 0;
  std::string target_port;  ///< a number as text, or the name of a container port; default: `port`

  bool operator==(const ServicePort&) const = default;
};

struct Service {
  ObjectMeta meta;
  std::string type = "ClusterIP";
  std::string external_name;
  std::vector<ServicePort> ports;
  std::string cluster_ip;  ///< may be "None"
  std::vector<std::string> external_ips;
  std::vector<LoadBalancerAddress> addresses;  ///< status.loadBalancer.ingress

  bool operator==(const Service&) const = default;
};

struct SliceEndpoint {
  std::vector<std::string> addresses;
  std::optional<bool> ready;
  std::optional<bool> serving;
  std::optional<bool> terminating;
  std::string zone;
  std::string target_uid;  ///< targetRef.uid: the Pod's

  bool operator==(const SliceEndpoint&) const = default;
};

struct SlicePort {
  std::string name;
  std::string protocol = "TCP";
  std::optional<std::int32_t> port;

  bool operator==(const SlicePort&) const = default;
};

struct EndpointSlice {
  ObjectMeta meta;
  std::string service;       ///< label kubernetes.io/service-name; empty: belongs to no Service
  std::string address_type;  ///< IPv4, IPv6 or FQDN
  std::vector<SliceEndpoint> endpoints;
  std::vector<SlicePort> ports;

  bool operator==(const EndpointSlice&) const = default;
};

struct Secret {
  ObjectMeta meta;
  std::string type;
  /// Decoded from base64. Only the keys that weir reads: tls.crt, tls.key, tls.ocsp-staple, ca.crt,
  /// ca.crl, session-ticket-key, auth; and what has the hash of a password as its value.
  std::map<std::string, std::string> data;

  bool operator==(const Secret&) const = default;
};

struct ConfigMap {
  ObjectMeta meta;
  std::map<std::string, std::string> data;

  bool operator==(const ConfigMap&) const = default;
};

/// Whom a policy is for, in its own namespace.
struct PolicyTarget {
  Kind kind = Kind::Service;  ///< Ingress or Service; of a WeirConfig's status: IngressClass
  std::string name;
  std::string section;  ///< a host of the Ingress, or the name of a port; empty: all of it

  auto operator<=>(const PolicyTarget&) const = default;
};

/// metav1.Condition.
struct Condition {
  std::string type;
  bool status = false;
  std::string reason;
  std::string message;
  std::int64_t observed_generation = 0;
  std::string last_transition;  ///< as written

  bool operator==(const Condition&) const = default;
};

/// What a controller says of one target, in the status of the policy.
struct PolicyAncestor {
  PolicyTarget target;
  std::string controller;
  std::vector<Condition> conditions;

  bool operator==(const PolicyAncestor&) const = default;
};

/// TunnelPolicy, BackendPolicy and WeirConfig of weir.dev/v1alpha1.
struct Policy {
  ObjectMeta meta;
  Kind kind = Kind::TunnelPolicy;
  std::int64_t generation = 0;
  std::vector<PolicyTarget> targets;  ///< of a WeirConfig: none
  /// The values in `spec` beside them, by their path below it, as "timeouts.idle". Of a list each
  /// item, of anything else its text.
  std::map<std::string, std::vector<std::string>> fields;
  std::vector<PolicyAncestor> ancestors;  ///< status.ancestors

  bool operator==(const Policy&) const = default;
};

using Object =
    std::variant<Ingress, IngressClass, Service, EndpointSlice, Secret, ConfigMap, Policy>;

ObjectRef ref_of(const Object& object);
inline ObjectRef ref_of(const Policy& policy) {
  return {policy.kind, policy.meta.ns, policy.meta.name};
}
const ObjectMeta& meta_of(const Object& object);

}  // namespace weir::kube
