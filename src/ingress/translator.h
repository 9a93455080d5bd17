#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ingress/backend_builder.h"
#include "ingress/backend_policies.h"
#include "ingress/global_settings.h"
#include "ingress/host_builder.h"
#include "ingress/object_store.h"
#include "ingress/options.h"
#include "ingress/policy_index.h"
#include "ingress/problem_book.h"
#include "ingress/server_alias.h"
#include "kube/source.h"
#include "table/table.h"

namespace weir::ingress {

/// What one step changed. Nothing in it is as it was before.
struct Changes {
  std::vector<table::Resource> upserts;     ///< sorted by key
  std::vector<table::ResourceKey> removes;  ///< sorted
  std::vector<kube::Problem> appeared;      ///< sorted
  std::vector<kube::Problem> disappeared;   ///< sorted
  std::vector<kube::ObjectRef> judged;      ///< policies whose verdicts were made anew
};

/// Follows the cluster's objects and says what of the table changes with them, at a cost of what
/// changes: an index knows which hosts, backends and certificates come from an object. Comes to the
/// same table as `translate`, whatever the order of events. For one thread.
class Translator {
 public:
  explicit Translator(Options options);

  /// Takes events over; nothing is translated yet, so that a burst is translated once.
  void take(kube::SourceEvents events);
  /// What all events since the last call change. The first call gives the Settings in any case.
  Changes update();

  Changes apply(kube::SourceEvents events) {
    take(std::move(events));
    return update();
  }

  const ObjectStore& objects() const { return store_; }
  /// Whether the Ingress is there and of our class, as of the last `update`.
  bool serves(const NamespacedName& ingress) const { return served_.contains(ingress); }
  /// What the status of policies is to say, as of the last `update`.
  const std::map<kube::ObjectRef, std::vector<PolicyVerdict>>& policy_verdicts() const {
    return verdicts_;
  }
  std::size_t served() const { return served_.size(); }
  /// Secrets of which a certificate is in the table.
  std::vector<NamespacedName> certificates() const;

 private:
  using NameSet = std::set<NamespacedName>;
  template <class T>
  using ByName = ObjectStore::ByName<T>;

  /// What was asked for when a host was built.
  struct Asked {
    std::vector<NamespacedName> secrets;
    std::vector<NamespacedName> config_maps;
  };
  struct HostNode {
    HostShares shares;
    std::optional<table::Host> host;  // as published
    HostTls own_tls;
    std::vector<BackendKey> backends;
    std::vector<CanaryOf> canaries;
    Asked asked;
    std::vector<NamespacedName> certificates;
    std::vector<NamespacedName> trusts;
    std::vector<UserSource> users;
  };
  struct BackendNode {
    std::size_t users = 0;
    std::optional<table::Backend> backend;  // as published
  };
  struct CertificateNode {
    std::size_t users = 0;
    std::optional<util::ContentHash> published;
  };
  struct TrustNode {
    std::size_t users = 0;
    std::optional<table::TrustBundle> bundle;  // as published
  };
  struct UsersNode {
    std::size_t users = 0;             // of this node
    std::optional<table::Users> made;  // as published
  };

  void put(kube::Object object);
  void remove(const kube::ObjectRef& ref);
  void put_ingress(kube::Object object, const NamespacedName& name);
  void put_slice(kube::Object object, const NamespacedName& name);
  void put_secret(kube::Object object, const NamespacedName& name);
  void put_class(kube::Object object);
  void put_policy(kube::Object object);
  void remove_policy(const kube::ObjectRef& ref);
  void touch_policy(const kube::Policy& policy);
  void touch_policies_of(kube::Kind kind, const NamespacedName& name);
  void touch_service_policy(const NamespacedName& service);
  void touch_backends(const NamespacedName& service);
  void touch_service(const NamespacedName& name);
  void touch_slice(const NamespacedName& name);
  void touch_secret(const NamespacedName& name);
  void touch_config_map(const NamespacedName& name);
  void serve(const NamespacedName& name);
  void stop_serving(const NamespacedName& name);
  void claim_backends(const kube::Ingress& ingress,
                      const std::shared_ptr<const Policies>& policies);
  void drop_claims(const kube::Ingress& ingress);
  bool is_ignored(const std::string& ns) const;
  void take_decoding_problems(const kube::SourceEvents& events);

