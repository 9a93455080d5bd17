#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ingress/names.h"
#include "table/table.h"

namespace weir::ingress {

/// What annotations say, as values: the fields that the registry's entries set (annotations.h).
/// Those of the ConfigMap are the defaults that an Ingress's annotations are read on top of.
struct Policies {
  // Of paths.
  bool ssl_redirect = true;  ///< if there is a certificate for the host
  bool force_ssl_redirect = false;
  /// Paths that begin with one of these are never redirected. Only the ConfigMap sets it.
  std::vector<std::string> no_redirect_paths = {"/.well-known/acme-challenge"};
  /// About such paths no auth service is asked. Only the ConfigMap sets it.
  std::vector<std::string> no_auth_paths = {"/.well-known/acme-challenge"};
  table::TunnelPolicy tunnels;
  table::RequestPolicy requests;

  struct Redirects {
    table::Redirect permanent = {{}, 301};
    table::Redirect temporal = {{}, 302};  ///< goes before `permanent`
    bool is_wrong = false;                 ///< nobody can tell where it was to lead
    bool keep_trailing_slash = false;

    bool operator==(const Redirects&) const = default;
  };
  Redirects redirects;
  table::Rewrite rewrite;  ///< of paths that are not what it rewrites to
  bool use_regex = false;
  std::string upstream_host;  ///< see is_upstream_host

  struct Access {
    struct Networks {
      std::vector<std::string> list;
      bool is_wrong = false;  ///< nobody can tell whom it was to let in

      bool operator==(const Networks&) const = default;
    };
    Networks allowed;
    Networks denied;
    bool is_closed = false;  ///< some other protection cannot be had
    struct Auth {
      bool is_asked = false;         ///< there is a URL
      table::ExternalAuth external;  ///< but for its `cache_times`
      std::vector<table::CacheTime> cache_times = {{{200, 202, 401}, 300'000}};
      std::optional<BackendKey> backend;  ///< of `external`, if it names one
      /// ConfigMap with headers for it, as written: its namespace may be wrong, or empty.
      std::optional<NamespacedName> headers;
      bool is_wrong = false;  ///< nobody can tell whom it was to let in

      bool operator==(const Auth&) const = default;
    };
    Auth own;
    Auth global;  ///< counts without an own one
    bool heeds_global = true;
    struct Basic {
      bool is_asked = false;
      std::optional<NamespacedName> secret;  ///< as written: its namespace may be empty
      bool is_map = false;                   ///< each of its keys is a user
      std::string realm;

      bool operator==(const Basic&) const = default;
    };
    Basic basic;
    bool any = false;

    /// The one that counts; nullptr: none.
    const Auth* auth() const {
      if (own.is_asked) return &own;
      return heeds_global && global.is_asked ? &global : nullptr;
    }

    bool operator==(const Access&) const = default;
  };
  Access access;

  table::ClientLimits limits;  ///< but for the zone, which is the Ingress
  table::ResponseRate response_rate;

  /// Who gets copies of requests.
  struct Mirror {
    std::optional<BackendKey> backend;  ///< nothing: nobody
    table::Mirror copy;                 ///< but for its backend
    std::string host;                   ///< goes before that of `copy`, unless it is empty

    bool operator==(const Mirror&) const = default;
  };
  Mirror mirror;

  std::string
      plain_http_port;  ///< of the path's Service, for requests without TLS; empty: the path's
  std::string via;      ///< as table::RouteRules has these
  std::uint16_t unanswered_status = 0;
  bool close_after_error = false;
  bool speaks_http_1_0 = false;
  bool close_endpoints = false;

  bool is_cors_on = false;
  /// Counts with that. The texts are what ingress-nginx sends without annotations.
  table::Cors cors = {.allow_methods = "GET, PUT, POST, DELETE, PATCH, OPTIONS",
                      .allow_headers =
                          "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-"
                          "Since,Cache-Control,Content-Type,Range,Authorization"};
  std::vector<std::string> wrong_cors_origins;  ///< left out of those

  struct ResponseHeaders {
    /// ConfigMap that lists them, as written: its namespace may be wrong, or empty.
    std::optional<NamespacedName> config_map;
    std::vector<std::string> allowed;  ///< names that may be in it; only the ConfigMap sets it

    bool operator==(const ResponseHeaders&) const = default;
  };
  ResponseHeaders response_headers;

