#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ingress/certificate_check.h"
#include "ingress/class_filter.h"
#include "ingress/names.h"
#include "kube/objects.h"
#include "table/table.h"
#include "util/hash.h"

namespace weir::ingress {

/// The cluster's objects as last heard, by kind. For one thread. A pointer to an object holds until
/// that object is put or removed again.
class ObjectStore {
 public:
  using Certificate = util::Result<CertificateInfo>;
  template <class T>
  using ByName = std::unordered_map<NamespacedName, T, NamespacedNameHash>;

  /// Whether the stored object says the same, but for its resource version and an Ingress's status,
  /// of which nothing is made.
  bool has_same(const kube::Object& object) const;
  void put(kube::Object object);
  /// Takes over those two, of an object that says the same.
  void refresh(const kube::Object& object);
  void remove(const kube::ObjectRef& ref);

  std::size_t count(kube::Kind kind) const;
  const ByName<kube::Ingress>& ingresses() const { return ingresses_; }
  const IngressClasses& classes() const { return classes_; }
  /// nullptr: there is none.
  const kube::ObjectMeta* find_meta(const kube::ObjectRef& ref) const;
  const kube::Ingress* find_ingress(const NamespacedName& name) const;
  const kube::Service* find_service(const NamespacedName& name) const;
  const kube::EndpointSlice* find_slice(const NamespacedName& name) const;
  const kube::ConfigMap* find_config_map(const NamespacedName& name) const;
  const kube::Secret* find_secret(const NamespacedName& name) const;
  /// Of either kind of policy, or a WeirConfig.
  const kube::Policy* find_policy(const kube::ObjectRef& ref) const;
  const std::map<kube::ObjectRef, kube::Policy>& policies() const { return policies_; }
  /// Ordered by name.
  std::vector<const kube::EndpointSlice*> slices_of(const NamespacedName& service) const;

  /// What the Secret holds, or why it cannot be served; nullptr: there is no such Secret. Checked
  /// when first asked for, and once for all Secrets with the same bytes.
  const Certificate* find_certificate(const NamespacedName& secret) const;
  /// The same if it was asked for since the Secret was put, else nullptr.
  std::shared_ptr<const Certificate> checked_certificate(const NamespacedName& secret) const;
  /// Whether the Secret's CAs can be used, or why not; nullptr: there is no such Secret. Checked
  /// when first asked for.
  const util::Result<void>* find_trust(const NamespacedName& secret) const;

 private:
  void put_slice(kube::EndpointSlice slice);
  void remove_slice(const NamespacedName& name);
  void forget_expired_contents() const;

  ByName<kube::Ingress> ingresses_;
  IngressClasses classes_;
  ByName<kube::Service> services_;
  ByName<kube::EndpointSlice> slices_;
  ByName<std::map<std::string, const kube::EndpointSlice*>> slices_by_service_;
  ByName<kube::Secret> secrets_;
  ByName<kube::ConfigMap> config_maps_;
  std::map<kube::ObjectRef, kube::Policy> policies_;
  mutable CertificateChecker checker_;
  mutable ByName<std::shared_ptr<const Certificate>> certificates_;
  mutable ByName<util::Result<void>> trusts_;
  mutable std::map<util::ContentHash, std::weak_ptr<const Certificate>> certificates_by_content_;
};

/// Of a Secret whose CAs can be used; nothing otherwise.
std::optional<table::TrustBundle> make_trust_bundle(const ObjectStore& store,
                                                    const NamespacedName& secret);

/// Of a Secret that holds a certificate that can be served.
table::Certificate make_certificate(const ObjectStore& store, const NamespacedName& secret);

/// Of tls.crt, tls.key and tls.ocsp-staple.
util::ContentHash hash_of_certificate(const kube::Secret& secret);

}  // namespace weir::ingress
