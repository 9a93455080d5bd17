#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "ingress/age.h"
#include "ingress/names.h"
#include "ingress/policies.h"
#include "ingress/policy_settings.h"
#include "kube/objects.h"
#include "table/table.h"

namespace weir::ingress {

/// The Ingresses that name a backend, with their policies. What follows for the backend costs the
/// same however many they are.
class BackendClaims {
 public:
  using ByAge = std::map<Age, std::shared_ptr<const Policies>>;  ///< oldest first

  void add(const Age& age, const std::shared_ptr<const Policies>& policies);
  void remove(const Age& age);

  bool empty() const { return all_.empty(); }
  /// Nobody has a word of their own about balancing.
  bool are_usual() const { return special_ == 0; }

  /// Whether requests go to the Service's address.
  bool are_by_address(const Policies& defaults) const;
  /// Balancing and affinity. `defaults` are for a backend that no Ingress names; what `own`, the
  /// Service's policy, says goes before, if it is not nullptr.
  void apply_to(table::Backend& backend, const Policies& defaults, const PolicySettings* own) const;
  /// But for its salt; nullopt: nobody wants one.
  std::optional<table::StickyCookie> cookie() const;

 private:
  ByAge all_;
  ByAge sticky_;     // those with affinity
  ByAge with_mode_;  // of them, those that say which mode
  std::size_t special_ = 0;
};

using ClaimsByBackend = std::map<BackendKey, BackendClaims>;
/// Of a canary's backend those whose clients stay on it or off it, and on how many hosts.
using PrimariesByCanary = std::map<BackendKey, std::map<BackendKey, std::size_t>>;

/// Sets all that Ingresses say of the backend. That of a canary has the cookie of its primary,
/// unless it has an own one, so that each client stays where it is.
void apply_claims(table::Backend& backend, const BackendKey& key, const ClaimsByBackend& claims,
                  const PrimariesByCanary& primaries, const Policies& defaults,
                  const PolicySettings* own);

/// Whether requests go to the Service's address instead of its endpoints.
bool is_by_address(const BackendKey& key, const ClaimsByBackend& claims, const Policies& defaults);

/// The backends that an Ingress names; sorted, no duplicates.
std::vector<BackendKey> backends_of(const kube::Ingress& ingress);

}  // namespace weir::ingress
