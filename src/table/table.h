#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// The route table: what the controller knows and the proxy needs, as plain values.
///
/// It is a set of keyed resources. Each is sent, hashed, replaced and refused on its own, so that a
/// change costs what it changes. Nothing here knows that Kubernetes exists; `origin` is text for
/// people.
namespace weir::table {

/// One address that serves a backend.
struct Endpoint {
  enum class State : std::uint8_t {
    Ready,     ///< takes new requests
    Draining,  ///< finishes what it has; takes new requests only if no other endpoint is ready
  };
  /// Identity that outlives table changes (Pod UID, else "address:port"): health, pools and tunnel
  /// counts hang on it.
  std::string id;
  std::string address;  ///< IPv4 or IPv6 without brackets
  std::uint16_t port = 0;
  State state = State::Ready;
  std::string zone;  ///< topology zone, empty if not known

  bool operator==(const Endpoint&) const = default;
};

/// A name that the proxy resolves itself, again when its DNS time to live is over.
struct DnsName {
  std::string name;
  std::uint16_t port = 0;
  bool allow_loopback = false;  ///< false: answers in 127/8 and ::1 are refused

  bool operator==(const DnsName&) const = default;
};

/// One port of one Service. Without endpoints it answers 503.
struct Backend {
  std::string name;                 ///< "namespace/service:port"
  std::vector<Endpoint> endpoints;  ///< sorted by id, no duplicates
  std::optional<DnsName> dns;       ///< set: `endpoints` is empty and comes from DNS

  bool operator==(const Backend&) const = default;
};

/// A certificate chain with its key.
struct Certificate {
  std::string name;       ///< "namespace/secret"
  std::string chain_pem;  ///< leaf first
  std::string key_pem;    ///< never logged

  bool operator==(const Certificate&) const = default;
};

/// Which request paths a route takes. Compared with the normalised path: percent-decoded, dot
/// segments resolved, repeated slashes merged (docs/http.md).
struct PathMatch {
  enum class Kind : std::uint8_t {
    Exact,
    Prefix,  ///< by whole segments: "/a" and "/a/" both take "/a", "/a/" and "/a/b", never "/ab"
  };
  Kind kind = Kind::Prefix;
  std::string path = "/";

  bool operator==(const PathMatch&) const = default;
};

struct WeightedBackend {
  std::string backend;  ///< Backend::name
  std::uint32_t weight = 1;

  bool operator==(const WeightedBackend&) const = default;
};

/// Path → what happens.
struct Route {
  PathMatch match;
  std::string origin;                     ///< where it was written, for logs: "namespace/ingress"
  bool https_only = false;                ///< plain requests get 308 to the same URL over https
  std::vector<WeightedBackend> backends;  ///< empty: 404 is the answer

  bool operator==(const Route&) const = default;
};

/// One host with its TLS policy and its routes.
///
/// The host is settled before the path: exact name, then the wildcard that replaces the first
/// label, then the catch-all "". A path that fits none of the chosen host's routes is 404 there.
struct Host {
  std::string name;  ///< "shop.example", "*.shop.example", or "" for every other name; lower case
  /// Certificate::name, first is preferred; empty: the default certificate.
  std::vector<std::string> certificates;
  /// Sorted: longest path first, Exact before Prefix of the same path.
  std::vector<Route> routes;

  bool operator==(const Host&) const = default;
};

/// What holds for every host.
struct Settings {
  /// Certificate::name for names without an own one; empty: the proxy's self-signed certificate.
  std::string default_certificate;
  std::uint16_t public_http_port = 80;    ///< as clients see it, in X-Forwarded-Port
  std::uint16_t public_https_port = 443;  ///< as clients see it, also named by redirects

  bool operator==(const Settings&) const = default;
};

/// Also the order in which resources travel: what is named comes before what names it.
enum class ResourceKind : std::uint8_t { Settings = 1, Certificate = 2, Backend = 3, Host = 4 };

using Resource = std::variant<Settings, Certificate, Backend, Host>;

struct ResourceKey {
  ResourceKind kind = ResourceKind::Settings;
  std::string name;  ///< empty for Settings

  auto operator<=>(const ResourceKey&) const = default;
};

ResourceKey key_of(const Resource& resource);

/// For logs: "host shop.example", "backend default/shop:80", "settings".
std::string to_string(const ResourceKey& key);

}  // namespace weir::table
