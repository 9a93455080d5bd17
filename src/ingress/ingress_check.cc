#include "ingress/ingress_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/backend_builder.h"
#include "ingress/header_map.h"
#include "ingress/host_policies.h"
#include "ingress/tcp_services.h"
#include "ingress/user_list.h"

namespace weir::ingress {

namespace {

kube::ObjectRef ref_of(const kube::Ingress& ingress) {
  return {kube::Kind::Ingress, ingress.meta.ns, ingress.meta.name};
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

template <class Function>
void for_each_backend(const kube::Ingress& ingress, Function function) {
  if (ingress.default_backend) function("spec.defaultBackend", *ingress.default_backend);
  for (std::size_t i = 0; i < ingress.rules.size(); ++i) {
    const auto& paths = ingress.rules[i].paths;
    for (std::size_t j = 0; j < paths.size(); ++j) {
      function(fmt::format("spec.rules[{}].http.paths[{}].backend", i, j), paths[j].backend);
    }
  }
}

class Checker {
 public:
  Checker(const kube::Ingress& ingress, const Policies& policies, const ObjectStore& store)
      : ingress_(ingress), policies_(policies), store_(store) {}

  std::vector<kube::Problem> run() {
    check_rules();
    for_each_backend(ingress_,
                     [this](const std::string& field, const kube::IngressBackend& backend) {
                       check_backend(field, backend);
                     });
    // A canary has the certificates of its primary.
    const auto entries = policies_.canary.is_on ? 0 : ingress_.tls.size();
    for (std::size_t i = 0; i < entries; ++i) check_tls(i);
    check_client_auth();
    check_backend_tls();
    check_users();
    check_aliases();
    check_cors();
    check_headers();
    check_default_backend();
    return std::move(problems_);
  }

 private:
  void add(std::string_view code, std::string field, std::string message) {
    problems_.push_back({code, ref_of(ingress_), std::move(field), std::move(message)});
  }

  void check_rules() {
    for (std::size_t i = 0; i < ingress_.rules.size(); ++i) {
      const auto& rule = ingress_.rules[i];
      if (!rule.host.empty() && !is_valid_host(lower_case(rule.host))) {
        add("InvalidHost", fmt::format("spec.rules[{}].host", i),
            "neither a DNS name nor \"*.\" and a DNS name; this rule is not served");
      }
      for (std::size_t j = 0; j < rule.paths.size(); ++j) {
        if (rule.paths[j].path.empty() || is_valid_path(rule.paths[j].path)) continue;
        add("InvalidPath", fmt::format("spec.rules[{}].http.paths[{}].path", i, j),
            "a path starts with \"/\", has at most 4096 bytes and no control characters; it is not "
            "served");
      }
    }
  }

  void check_backend(const std::string& field, const kube::IngressBackend& backend) {
    const auto key = backend_key(ingress_.meta.ns, backend);
    if (!key) {
      add("UnsupportedBackend", field + (backend.is_resource ? ".resource" : ".service.name"),
          "only Services can be backends; this one is not served");
      return;
    }
    const kube::Service* service = store_.find_service(key->service);
    if (!service) {
      add("ServiceNotFound", field + ".service.name",
          fmt::format("there is no Service {}; 503 is answered", to_string(key->service)));
    } else if (!has_port(*service, key->port)) {
      add("ServicePortNotFound", field + ".service.port",
          fmt::format("Service {} has no TCP port \"{}\"; 503 is answered", to_string(key->service),
                      key->port));
    }
  }

  void check_tls(std::size_t index) {
    const auto& secret_name = ingress_.tls[index].secret_name;
    if (secret_name.empty()) return;
    const NamespacedName secret{ingress_.meta.ns, secret_name};
    const std::string field = fmt::format("spec.tls[{}].secretName", index);
    const char* served = is_beside_others(index) ? "only the certificate of an earlier entry"
                                                 : "the default certificate";
    const auto* certificate = store_.find_certificate(secret);
    if (!certificate) {
      add("SecretNotFound", field,
          fmt::format("there is no Secret {}; {} is served", to_string(secret), served));
    } else if (!*certificate) {
      add("InvalidCertificate", field,
          fmt::format("Secret {}: {}; {} is served", to_string(secret), certificate->error().detail,
                      served));
    } else if (!(*certificate)->staple_problem.empty()) {
      add("InvalidOcspResponse", field,
          fmt::format("Secret {}: {}; the certificate is served without it", to_string(secret),
                      (*certificate)->staple_problem));
    }
  }

  /// Whether it gives a second certificate to hosts that have one.
  bool is_beside_others(std::size_t index) const {
    const auto& hosts = ingress_.tls[index].hosts;
    return !hosts.empty() && std::ranges::all_of(hosts, [&](const std::string& host) {
      return std::any_of(ingress_.tls.begin(),
                         ingress_.tls.begin() + static_cast<std::ptrdiff_t>(index),
                         [&](const kube::IngressTls& entry) {
                           return std::ranges::find(entry.hosts, host) != entry.hosts.end();
                         });
    });
  }

  void check_client_auth() {
    const auto& auth = policies_.client_auth;
    if (!auth.secret || !auth.mode) return;
    constexpr const char* kField =
        "metadata.annotations[nginx.ingress.kubernetes.io/auth-tls-secret]";
    constexpr const char* kEffect = "requests to the hosts that go by it get 403";
    if (is_usable_name(*auth.secret, kField, kEffect))
      check_trust_of(*auth.secret, kField, kEffect);
  }

  void check_backend_tls() {
    const auto& backend = policies_.backend_tls;
    if (!backend.secret) return;
    constexpr const char* kField =
        "metadata.annotations[nginx.ingress.kubernetes.io/proxy-ssl-secret]";
    constexpr const char* kEffect = "requests over TLS to its Services get 502";
    if (!is_usable_name(*backend.secret, kField, kEffect)) return;
    const auto* certificate = store_.find_certificate(*backend.secret);
    if (certificate != nullptr && !*certificate &&
        certificate->error().code != util::Error::Code::Unsupported) {
      add("InvalidCertificate", kField,
          fmt::format("Secret {}: {}; {}", to_string(*backend.secret), certificate->error().detail,
                      kEffect));
    }
    if (backend.verify) check_trust_of(*backend.secret, kField, kEffect);
  }

  void check_users() {
    if (!policies_.access.basic.is_asked) return;
    constexpr const char* kField = "metadata.annotations[nginx.ingress.kubernetes.io/auth-secret]";
    constexpr const char* kEffect = "its paths answer 503";
    const auto& written = policies_.access.basic.secret;
    if (!written) {
      add("InvalidAnnotation", kField,
          fmt::format("auth-type needs a Secret with the users; {}", kEffect));
      return;
    }
    auto named = *written;
    if (named.ns.empty()) named.ns = ingress_.meta.ns;
    if (!is_usable_name(named, kField, kEffect)) return;
    const auto users = read_users(*store_.find_secret(named), policies_.access.basic.is_map);
    if (!users) {
      add("InvalidUsers", kField,
          fmt::format("Secret {}: {}; {}", to_string(named), users.error().detail, kEffect));
    }
  }

  void check_aliases() {
    for (const auto& name : policies_.wrong_aliases) {
      add("InvalidAnnotation", "metadata.annotations[nginx.ingress.kubernetes.io/server-alias]",
          fmt::format("\"{}\" is neither a DNS name nor \"*.\" and a DNS name; it is left out",
                      shortened(name)));
    }
  }

  void check_cors() {
    for (const auto& origin : policies_.wrong_cors_origins) {
      add("InvalidAnnotation",
          "metadata.annotations[nginx.ingress.kubernetes.io/cors-allow-origin]",
          fmt::format("\"{}\" is not scheme://host with an optional port; it is left out",
                      shortened(origin)));
    }
  }

  void check_headers() {
    const FindConfigMap find = [this](const NamespacedName& name) {
      return store_.find_config_map(name);
    };
    for (const auto& headers : {response_headers_of(ingress_, policies_, find),
                                auth_headers_of(ingress_, policies_, find)}) {
      problems_.insert(problems_.end(), headers.problems.begin(), headers.problems.end());
    }
  }

  void check_default_backend() {
    const auto backend = default_backend_of(ingress_, policies_);
    if (!backend) return;
    constexpr const char* kField =
        "metadata.annotations[nginx.ingress.kubernetes.io/default-backend]";
    const auto* service = store_.find_service(backend->service);
    if (service == nullptr) {
      add("ServiceNotFound", kField,
          fmt::format("there is no Service {}; it stands in for none",
                      to_string(backend->service)));
    } else if (!has_port(*service, {})) {
      add("ServicePortNotFound", kField,
          fmt::format("Service {} has no TCP port; it stands in for none",
                      to_string(backend->service)));
    }
  }

  bool is_usable_name(const NamespacedName& secret, const char* field, const char* effect) {
    if (!may_use(secret, ingress_.meta.ns)) {
      add("InvalidAnnotation", field,
          fmt::format("must be {}/ and the name of a Secret; {}", ingress_.meta.ns, effect));
      return false;
    }
    if (store_.find_secret(secret) == nullptr) {
      add("SecretNotFound", field,
          fmt::format("there is no Secret {}; {}", to_string(secret), effect));
      return false;
    }
    return true;
  }

  void check_trust_of(const NamespacedName& secret, const char* field, const char* effect) {
    const auto* trust = store_.find_trust(secret);
    if (*trust) return;
    add("InvalidTrust", field,
        fmt::format("Secret {}: {}; {}", to_string(secret), trust->error().detail, effect));
  }

  const kube::Ingress& ingress_;
  const Policies& policies_;
  const ObjectStore& store_;
  std::vector<kube::Problem> problems_;
};

}  // namespace

References references_of(const kube::Ingress& ingress, const Policies& policies) {
  References references;
  for_each_backend(ingress, [&](const std::string&, const kube::IngressBackend& backend) {
    if (const auto key = backend_key(ingress.meta.ns, backend)) {
      references.services.push_back(key->service);
    }
  });
  for (const auto& tls : ingress.tls) {
    if (!tls.secret_name.empty()) references.secrets.push_back({ingress.meta.ns, tls.secret_name});
  }
  for (const auto& secret : {policies.client_auth.secret, policies.backend_tls.secret}) {
    if (secret && may_use(*secret, ingress.meta.ns)) references.secrets.push_back(*secret);
  }
  if (const auto users = users_of(ingress, policies)) references.secrets.push_back(users->secret);
  if (const auto backend = default_backend_of(ingress, policies)) {
    references.services.push_back(backend->service);
  }
  references.config_maps = header_maps_of(ingress, policies);
  sort_unique(references.services);
  sort_unique(references.secrets);
  sort_unique(references.config_maps);
  return references;
}

std::vector<kube::Problem> check_ingress(const kube::Ingress& ingress, const Policies& policies,
                                         const ObjectStore& store) {
  return Checker(ingress, policies, store).run();
}

std::vector<kube::Problem> check_options(const Options& options, const ObjectStore& store,
                                         const GlobalSettings& global) {
  std::vector<kube::Problem> problems;
  if (options.default_backend) {
    const auto& name = *options.default_backend;
    const kube::ObjectRef ref{kube::Kind::Service, name.ns, name.name};
    const kube::Service* service = store.find_service(name);
    if (!service) {
      problems.push_back({"ServiceNotFound",
                          ref,
                          {},
                          "--default-backend-service names it; 404 is answered for what no Ingress "
                          "serves"});
    } else if (!has_port(*service, {})) {
      problems.push_back({"ServicePortNotFound", ref, "spec.ports",
                          "--default-backend-service names it, and it has no TCP port; 404 is "
                          "answered for what no Ingress serves"});
    }
  }
  if (options.default_certificate) {
    const auto& name = *options.default_certificate;
    const kube::ObjectRef ref{kube::Kind::Secret, name.ns, name.name};
    const auto* certificate = store.find_certificate(name);
    if (!certificate) {
      problems.push_back(
          {"SecretNotFound",
           ref,
           {},
           "--default-ssl-certificate names it; a self-signed certificate is served"});
    } else if (!*certificate) {
      problems.push_back({"InvalidCertificate", ref, "data",
                          fmt::format("--default-ssl-certificate names it: {}; a self-signed "
                                      "certificate is served",
                                      certificate->error().detail)});
    } else if (!(*certificate)->staple_problem.empty()) {
      problems.push_back({"InvalidOcspResponse", ref, "data[tls.ocsp-staple]",
                          fmt::format("{}; the certificate is served without it",
                                      (*certificate)->staple_problem)});
    }
  }
  problems.insert(problems.end(), global.problems.begin(), global.problems.end());
  const auto tcp_problems = read_tcp_services(options, global, store).problems;
  problems.insert(problems.end(), tcp_problems.begin(), tcp_problems.end());
  const auto header_problems = check_header_maps(
      global, [&](const NamespacedName& name) { return store.find_config_map(name); });
  problems.insert(problems.end(), header_problems.begin(), header_problems.end());
  if (options.config_map) {
    const auto& name = *options.config_map;
    if (store.find_config_map(name) == nullptr) {
      problems.push_back({"ConfigMapNotFound",
                          {kube::Kind::ConfigMap, name.ns, name.name},
                          {},
                          "--configmap names it; every setting has its default"});
    }
  }
  if (options.ticket_secret) {
    const auto& name = *options.ticket_secret;
    const kube::ObjectRef ref{kube::Kind::Secret, name.ns, name.name};
    const auto* secret = store.find_secret(name);
    constexpr const char* kEffect = "each proxy makes its own keys for session tickets";
    if (secret == nullptr) {
      problems.push_back({"SecretNotFound",
                          ref,
                          {},
                          fmt::format("--session-ticket-secret names it; {}", kEffect)});
    } else if (const auto seed = read_ticket_seed(*secret); !seed) {
      problems.push_back(
          {"InvalidTicketSecret", ref, "data",
           fmt::format("--session-ticket-secret names it: {}; {}", seed.error().detail, kEffect)});
    }
  }
  return problems;
}

std::vector<kube::Problem> check_unserved(const kube::Ingress& ingress, const ObjectStore& store,
                                          const Options& options) {
  if (!options.serve_classless || !ingress.ingress_class_name) return {};
  if (store.classes().contains(*ingress.ingress_class_name)) return {};
  return {{"IngressClassNotFound", ref_of(ingress), "spec.ingressClassName",
           fmt::format("there is no IngressClass {}; this Ingress is not served",
                       *ingress.ingress_class_name)}};
}

}  // namespace weir::ingress
