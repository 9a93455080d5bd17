#include "ingress/translator.h"

#include <algorithm>
#include <utility>

#include "ingress/annotation_reader.h"
#include "ingress/ingress_check.h"
#include "ingress/tcp_services.h"
#include "ingress/user_list.h"

namespace weir::ingress {

namespace {

bool is_wildcard(const std::string& host) {
  return host.starts_with("*.");
}

template <class Index, class Key, class Value>
void erase_from(Index& index, const Key& key, const Value& value) {
  const auto found = index.find(key);
  if (found == index.end()) return;
  found->second.erase(value);
  if (found->second.empty()) index.erase(found);
}

template <class Index, class Key, class Target>
void insert_all(const Index& index, const Key& key, Target& target) {
  const auto found = index.find(key);
  if (found != index.end()) target.insert(found->second.begin(), found->second.end());
}

/// Whether a host would be built alike from either.
bool is_same_check(const ObjectStore::Certificate* a, const ObjectStore::Certificate* b) {
  if (!a || !b) return a == b;
  if (a->has_value() != b->has_value()) return false;
  if (!*a) return a->error().detail == b->error().detail;
  return (*a)->names == (*b)->names && (*a)->key_type == (*b)->key_type;
}

/// What is told of it beside that.
std::string staple_problem_of(const ObjectStore::Certificate& certificate) {
  return certificate ? certificate->staple_problem : std::string();
}

/// Of what the table has of a Secret: a staple that is of no use is not in it.
util::ContentHash hash_of(const table::Certificate& certificate) {
  std::string bytes;
  for (const auto* part : {&certificate.chain_pem, &certificate.key_pem, &certificate.ocsp_der}) {
    bytes += std::to_string(part->size()) + ':' + *part;
  }
  return util::hash_content({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

Translator::Translator(Options options) : options_(std::move(options)) {}

bool Translator::is_ignored(const std::string& ns) const {
  return !options_.watch_namespace.empty() && !ns.empty() && ns != options_.watch_namespace;
}

void Translator::take(kube::SourceEvents events) {
  take_decoding_problems(events);
  for (auto& object : events.upserts) {
    if (is_ignored(kube::meta_of(object).ns)) continue;
    auto kept = as_kept(std::move(object), options_);
    if (store_.has_same(kept)) {
      store_.refresh(kept);
    } else {
      put(std::move(kept));
    }
  }
  for (const auto& ref : events.removes) remove(ref);
}

void Translator::take_decoding_problems(const kube::SourceEvents& events) {
  std::map<kube::ObjectRef, std::vector<kube::Problem>> by_object;
  for (const auto& object : events.upserts) by_object[kube::ref_of(object)];
  for (const auto& ref : events.removes) by_object[ref];
  for (const auto& problem : events.problems) by_object[problem.object].push_back(problem);
  for (auto& [ref, problems] : by_object) {
    if (is_ignored(ref.ns)) continue;
    problems_.tell({ProblemBook::Kind::Decoding, kube::to_string(ref)}, std::move(problems));
  }
}

void Translator::put(kube::Object object) {
  const NamespacedName name = name_of(kube::meta_of(object));
  switch (kube::ref_of(object).kind) {
    case kube::Kind::Ingress:
      put_ingress(std::move(object), name);
      break;
    case kube::Kind::IngressClass:
      put_class(std::move(object));
      break;
    case kube::Kind::Service:
      store_.put(std::move(object));
      touch_service(name);
      break;
    case kube::Kind::EndpointSlice:
      put_slice(std::move(object), name);
      break;
    case kube::Kind::Secret:
      put_secret(std::move(object), name);
      break;
    case kube::Kind::ConfigMap:
      store_.put(std::move(object));
      touch_config_map(name);
      break;
    case kube::Kind::TunnelPolicy:
    case kube::Kind::BackendPolicy:
    case kube::Kind::WeirConfig:
      put_policy(std::move(object));
      break;
    case kube::Kind::Manifest:
      break;
  }
}

void Translator::touch_config_map(const NamespacedName& name) {
  insert_all(hosts_by_config_map_, name, dirty_hosts_);
  insert_all(ingresses_by_config_map_, name, dirty_checks_);
  if (options_.config_map != name) return;
  global_ = read_global_settings(store_.find_config_map(*options_.config_map));
  if (*defaults_ == global_.policies) return;
  defaults_ = std::make_shared<const Policies>(global_.policies);
  defaults_changed_ = true;
}

void Translator::put_ingress(kube::Object object, const NamespacedName& name) {
  stop_serving(name);
  store_.put(std::move(object));
  if (is_served(*store_.find_ingress(name), store_.classes(), options_)) serve(name);
  dirty_checks_.insert(name);
  touch_policies_of(kube::Kind::Ingress, name);
}

void Translator::put_class(kube::Object object) {
  const auto& ingress_class = std::get<kube::IngressClass>(object);
  const auto before = store_.classes().find(ingress_class.meta.name);
  if (ingress_class.parameters || (before != store_.classes().end() && before->second.parameters)) {
    class_defaults_changed_ = true;
  }
  store_.put(std::move(object));
  classes_changed_ = true;
}

void Translator::put_policy(kube::Object object) {
  const auto ref = kube::ref_of(object);
  remove_policy(ref);
  store_.put(std::move(object));
  const auto& policy = *store_.find_policy(ref);
  index_.put(policy);
  touch_policy(policy);
  dirty_policies_.insert(ref);
}

void Translator::remove_policy(const kube::ObjectRef& ref) {
  const auto* policy = store_.find_policy(ref);
  if (policy == nullptr) return;
  index_.remove(*policy);
  touch_policy(*policy);
  dirty_policies_.insert(ref);
}

/// What it counts for is made anew, and so is what is said of others that are for the same.
void Translator::touch_policy(const kube::Policy& policy) {
  if (policy.kind == kube::Kind::WeirConfig) {
    class_defaults_changed_ = true;
    return;
  }
  for (const auto& target : policy.targets) {
    const NamespacedName name{policy.meta.ns, target.name};
    touch_policies_of(target.kind, name);
    if (target.kind == kube::Kind::Ingress) {
      dirty_shares_.insert(name);
    } else {
      touch_service_policy(name);
    }
  }
}

void Translator::touch_policies_of(kube::Kind kind, const NamespacedName& name) {
  if (index_.empty()) return;
  for (auto& policy : index_.policies_of(kind, name)) dirty_policies_.insert(std::move(policy));
}

void Translator::touch_service_policy(const NamespacedName& service) {
  touch_backends(service);
  insert_all(ingresses_by_service_, service, dirty_shares_);
  if (options_.default_backend != service) return;
  dirty_hosts_.insert(hosts_with_default_backend_.begin(), hosts_with_default_backend_.end());
}

void Translator::put_slice(kube::Object object, const NamespacedName& name) {
  touch_slice(name);
  store_.put(std::move(object));
  touch_slice(name);
}

void Translator::put_secret(kube::Object object, const NamespacedName& name) {
  const auto before = store_.checked_certificate(name);
  store_.put(std::move(object));
  touch_policies_of(kube::Kind::Secret, name);
  touch_users(name);
  // A renewed certificate for the same names changes no host.
  if (before && is_same_check(before.get(), store_.find_certificate(name))) {
    if (certificates_.contains(name)) dirty_certificates_.insert(name);
    if (trusts_.contains(name)) dirty_trusts_.insert(name);
    if (trusts_.contains(name) ||
        staple_problem_of(*before) != staple_problem_of(*store_.find_certificate(name))) {
      insert_all(ingresses_by_secret_, name, dirty_checks_);
    }
  } else {
    touch_secret(name);
  }
}

void Translator::remove(const kube::ObjectRef& ref) {
  const NamespacedName name{ref.ns, ref.name};
  switch (ref.kind) {
    case kube::Kind::Ingress:
      stop_serving(name);
      store_.remove(ref);
      dirty_checks_.insert(name);
      touch_policies_of(ref.kind, name);
      break;
    case kube::Kind::IngressClass:
      store_.remove(ref);
      classes_changed_ = true;
      class_defaults_changed_ = true;
      break;
    case kube::Kind::Service:
      store_.remove(ref);
      touch_service(name);
      break;
    case kube::Kind::EndpointSlice:
      touch_slice(name);
      store_.remove(ref);
      break;
    case kube::Kind::Secret:
      store_.remove(ref);
      touch_secret(name);
      touch_policies_of(ref.kind, name);
      break;
    case kube::Kind::ConfigMap:
      store_.remove(ref);
      touch_config_map(name);
      break;
    case kube::Kind::TunnelPolicy:
    case kube::Kind::BackendPolicy:
    case kube::Kind::WeirConfig:
      remove_policy(ref);
      store_.remove(ref);
      break;
    case kube::Kind::Manifest:
      break;
  }
}

void Translator::touch_backends(const NamespacedName& service) {
  for (auto it = backends_.lower_bound({service, {}});
       it != backends_.end() && it->first.service == service; ++it) {
    dirty_backends_.insert(it->first);
  }
  if (options_.default_backend == service) default_backend_changed_ = true;
}

void Translator::touch_service(const NamespacedName& name) {
  touch_backends(name);
  if (!index_.policies_of(kube::Kind::Service, name).empty()) {
    touch_policies_of(kube::Kind::Service, name);
    touch_service_policy(name);  // which may be for a port by its name
  }
  insert_all(ingresses_by_service_, name, dirty_checks_);
}

void Translator::touch_slice(const NamespacedName& name) {
  const auto* slice = store_.find_slice(name);
  if (slice && !slice->service.empty()) touch_backends({name.ns, slice->service});
}

void Translator::touch_secret(const NamespacedName& name) {
  insert_all(hosts_by_secret_, name, dirty_hosts_);
  insert_all(ingresses_by_secret_, name, dirty_checks_);
  if (certificates_.contains(name)) dirty_certificates_.insert(name);
  if (trusts_.contains(name)) dirty_trusts_.insert(name);
  touch_users(name);
}

void Translator::touch_users(const NamespacedName& secret) {
  for (const bool is_map : {false, true}) {
    const UserSource source{secret, is_map};
    if (!users_.contains(source)) continue;
    dirty_users_.insert(source);
    insert_all(ingresses_by_secret_, secret, dirty_checks_);
  }
}

void Translator::serve(const NamespacedName& name) {
  const auto& ingress = *store_.find_ingress(name);
  auto annotations = read_annotations(ingress, defaults_of(ingress));
  problems_.tell({ProblemBook::Kind::Annotations, to_string(name)},
                 std::move(annotations.problems));
  served_.insert_or_assign(name, annotations.policies);
  claim_backends(ingress, annotations.policies);
  const auto references = references_of(ingress, *annotations.policies);
  for (const auto& service : references.services) ingresses_by_service_[service].insert(name);
  for (const auto& secret : references.secrets) ingresses_by_secret_[secret].insert(name);
  for (const auto& map : references.config_maps) ingresses_by_config_map_[map].insert(name);
  const Age age(ingress.meta);
  for (auto& [host, share] : shares_under_policies(ingress, annotations.policies, index_)) {
    hosts_[host].shares.insert_or_assign(age, std::move(share));
    if (!is_wildcard(host)) hosts_by_wildcard_[wildcard_of(host)].insert(host);
    dirty_hosts_.insert(host);
  }
  dirty_checks_.insert(name);
}

void Translator::stop_serving(const NamespacedName& name) {
  const auto served = served_.extract(name);
  if (!served) return;
  problems_.tell({ProblemBook::Kind::Annotations, to_string(name)}, {});
  const auto& ingress = *store_.find_ingress(name);
  drop_claims(ingress);
  const auto references = references_of(ingress, *served.mapped());
  for (const auto& service : references.services) erase_from(ingresses_by_service_, service, name);
  for (const auto& secret : references.secrets) erase_from(ingresses_by_secret_, secret, name);
  for (const auto& map : references.config_maps) erase_from(ingresses_by_config_map_, map, name);
  const Age age(ingress.meta);
  for (const auto& [host, share] : shares_of(ingress, served.mapped())) {
    hosts_.at(host).shares.erase(age);
    dirty_hosts_.insert(host);
  }
  dirty_checks_.insert(name);
}

void Translator::claim_backends(const kube::Ingress& ingress,
                                const std::shared_ptr<const Policies>& policies) {
  const Age age(ingress.meta);
  for (const auto& key : backends_of(ingress)) {
    auto& claims = claims_[key];
    claims.add(age, policies);
    if (!claims.are_usual()) dirty_backends_.insert(key);
  }
}

void Translator::drop_claims(const kube::Ingress& ingress) {
  const Age age(ingress.meta);
  for (const auto& key : backends_of(ingress)) {
    const auto found = claims_.find(key);
    auto& claims = found->second;
    if (!claims.are_usual()) dirty_backends_.insert(key);
    claims.remove(age);
    if (claims.empty()) claims_.erase(found);
  }
}

Changes Translator::update() {
  Changes changes;
  update_classes();
  update_policies();
  update_shares();
  update_default_backend();
  update_hosts(changes);
  update_settings(changes);
  update_tcp_services(changes);
  update_backends(changes);
  update_certificates(changes);
  update_trusts(changes);
  update_users(changes);
  update_checks();
  update_verdicts(changes);
  std::sort(changes.upserts.begin(), changes.upserts.end(),
            [](const auto& a, const auto& b) { return table::key_of(a) < table::key_of(b); });
  std::sort(changes.removes.begin(), changes.removes.end());
  auto problems = problems_.take_changes();
  changes.appeared = std::move(problems.appeared);
  changes.disappeared = std::move(problems.disappeared);
  return changes;
}

void Translator::update_classes() {
  if (!std::exchange(classes_changed_, false)) return;
  for (const auto& [name, ingress] : store_.ingresses()) {
    const bool is_ours = is_served(ingress, store_.classes(), options_);
    if (is_ours && !served_.contains(name)) serve(name);
    if (!is_ours) {
      stop_serving(name);
      dirty_checks_.insert(name);
    }
  }
  for (const auto& [policy, object] : store_.policies()) dirty_policies_.insert(policy);
}

/// The ConfigMap or a WeirConfig has other defaults: only what has another policy by that is made
/// anew.
void Translator::update_policies() {
  const bool is_for_all = std::exchange(defaults_changed_, false);
  if (!std::exchange(class_defaults_changed_, false) && !is_for_all) return;
  class_defaults_.clear();
  for (auto& [name, policies] : served_) {
    const auto& ingress = *store_.find_ingress(name);
    auto read = read_annotations(ingress, defaults_of(ingress));
    if (*read.policies == *policies) continue;
    drop_claims(ingress);
    policies = std::move(read.policies);
    claim_backends(ingress, policies);
    const Age age(ingress.meta);
    for (auto& [host, share] : shares_under_policies(ingress, policies, index_)) {
      hosts_.at(host).shares.insert_or_assign(age, std::move(share));
      dirty_hosts_.insert(host);
    }
    dirty_checks_.insert(name);
  }
  if (!is_for_all) return;
  dirty_hosts_.insert("");  // which may have a route of no Ingress
  for (const auto& [key, node] : backends_) {
    if (!claims_.contains(key)) dirty_backends_.insert(key);
  }
}

/// Policies of these Ingresses, or of their Services, have come, gone or changed.
void Translator::update_shares() {
  for (const auto& name : std::exchange(dirty_shares_, {})) {
    const auto served = served_.find(name);
    if (served == served_.end()) continue;
    const auto& ingress = *store_.find_ingress(name);
    const Age age(ingress.meta);
    for (auto& [host, share] : shares_under_policies(ingress, served->second, index_)) {
      hosts_.at(host).shares.insert_or_assign(age, std::move(share));
      dirty_hosts_.insert(host);
    }
    dirty_checks_.insert(name);
  }
}

void Translator::update_verdicts(Changes& changes) {
  const PolicyWorld world{index_, store_,
                          [this](const NamespacedName& ingress) { return serves(ingress); }};
  for (const auto& ref : std::exchange(dirty_policies_, {})) {
    const ProblemBook::Teller teller{ProblemBook::Kind::Policy, kube::to_string(ref)};
    const auto* policy = store_.find_policy(ref);
    if (policy == nullptr) {
      problems_.tell(teller, {});
      verdicts_.erase(ref);
      continue;
    }
    auto judged = judge_policy(*policy, world, options_);
    problems_.tell(teller, std::move(judged.problems));
    verdicts_.insert_or_assign(ref, std::move(judged.verdicts));
    changes.judged.push_back(ref);
  }
}

const std::shared_ptr<const Policies>& Translator::defaults_of(const kube::Ingress& ingress) {
  const auto* config = config_of(ingress, store_, options_);
  if (config == nullptr) return defaults_;
  auto& made = class_defaults_[kube::ref_of(*config)];
  if (made == nullptr) made = make_class_defaults(*config, *defaults_);
  return made;
}

void Translator::update_default_backend() {
  if (!options_.default_backend || !std::exchange(default_backend_changed_, false)) return;
  const BackendKey key{*options_.default_backend, {}};
  const auto before = default_backend_;
  default_backend_.reset();
  if (is_usable(build(key).backend)) default_backend_ = key;
  if (default_backend_ == before) return;
  dirty_hosts_.insert(hosts_with_default_backend_.begin(), hosts_with_default_backend_.end());
  dirty_hosts_.insert("");
}

/// Who is served under another name as well, is so there, too.
void Translator::touch_aliases() {
  std::set<std::string> names;
  for (const auto& host : dirty_hosts_) {
    const auto found = hosts_.find(host);
    if (found == hosts_.end()) continue;
    for (auto& alias : aliases_of(found->second.shares)) names.insert(std::move(alias));
  }
  dirty_hosts_.merge(names);
}

void Translator::update_hosts(Changes& changes) {
  touch_aliases();
  // Wildcards first: exact names under them may take over what they say about TLS. '*' sorts before
  // every letter, and so they are at the front; host "" is before them and has nothing to do with
  // it.
  while (!dirty_hosts_.empty()) {
    update_host(dirty_hosts_.extract(dirty_hosts_.begin()).value(), changes);
  }
}

void Translator::update_host(const std::string& name, Changes& changes) {
  const bool is_default = name.empty() && default_backend_;
  const auto found = hosts_.find(name);
  if (found == hosts_.end() && !is_default) return;
  if (found != hosts_.end() && found->second.shares.empty() && !is_default) {
    remove_host(name, changes);
    return;
  }
  HostNode& node = hosts_[name];
  Asked asked;
  const auto aliased = aliased_host(name, node.shares, shares_);
  auto built =
      build_host({aliased ? *aliased : name, aliased ? hosts_.at(*aliased).shares : node.shares,
                  wildcard_tls_of(name), default_backend_, *defaults_,
                  [&](const NamespacedName& secret) {
                    asked.secrets.push_back(secret);
                    return store_.find_certificate(secret);
                  },
                  [&](const NamespacedName& config_map) {
                    asked.config_maps.push_back(config_map);
                    return store_.find_config_map(config_map);
                  },
                  service_policies(), aliased ? name : std::string()});
  if (aliased) built.problems.clear();  // told of the host itself
  for (auto& problem : alias_problems(name, node.shares, aliased, shares_)) {
    built.problems.push_back(std::move(problem));
  }
  problems_.tell({ProblemBook::Kind::Host, name}, std::move(built.problems));
  index_host(name, node, built, std::move(asked));
  if (!built.is_there) {
    if (std::exchange(node.host, {})) changes.removes.push_back({table::ResourceKind::Host, name});
    return;
  }
  if (node.host == built.host) return;
  node.host = built.host;
  changes.upserts.emplace_back(std::move(built.host));
}

void Translator::remove_host(const std::string& name, Changes& changes) {
  HostNode& node = hosts_.at(name);
  BuiltHost nothing;
  index_host(name, node, nothing, {});
  problems_.tell({ProblemBook::Kind::Host, name}, {});
  if (!is_wildcard(name)) erase_from(hosts_by_wildcard_, wildcard_of(name), name);
  if (node.host) changes.removes.push_back({table::ResourceKind::Host, name});
  hosts_.erase(name);
}

void Translator::index_host(const std::string& name, HostNode& node, BuiltHost& built,
                            Asked asked) {
  if (built.own_tls != node.own_tls && is_wildcard(name)) {
    insert_all(hosts_by_wildcard_, name, dirty_hosts_);
  }
  node.own_tls = std::move(built.own_tls);
  use_backends(built.backends);
  drop_backends(node.backends);
  node.backends = std::move(built.backends);
  use_canaries(built.canaries);
  drop_canaries(node.canaries);
  node.canaries = std::move(built.canaries);
  for (const auto& certificate : built.certificates) use_certificate(certificate);
  for (const auto& certificate : node.certificates) drop_certificate(certificate);
  node.certificates = std::move(built.certificates);
  for (const auto& trust : built.trusts) use_trust(trust);
  for (const auto& trust : node.trusts) drop_trust(trust);
  node.trusts = std::move(built.trusts);
  for (const auto& source : built.users) use_users(source);
  for (const auto& source : node.users) drop_users(source);
  node.users = std::move(built.users);
  for (const auto& secret : node.asked.secrets) erase_from(hosts_by_secret_, secret, name);
  for (const auto& secret : asked.secrets) hosts_by_secret_[secret].insert(name);
  for (const auto& map : node.asked.config_maps) erase_from(hosts_by_config_map_, map, name);
  for (const auto& map : asked.config_maps) hosts_by_config_map_[map].insert(name);
  node.asked = std::move(asked);
  if (built.wants_default_backend) {
    hosts_with_default_backend_.insert(name);
  } else {
    hosts_with_default_backend_.erase(name);
  }
}

HostTls Translator::wildcard_tls_of(const std::string& name) const {
  if (is_wildcard(name)) return {};
  const auto wildcard = hosts_.find(wildcard_of(name));
  return wildcard == hosts_.end() ? HostTls{} : wildcard->second.own_tls;
}

void Translator::update_settings(Changes& changes) {
  update_ticket_seed(changes);
  auto settings = make_settings(options_, global_, config_maps_);
  std::optional<NamespacedName> certificate;
  if (options_.default_certificate) {
    const auto* checked = store_.find_certificate(*options_.default_certificate);
    if (checked && *checked) {
      certificate = options_.default_certificate;
      settings.default_certificate = to_string(*certificate);
    }
  }
  if (certificate) use_certificate(*certificate);
  if (default_certificate_) drop_certificate(*default_certificate_);
  default_certificate_ = std::move(certificate);
  if (settings_ == settings) return;
  settings_ = settings;
  changes.upserts.emplace_back(std::move(settings));
}

void Translator::update_ticket_seed(Changes& changes) {
  if (!options_.ticket_secret) return;
  std::optional<table::TicketSeed> seed;
  if (const auto* secret = store_.find_secret(*options_.ticket_secret)) {
    if (auto read = read_ticket_seed(*secret)) seed = *std::move(read);
  }
  if (ticket_seed_ == seed) return;
  ticket_seed_ = seed;
  if (seed) {
    changes.upserts.emplace_back(*std::move(seed));
  } else {
    changes.removes.push_back({table::ResourceKind::TicketSeed, {}});
  }
}

void Translator::update_tcp_services(Changes& changes) {
  if (!options_.tcp_services) return;
  auto read = read_tcp_services(options_, global_, store_);
  use_backends(read.backends);
  drop_backends(tcp_backends_);
  tcp_backends_ = std::move(read.backends);
  std::map<std::uint16_t, table::TcpService> services;
  for (auto& service : read.services) {
    const auto former = tcp_services_.find(service.port);
    if (former == tcp_services_.end() || former->second != service) {
      changes.upserts.emplace_back(service);
    }
    services.emplace(service.port, std::move(service));
  }
  for (const auto& [port, service] : tcp_services_) {
    if (!services.contains(port)) changes.removes.push_back(table::key_of(service));
  }
  tcp_services_ = std::move(services);
}

void Translator::update_backends(Changes& changes) {
  const auto is_dirty = [this](const auto& primary) {
    return dirty_backends_.contains(primary.first);
  };
  std::set<BackendKey> followers;
  for (const auto& [canary, primaries] : primaries_) {
    if (std::ranges::any_of(primaries, is_dirty)) followers.insert(canary);
  }
  dirty_backends_.merge(followers);
  for (const auto& key : std::exchange(dirty_backends_, {})) {
    const auto found = backends_.find(key);
    if (found == backends_.end()) continue;
    BackendNode& node = found->second;
    const ProblemBook::Teller teller{ProblemBook::Kind::Backend, to_string(key)};
    if (node.users == 0) {
      problems_.tell(teller, {});
      if (node.backend) changes.removes.push_back(table::key_of(*node.backend));
      backends_.erase(found);
      continue;
    }
    auto built = build(key);
    problems_.tell(teller, std::move(built.problems));
    if (node.backend == built.backend) continue;
    node.backend = built.backend;
    changes.upserts.emplace_back(std::move(built.backend));
  }
}

void Translator::update_certificates(Changes& changes) {
  for (const auto& name : std::exchange(dirty_certificates_, {})) {
    const auto found = certificates_.find(name);
    if (found == certificates_.end()) continue;
    CertificateNode& node = found->second;
    if (node.users == 0) {
      if (node.published) {
        changes.removes.push_back({table::ResourceKind::Certificate, to_string(name)});
      }
      certificates_.erase(found);
      continue;
    }
    auto certificate = make_certificate(store_, name);
    const auto content = hash_of(certificate);
    if (node.published == content) continue;
    node.published = content;
    changes.upserts.emplace_back(std::move(certificate));
  }
}

void Translator::update_trusts(Changes& changes) {
  for (const auto& name : std::exchange(dirty_trusts_, {})) {
    const auto found = trusts_.find(name);
    if (found == trusts_.end()) continue;
    TrustNode& node = found->second;
    auto bundle = node.users == 0 ? std::nullopt : make_trust_bundle(store_, name);
    if (node.bundle != bundle) {
      node.bundle = bundle;
      if (bundle) {
        changes.upserts.emplace_back(*std::move(bundle));
      } else {
        changes.removes.push_back({table::ResourceKind::TrustBundle, to_string(name)});
      }
    }
    if (node.users == 0) trusts_.erase(found);
  }
}

std::vector<NamespacedName> Translator::certificates() const {
  std::vector<NamespacedName> names;
  for (const auto& [name, node] : certificates_) {
    if (node.published) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

void Translator::update_users(Changes& changes) {
  for (const auto& source : std::exchange(dirty_users_, {})) {
    const auto found = users_.find(source);
    if (found == users_.end()) continue;
    UsersNode& node = found->second;
    auto made = node.users == 0 ? std::nullopt : make_users(store_, source);
    if (node.made != made) {
      node.made = made;
      if (made) {
        changes.upserts.emplace_back(*std::move(made));
      } else {
        changes.removes.push_back({table::ResourceKind::Users, to_string(source)});
      }
    }
    if (node.users == 0) users_.erase(found);
  }
}

void Translator::update_checks() {
  for (const auto& name : std::exchange(dirty_checks_, {})) {
    const auto* ingress = store_.find_ingress(name);
    std::vector<kube::Problem> problems;
    if (ingress) {
      const auto served = served_.find(name);
      if (served == served_.end()) {
        problems = check_unserved(*ingress, store_, options_);
      } else {
        problems = check_ingress(*ingress, *served->second, store_);
        std::ranges::move(check_shadowed(*ingress, index_, store_), std::back_inserter(problems));
      }
    }
    problems_.tell({ProblemBook::Kind::Ingress, to_string(name)}, std::move(problems));
  }
  auto of_options = check_options(options_, store_, global_);
  std::ranges::move(check_classes(store_, options_), std::back_inserter(of_options));
  problems_.tell({ProblemBook::Kind::Options, {}}, std::move(of_options));
}

void Translator::use_backends(const std::vector<BackendKey>& keys) {
  for (const auto& key : keys) {
    if (backends_[key].users++ == 0) dirty_backends_.insert(key);
  }
}

void Translator::drop_backends(const std::vector<BackendKey>& keys) {
  for (const auto& key : keys) {
    if (--backends_.at(key).users == 0) dirty_backends_.insert(key);
  }
}

void Translator::use_canaries(const std::vector<CanaryOf>& canaries) {
  for (const auto& [canary, primary] : canaries) {
    if (primaries_[canary][primary]++ == 0) dirty_backends_.insert(canary);
  }
}

void Translator::drop_canaries(const std::vector<CanaryOf>& canaries) {
  for (const auto& [canary, primary] : canaries) {
    const auto found = primaries_.find(canary);
    if (--found->second.at(primary) != 0) continue;
    dirty_backends_.insert(canary);
    found->second.erase(primary);
    if (found->second.empty()) primaries_.erase(found);
  }
}

void Translator::use_certificate(const NamespacedName& name) {
  if (certificates_[name].users++ == 0) dirty_certificates_.insert(name);
}

void Translator::drop_certificate(const NamespacedName& name) {
  if (--certificates_.at(name).users == 0) dirty_certificates_.insert(name);
}

void Translator::use_trust(const NamespacedName& name) {
  if (trusts_[name].users++ == 0) dirty_trusts_.insert(name);
}

void Translator::use_users(const UserSource& source) {
  if (users_[source].users++ == 0) dirty_users_.insert(source);
}

void Translator::drop_users(const UserSource& source) {
  if (--users_.at(source).users == 0) dirty_users_.insert(source);
}

void Translator::drop_trust(const NamespacedName& name) {
  if (--trusts_.at(name).users == 0) dirty_trusts_.insert(name);
}

FindServicePolicies Translator::service_policies() const {
  if (index_.empty()) return {};
  return [this](const BackendKey& backend) { return settings_of(backend, index_, store_); };
}

BuiltBackend Translator::build(const BackendKey& key) const {
  auto built = build_backend(key, store_.find_service(key.service), store_.slices_of(key.service),
                             {options_.allow_loopback, is_by_address(key, claims_, *defaults_)});
  apply_claims(built.backend, key, claims_, primaries_, *defaults_,
               backend_policy_of(key, index_, store_).get());
  return built;
}

}  // namespace weir::ingress
