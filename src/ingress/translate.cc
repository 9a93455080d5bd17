#include "ingress/translate.h"

#include <set>
#include <string>

#include "ingress/annotation_reader.h"
#include "ingress/backend_builder.h"
#include "ingress/backend_policies.h"
#include "ingress/class_filter.h"
#include "ingress/global_settings.h"
#include "ingress/header_map.h"
#include "ingress/host_builder.h"
#include "ingress/ingress_check.h"
#include "ingress/object_store.h"
#include "ingress/policy_index.h"
#include "ingress/server_alias.h"
#include "ingress/tcp_services.h"
#include "ingress/user_list.h"

namespace weir::ingress {

namespace {

class Run {
 public:
  explicit Run(const Options& options) : options_(options) {}

  Translation run(const std::vector<kube::Object>& objects) {
    for (const auto& object : objects) {
      const auto& ns = kube::meta_of(object).ns;
      if (options_.watch_namespace.empty() || ns.empty() || ns == options_.watch_namespace) {
        store_.put(as_kept(object, options_));
      }
    }
    GlobalSettings global;
    if (options_.config_map) {
      global = read_global_settings(store_.find_config_map(*options_.config_map));
    }
    defaults_ = std::make_shared<const Policies>(global.policies);
    add_problems(check_options(options_, store_, global));
    add_problems(check_classes(store_, options_));
    for (const auto& [ref, policy] : store_.policies()) index_.put(policy);
    add_settings(global);
    const auto default_backend = usable_default_backend();
    collect_shares();
    std::map<std::string, HostTls> tls;
    for (const bool wildcards : {true, false}) {
      for (const auto& [name, host_shares] : shares_) {
        if (name.starts_with("*.") == wildcards) add_host(name, host_shares, default_backend, tls);
      }
    }
    if (default_backend && !shares_.contains("")) add_host("", {}, default_backend, tls);
    add_tcp_services(global);
    add_backends();
    judge_policies();
    return std::move(translation_);
  }

 private:
  void add(table::Resource resource) {
    auto key = table::key_of(resource);
    translation_.resources.insert_or_assign(std::move(key), std::move(resource));
  }

  void add_problems(const std::vector<kube::Problem>& problems) {
    translation_.problems.insert(problems.begin(), problems.end());
  }

  void add_settings(const GlobalSettings& global) {
    auto settings = make_settings(options_, global, config_maps_);
    if (options_.ticket_secret) {
      const auto* secret = store_.find_secret(*options_.ticket_secret);
      if (secret != nullptr) {
        if (auto seed = read_ticket_seed(*secret)) add(*std::move(seed));
      }
    }
    if (options_.default_certificate) {
      const auto* certificate = store_.find_certificate(*options_.default_certificate);
      if (certificate && *certificate) {
        settings.default_certificate = to_string(*options_.default_certificate);
        add_certificate(*options_.default_certificate);
      }
    }
    add(settings);
  }

  void add_certificate(const NamespacedName& name) { add(make_certificate(store_, name)); }

  BuiltBackend build(const BackendKey& key) const {
    auto built = build_backend(key, store_.find_service(key.service), store_.slices_of(key.service),
                               {options_.allow_loopback, is_by_address(key, claims_, *defaults_)});
    apply_claims(built.backend, key, claims_, primaries_, *defaults_,
                 backend_policy_of(key, index_, store_).get());
    return built;
  }

  std::optional<BackendKey> usable_default_backend() const {
    if (!options_.default_backend) return std::nullopt;
    BackendKey key{*options_.default_backend, {}};
    if (!is_usable(build(key).backend)) return std::nullopt;
    return key;
  }

  void collect_shares() {
    for (const auto& [name, ingress] : store_.ingresses()) {
      if (!is_served(ingress, store_.classes(), options_)) {
        add_problems(check_unserved(ingress, store_, options_));
        continue;
      }
      served_.insert(name);
      const auto* config = config_of(ingress, store_, options_);
      const auto read = read_annotations(
          ingress, config == nullptr ? defaults_ : make_class_defaults(*config, *defaults_));
      add_problems(read.problems);
      add_problems(check_ingress(ingress, *read.policies, store_));
      add_problems(check_shadowed(ingress, index_, store_));
      for (const auto& key : backends_of(ingress)) {
        claims_[key].add(Age(ingress.meta), read.policies);
      }
      for (auto& [host, share] : shares_under_policies(ingress, read.policies, index_)) {
        shares_[host].emplace(Age(ingress.meta), std::move(share));
      }
    }
  }

  void add_host(const std::string& name, const HostShares& shares,
                const std::optional<BackendKey>& default_backend,
                std::map<std::string, HostTls>& tls) {
    HostTls wildcard_tls;
    if (!name.starts_with("*.")) {
      const auto wildcard = tls.find(wildcard_of(name));
      if (wildcard != tls.end()) wildcard_tls = wildcard->second;
    }
    const FindShares find = [this](const std::string& host) {
      const auto found = shares_.find(host);
      return found == shares_.end() ? nullptr : &found->second;
    };
    const auto aliased = aliased_host(name, shares, find);
    auto built = build_host(
        {aliased ? *aliased : name, aliased ? shares_.at(*aliased) : shares, wildcard_tls,
         default_backend, *defaults_,
         [this](const NamespacedName& secret) { return store_.find_certificate(secret); },
         config_maps_,
         [this](const BackendKey& backend) { return settings_of(backend, index_, store_); },
         aliased ? name : std::string()});
    if (aliased) built.problems.clear();
    add_problems(alias_problems(name, shares, aliased, find));
    for (const auto& certificate : built.certificates) add_certificate(certificate);
    for (const auto& trust : built.trusts) {
      if (auto bundle = make_trust_bundle(store_, trust)) add(*std::move(bundle));
    }
    for (const auto& source : built.users) {
      if (auto users = make_users(store_, source)) add(*std::move(users));
    }
    used_backends_.insert(built.backends.begin(), built.backends.end());
    for (const auto& [canary, primary] : built.canaries) ++primaries_[canary][primary];
    add_problems(built.problems);
    tls[name] = built.own_tls;
    if (built.is_there) add(std::move(built.host));
  }

  void judge_policies() {
    const PolicyWorld world{index_, store_,
                            [this](const NamespacedName& name) { return served_.contains(name); }};
    for (const auto& [ref, policy] : store_.policies()) {
      add_problems(judge_policy(policy, world, options_).problems);
    }
  }

  void add_tcp_services(const GlobalSettings& global) {
    auto read = read_tcp_services(options_, global, store_);
    used_backends_.insert(read.backends.begin(), read.backends.end());
    for (auto& service : read.services) add(std::move(service));
  }

  void add_backends() {
    for (const auto& key : used_backends_) {
      auto backend = build(key);
      add_problems(backend.problems);
      add(std::move(backend.backend));
    }
  }

  const Options& options_;
  ObjectStore store_;
  PolicyIndex index_;
  std::set<NamespacedName> served_;
  const FindConfigMap config_maps_ = [this](const NamespacedName& name) {
    return store_.find_config_map(name);
  };
  std::shared_ptr<const Policies> defaults_;
  std::map<std::string, HostShares> shares_;
  ClaimsByBackend claims_;
  PrimariesByCanary primaries_;
  std::set<BackendKey> used_backends_;
  Translation translation_;
};

}  // namespace

Translation translate(const std::vector<kube::Object>& objects, const Options& options) {
  return Run(options).run(objects);
}

}  // namespace weir::ingress
