#include "ingress/object_store.h"

#include <algorithm>
#include <utility>

namespace weir::ingress {

namespace {

template <class Map, class Key>
auto* find_in(Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

void take_over(const kube::Ingress& from, kube::Ingress& to) {
  to.meta.resource_version = from.meta.resource_version;
  to.addresses = from.addresses;
}

void take_over(const kube::Policy& from, kube::Policy& to) {
  to.meta.resource_version = from.meta.resource_version;
  to.ancestors = from.ancestors;
}

template <class T>
void take_over(const T& from, T& to) {
  to.meta.resource_version = from.meta.resource_version;
}

template <class T>
bool says_same(const T* stored, const T& object) {
  if (!stored) return false;
  if (stored->meta.resource_version == object.meta.resource_version) return *stored == object;
  T other = object;
  take_over(*stored, other);
  return *stored == other;
}

NamespacedName name_of(const kube::ObjectRef& ref) {
  return {ref.ns, ref.name};
}

}  // namespace

util::ContentHash hash_of_certificate(const kube::Secret& secret) {
  std::string bytes;
  for (const char* key : {"tls.crt", "tls.key", "tls.ocsp-staple"}) {
    if (const std::string* value = find_in(secret.data, key)) {
      bytes += std::to_string(value->size()) + ':' + *value;
    } else {
      bytes += '-';
    }
  }
  return util::hash_content({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

bool ObjectStore::has_same(const kube::Object& object) const {
  struct Visitor {
    const ObjectStore& store;
    bool operator()(const kube::Ingress& o) const {
      return says_same(find_in(store.ingresses_, ingress::name_of(o.meta)), o);
    }
    bool operator()(const kube::IngressClass& o) const {
      return says_same(find_in(store.classes_, o.meta.name), o);
    }
    bool operator()(const kube::Service& o) const {
      return says_same(find_in(store.services_, ingress::name_of(o.meta)), o);
    }
    bool operator()(const kube::EndpointSlice& o) const {
      return says_same(find_in(store.slices_, ingress::name_of(o.meta)), o);
    }
    bool operator()(const kube::Secret& o) const {
      return says_same(find_in(store.secrets_, ingress::name_of(o.meta)), o);
    }
    bool operator()(const kube::ConfigMap& o) const {
      return says_same(find_in(store.config_maps_, ingress::name_of(o.meta)), o);
    }
    bool operator()(const kube::Policy& o) const {
      return says_same(store.find_policy(kube::ref_of(o)), o);
    }
  };
  return std::visit(Visitor{*this}, object);
}

void ObjectStore::put(kube::Object object) {
  struct Visitor {
    ObjectStore& store;
    void operator()(kube::Ingress&& o) const {
      auto& place = store.ingresses_[ingress::name_of(o.meta)];
      place = std::move(o);
    }
    void operator()(kube::IngressClass&& o) const {
      auto& place = store.classes_[o.meta.name];
      place = std::move(o);
    }
    void operator()(kube::Service&& o) const {
      auto& place = store.services_[ingress::name_of(o.meta)];
      place = std::move(o);
    }
    void operator()(kube::EndpointSlice&& o) const { store.put_slice(std::move(o)); }
    void operator()(kube::Secret&& o) const {
      const auto name = ingress::name_of(o.meta);
      store.certificates_.erase(name);
      store.trusts_.erase(name);
      store.secrets_[name] = std::move(o);
    }
    void operator()(kube::ConfigMap&& o) const {
      auto& place = store.config_maps_[ingress::name_of(o.meta)];
      place = std::move(o);
    }
    void operator()(kube::Policy&& o) const {
      auto& place = store.policies_[kube::ref_of(o)];
      place = std::move(o);
    }
  };
  std::visit(Visitor{*this}, std::move(object));
}

void ObjectStore::refresh(const kube::Object& object) {
  if (const auto* ingress = std::get_if<kube::Ingress>(&object)) {
    take_over(*ingress, ingresses_.at(ingress::name_of(ingress->meta)));
  } else if (const auto* policy = std::get_if<kube::Policy>(&object)) {
    take_over(*policy, policies_.at(kube::ref_of(object)));
  }
}

void ObjectStore::remove(const kube::ObjectRef& ref) {
  const NamespacedName name = name_of(ref);
  switch (ref.kind) {
    case kube::Kind::Ingress:
      ingresses_.erase(name);
      break;
    case kube::Kind::IngressClass:
      classes_.erase(ref.name);
      break;
    case kube::Kind::Service:
      services_.erase(name);
      break;
    case kube::Kind::EndpointSlice:
      remove_slice(name);
      break;
    case kube::Kind::Secret:
      certificates_.erase(name);
      trusts_.erase(name);
      secrets_.erase(name);
      break;
    case kube::Kind::ConfigMap:
      config_maps_.erase(name);
      break;
    case kube::Kind::TunnelPolicy:
    case kube::Kind::BackendPolicy:
    case kube::Kind::WeirConfig:
      policies_.erase(ref);
      break;
    case kube::Kind::Manifest:
      break;
  }
}

std::size_t ObjectStore::count(kube::Kind kind) const {
  switch (kind) {
    case kube::Kind::Ingress:
      return ingresses_.size();
    case kube::Kind::IngressClass:
      return classes_.size();
    case kube::Kind::Service:
      return services_.size();
    case kube::Kind::EndpointSlice:
      return slices_.size();
    case kube::Kind::Secret:
      return secrets_.size();
    case kube::Kind::ConfigMap:
      return config_maps_.size();
    case kube::Kind::TunnelPolicy:
    case kube::Kind::BackendPolicy:
    case kube::Kind::WeirConfig:
      return static_cast<std::size_t>(std::ranges::count_if(
          policies_, [&](const auto& entry) { return entry.first.kind == kind; }));
    case kube::Kind::Manifest:
      break;
  }
  return 0;  // not kept
}

void ObjectStore::put_slice(kube::EndpointSlice slice) {
  const auto name = ingress::name_of(slice.meta);
  remove_slice(name);  // its Service may be another one now
  const auto& stored = slices_[name] = std::move(slice);
  if (stored.service.empty()) return;
  slices_by_service_[{name.ns, stored.service}][name.name] = &stored;
}

void ObjectStore::remove_slice(const NamespacedName& name) {
  const auto found = slices_.find(name);
  if (found == slices_.end()) return;
  const auto of_service = slices_by_service_.find({name.ns, found->second.service});
  if (of_service != slices_by_service_.end()) {
    of_service->second.erase(name.name);
    if (of_service->second.empty()) slices_by_service_.erase(of_service);
  }
  slices_.erase(found);
}

const kube::ObjectMeta* ObjectStore::find_meta(const kube::ObjectRef& ref) const {
  const auto meta = [](const auto* object) { return object ? &object->meta : nullptr; };
  const NamespacedName name = name_of(ref);
  switch (ref.kind) {
    case kube::Kind::Ingress:
      return meta(find_in(ingresses_, name));
    case kube::Kind::IngressClass:
      return meta(find_in(classes_, ref.name));
    case kube::Kind::Service:
      return meta(find_in(services_, name));
    case kube::Kind::EndpointSlice:
      return meta(find_in(slices_, name));
    case kube::Kind::Secret:
      return meta(find_in(secrets_, name));
    case kube::Kind::ConfigMap:
      return meta(find_in(config_maps_, name));
    case kube::Kind::TunnelPolicy:
    case kube::Kind::BackendPolicy:
    case kube::Kind::WeirConfig:
      return meta(find_policy(ref));
    case kube::Kind::Manifest:
      break;
  }
  return nullptr;  // not kept
}

const kube::Ingress* ObjectStore::find_ingress(const NamespacedName& name) const {
  return find_in(ingresses_, name);
}

const kube::ConfigMap* ObjectStore::find_config_map(const NamespacedName& name) const {
  return find_in(config_maps_, name);
}

const kube::Policy* ObjectStore::find_policy(const kube::ObjectRef& ref) const {
  return find_in(policies_, ref);
}

const kube::Service* ObjectStore::find_service(const NamespacedName& name) const {
  return find_in(services_, name);
}

const kube::EndpointSlice* ObjectStore::find_slice(const NamespacedName& name) const {
  return find_in(slices_, name);
}

const kube::Secret* ObjectStore::find_secret(const NamespacedName& name) const {
  return find_in(secrets_, name);
}

std::vector<const kube::EndpointSlice*> ObjectStore::slices_of(
    const NamespacedName& service) const {
  std::vector<const kube::EndpointSlice*> slices;
  if (const auto* of_service = find_in(slices_by_service_, service)) {
    for (const auto& [name, slice] : *of_service) slices.push_back(slice);
  }
  return slices;
}

std::optional<table::TrustBundle> make_trust_bundle(const ObjectStore& store,
                                                    const NamespacedName& name) {
  const auto* trust = store.find_trust(name);
  if (trust == nullptr || !*trust) return std::nullopt;
  const auto& data = store.find_secret(name)->data;
  const std::string* lists = find_in(data, "ca.crl");
  return table::TrustBundle{to_string(name), data.at("ca.crt"), lists ? *lists : std::string()};
}

table::Certificate make_certificate(const ObjectStore& store, const NamespacedName& name) {
  const auto& data = store.find_secret(name)->data;
  const std::string* staple = find_in(data, "tls.ocsp-staple");
  const bool is_stapled = staple && (*store.find_certificate(name))->staple_problem.empty();
  return {to_string(name), data.at("tls.crt"), data.at("tls.key"),
          is_stapled ? *staple : std::string()};
}

std::shared_ptr<const ObjectStore::Certificate> ObjectStore::checked_certificate(
    const NamespacedName& secret) const {
  const auto* known = find_in(certificates_, secret);
  return known ? *known : nullptr;
}

/// When half of them may be: a walk over all for each Secret would be too much at start.
void ObjectStore::forget_expired_contents() const {
  if (certificates_by_content_.size() < 2 * certificates_.size() + 64) return;
  std::erase_if(certificates_by_content_, [](const auto& entry) { return entry.second.expired(); });
}

const ObjectStore::Certificate* ObjectStore::find_certificate(const NamespacedName& name) const {
  const kube::Secret* secret = find_secret(name);
  if (!secret) return nullptr;
  auto& known = certificates_[name];
  if (!known) {
    forget_expired_contents();
    auto& shared = certificates_by_content_[hash_of_certificate(*secret)];
    known = shared.lock();
    if (!known) {
      known = std::make_shared<const Certificate>(checker_.check(*secret));
      shared = known;
    }
  }
  return known.get();
}

const util::Result<void>* ObjectStore::find_trust(const NamespacedName& name) const {
  const kube::Secret* secret = find_secret(name);
  if (!secret) return nullptr;
  const auto known = trusts_.find(name);
  if (known != trusts_.end()) return &known->second;
  return &trusts_.emplace(name, check_trust(*secret)).first->second;
}

}  // namespace weir::ingress