  struct Errors {
    std::string service;  ///< of the Ingress's namespace, and its first port; empty: none
    std::vector<std::uint16_t> statuses;  ///< for which a default backend answers; ascending
    bool only_own = false;                ///< only where weir itself would answer so

    bool operator==(const Errors&) const = default;
  };
  Errors errors;

  /// What is replaced in answers; nothing: off.
  struct Replacements {
    std::string redirect_from;
    std::vector<table::TextPart> redirect_to;
    std::optional<table::Replacement> cookie_domain;
    std::optional<table::Replacement> cookie_path;

    bool operator==(const Replacements&) const = default;
  };
  Replacements replacements;

  bool logs_requests = true;
  bool logs_nothing = false;  ///< goes before that; only the ConfigMap sets it

  table::Retries retries;
  bool is_tried_once = false;
  bool retry_non_idempotent = false;  ///< goes before what `retries` says; ConfigMap only
  bool speaks_tls_to_backend = false;

  /// Of paths, and where an older Ingress has no Secret, of all paths of the host.
  struct BackendTls {
    std::optional<NamespacedName> secret;  ///< as written: its namespace may be wrong, or empty
    bool verify = false;
    table::UpstreamTls tls;  ///< but for what comes from the Secret, and `verify`

    bool operator==(const BackendTls&) const = default;
  };
  BackendTls backend_tls;

  /// Of an Ingress whose paths are other ways for those of another one.
  struct Canary {
    bool is_on = false;    ///< else the rest counts for nothing
    table::Canary policy;  ///< but for its backend

    bool operator==(const Canary&) const = default;
  };
  Canary canary;

  // Of hosts.
  std::vector<std::string> aliases;        ///< in lower case
  std::vector<std::string> wrong_aliases;  ///< left out of those
  std::string app_root;
  bool from_to_www = false;  ///< there is no such key of the ConfigMap
  bool ssl_passthrough = false;
  std::string ssl_ciphers;
  struct ClientAuth {
    std::optional<NamespacedName> secret;  ///< as written
    /// nullopt: clients are not asked for certificates.
    std::optional<table::ClientCertificates::Mode> mode = table::ClientCertificates::Mode::Required;
    std::uint32_t verify_depth = 1;
    std::string subject_pattern;  ///< as table::ClientCertificates has it
    bool pass_on = false;

    bool operator==(const ClientAuth&) const = default;
  };
  ClientAuth client_auth;

  // Of backends.
  struct Balancing {
    table::Balancing::Algorithm algorithm = table::Balancing::Algorithm::TwoChoices;
    std::vector<table::TextPart> hash_key;  ///< goes before `algorithm`, unless it is empty
    bool by_service_address = false;        ///< the Service's, instead of its endpoints
    bool is_sticky = false;
    std::optional<table::StickyCookie::Mode> sticky_mode;
    table::StickyCookie cookie;  ///< but for its mode and salt
    table::EndpointLimits limits;
    table::ActiveHealth health;  ///< by Tcp where the Ingress speaks TLS to its backends

    bool operator==(const Balancing&) const = default;
  };
  Balancing balancing;

  /// What several annotations of one object say about one thing, until `settle`.
  struct Unsettled {
    std::optional<std::uint32_t> tunnel_idle_ms;
    std::optional<std::uint32_t> read_timeout_s;
    std::optional<std::uint32_t> send_timeout_s;

    bool operator==(const Unsettled&) const = default;
  };
  Unsettled unsettled;

  /// Once all annotations of one object are in: so those of an Ingress count before those of the
  /// ConfigMap, whichever of them they are.
  void settle();

  /// What of these counts where they are a canary's: its own rules, and how its Services balance.
  /// For the rest it has `defaults`, and its primary's policies.
  Policies of_canary(const Policies& defaults) const;

  /// But for what depends on whose annotations these are: the users of `basic`, the zone of limits,
  /// headers of ConfigMaps, default backends.
  table::RouteRules rules_of_routes() const;
  /// `retries` with all that counts beside it.
  table::Retries retries_of_routes() const;

  bool operator==(const Policies&) const = default;
};

/// A Secret that an annotation of an Ingress of namespace `ns` names, if it may: those of other
/// namespaces are none of its business.
inline bool may_use(const NamespacedName& secret, const std::string& ns) {
  return !secret.name.empty() && secret.ns == ns;
}

}  // namespace weir::ingress