  void update_classes();
  void update_policies();
  void update_shares();
  void update_verdicts(Changes& changes);
  void update_default_backend();
  void touch_aliases();
  void update_hosts(Changes& changes);
  void update_host(const std::string& name, Changes& changes);
  void remove_host(const std::string& name, Changes& changes);
  void index_host(const std::string& name, HostNode& node, BuiltHost& built, Asked asked);
  void update_settings(Changes& changes);
  void update_ticket_seed(Changes& changes);
  void update_tcp_services(Changes& changes);
  void update_backends(Changes& changes);
  void update_certificates(Changes& changes);
  void update_trusts(Changes& changes);
  void update_users(Changes& changes);
  void update_checks();

  HostTls wildcard_tls_of(const std::string& name) const;
  void use_backends(const std::vector<BackendKey>& keys);
  void drop_backends(const std::vector<BackendKey>& keys);
  void use_canaries(const std::vector<CanaryOf>& canaries);
  void drop_canaries(const std::vector<CanaryOf>& canaries);
  void use_certificate(const NamespacedName& name);
  void drop_certificate(const NamespacedName& name);
  void use_trust(const NamespacedName& name);
  void drop_trust(const NamespacedName& name);
  void use_users(const UserSource& source);
  void drop_users(const UserSource& source);
  void touch_users(const NamespacedName& secret);
  BuiltBackend build(const BackendKey& key) const;
  FindServicePolicies service_policies() const;
  const std::shared_ptr<const Policies>& defaults_of(const kube::Ingress& ingress);

  const Options options_;
  ObjectStore store_;
  PolicyIndex index_;
  std::map<kube::ObjectRef, std::vector<PolicyVerdict>> verdicts_;
  const FindConfigMap config_maps_ = [this](const NamespacedName& name) {
    return store_.find_config_map(name);
  };
  const FindShares shares_ = [this](const std::string& host) {
    const auto found = hosts_.find(host);
    return found == hosts_.end() ? nullptr : &found->second.shares;
  };
  ProblemBook problems_;

  // The table, and what it is made from.
  std::unordered_map<std::string, HostNode> hosts_;
  std::map<BackendKey, BackendNode> backends_;  // those of a Service side by side
  ByName<CertificateNode> certificates_;
  ByName<TrustNode> trusts_;
  std::map<UserSource, UsersNode> users_;
  GlobalSettings global_;
  std::shared_ptr<const Policies> defaults_ = std::make_shared<const Policies>();  // of global_
  std::map<kube::ObjectRef, std::shared_ptr<const Policies>> class_defaults_;      // by WeirConfig
  std::optional<table::Settings> settings_;
  std::optional<table::TicketSeed> ticket_seed_;
  std::map<std::uint16_t, table::TcpService> tcp_services_;  // as published
  std::vector<BackendKey> tcp_backends_;
  std::optional<NamespacedName> default_certificate_;  // while it is usable
  std::optional<BackendKey> default_backend_;          // while it is usable

  // The index: what an object touches.
  ByName<std::shared_ptr<const Policies>> served_;
  ClaimsByBackend claims_;
  PrimariesByCanary primaries_;
  ByName<NameSet> ingresses_by_service_;
  ByName<NameSet> ingresses_by_secret_;
  ByName<NameSet> ingresses_by_config_map_;
  ByName<std::set<std::string>> hosts_by_secret_;
  ByName<std::set<std::string>> hosts_by_config_map_;
  std::unordered_map<std::string, std::set<std::string>> hosts_by_wildcard_;
  std::set<std::string> hosts_with_default_backend_;

  // What has to be made anew.
  bool classes_changed_ = false;
  bool defaults_changed_ = false;
  bool class_defaults_changed_ = false;
  bool default_backend_changed_ = true;
  std::set<std::string> dirty_hosts_;
  std::set<BackendKey> dirty_backends_;
  NameSet dirty_certificates_;
  NameSet dirty_trusts_;
  std::set<UserSource> dirty_users_;
  NameSet dirty_checks_;  // Ingresses
  NameSet dirty_shares_;  // Ingresses
  std::set<kube::ObjectRef> dirty_policies_;
};

}  // namespace weir::ingress
