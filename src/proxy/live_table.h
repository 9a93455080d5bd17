#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "proxy/backend.h"
#include "proxy/client_address.h"
#include "proxy/delta.h"
#include "proxy/forward_head.h"
#include "proxy/http_counters.h"
#include "proxy/server_certificate.h"
#include "proxy/trust_store.h"
#include "table/table.h"

namespace weir::proxy {

/// A host with this worker's own count of those who use it: requests keep the one they began with,
/// without touching what workers share.
class LiveHost : public LocalRefCount<LiveHost> {
 public:
  explicit LiveHost(const Delta::NewHost& host) : policy_(host.host), rules_(host.rules) {}
  const std::string& name() const { return policy_->name; }
  const table::Host& policy() const { return *policy_; }
  /// Those of one of its routes; nullptr: it has none.
  const RouteRules* rules_of(const table::Route& route) const {
    return route.rules.is_usual() ? nullptr : &rules_->of(*policy_, route);
  }
  /// Of a host that has such a pattern (HostRules::takes_subject).
  bool takes_subject(std::string_view subject, util::RegexMatcher& matcher) const {
    return rules_ != nullptr && rules_->takes_subject(subject, matcher);
  }
  /// Which of its routes takes the path, which is normalised. `matcher` has the groups of the
  /// route's pattern then, if it has one.
  FoundRoute find_route(std::string_view path, util::RegexMatcher& matcher) const;

  /// This worker's numbers of requests that one of its routes has sent to `backend`. `canary`: that
  /// is the route's. Valid as long as the host.
  HttpCounters& counters_of(const table::Route& route, const std::string& backend, bool canary,
                            const HttpBook& book) const;
  /// This host takes the place of `former`: what routes have counted that it has as well goes on.
  void take_counters(const LiveHost& former);

 private:
  using Counted = std::vector<std::shared_ptr<HttpCounters>>;  // one a backend

  std::shared_ptr<const table::Host> policy_;
  std::shared_ptr<const HostRules> rules_;  // nullptr: there are none
  mutable std::vector<Counted> counted_;    // by the route's place; empty until a request comes
};
using HostRef = boost::intrusive_ptr<const LiveHost>;

/// The table as one worker runs it. Belongs to that worker's thread; an update swaps the pointers
/// of what changed, between two requests.
class LiveTable {
 public:
  explicit LiveTable(EndpointMap& endpoints) : endpoints_(endpoints) {}

  void adopt(const Delta& delta);
  /// False until the first update: nothing can be said about any request.
  bool complete() const { return complete_; }
  const table::Settings& settings() const { return settings_; }
  const ForwardedTrust& forwarded() const { return forwarded_; }
  /// Of clients' fields.
  KeptNames kept_names() const {
    return {settings_.underscores_in_headers, settings_.odd_names_in_headers};
  }
  /// False: the access log leaves requests with that target out.
  bool logs(std::string_view target, util::RegexMatcher& matcher) const {
    return unlogged_ == nullptr || !unlogged_->match(target, matcher);
  }
  /// nullptr: nobody is blocked.
  const BlockRules* blocked() const { return blocked_.get(); }
  /// The value of Strict-Transport-Security for responses over TLS; empty: none.
  const std::string& hsts() const { return hsts_; }
  /// nullptr: fields of messages go by their routes alone.
  const std::shared_ptr<const HeaderRules>& headers() const { return headers_; }

  /// `name` is normalised (target.h). Exact, then the wildcard that replaces its first label, then
  /// the catch-all; nullptr if there is not even that. Valid until the next `adopt`.
  const LiveHost* find_host(std::string_view name) const;
  /// Of a host without patterns. `path` is normalised. nullptr: no route of this host takes it.
  static const table::Route* find_route(const table::Host& host, std::string_view path);

  /// One of the route's backends, by weight. The route has at least one.
  static const std::string& choose_backend(const table::Route& route, std::uint64_t& random_state);
  /// nullptr if the table has no such backend.
  BackendRef find_backend(const std::string& name) const;

  /// nullptr if the table has no such bundle.
  std::shared_ptr<const TrustStore> find_trust(const std::string& name) const;
  /// nullptr if the table has no such certificate.
  std::shared_ptr<const ServerCertificate> find_certificate(const std::string& name) const;
  /// nullptr if the table has no such users.
  std::shared_ptr<const UserList> find_users(const std::string& name) const;
  /// True if some host's TLS connections go on undecrypted.
  bool any_passthrough() const { return passthrough_hosts_ > 0; }

  /// The certificates for a TLS server name, preferred first; the default one if it is empty,
  /// unknown, or its host has none. `use` is called for each.
  template <class Use>
  void for_certificates(std::string_view server_name, Use use) const {
    const auto* host = server_name.empty() ? nullptr : find_host(server_name);
    bool used = false;
    if (host != nullptr) {
      for (const auto& name : host->policy().certificates) used |= use_certificate(name, use);
    }
    if (!used) used = use_certificate(settings_.default_certificate, use);
    if (!used && self_signed_) use(*self_signed_);
  }
  void set_self_signed(std::shared_ptr<const ServerCertificate> certificate) {
    self_signed_ = std::move(certificate);
  }

 private:
  struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return boost::hash<std::string_view>{}(text);
    }
  };
  /// What has a name of its own, by that: 100 000 hosts' names are not there once more.
  struct NameHash : StringHash {
    using StringHash::operator();
    template <class T>
    std::size_t operator()(const boost::intrusive_ptr<T>& named) const {
      return (*this)(std::string_view(named->name()));
    }
  };
  struct SameName {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return name_of(a) == name_of(b);
    }
    static std::string_view name_of(std::string_view name) { return name; }
    template <class T>
    static std::string_view name_of(const boost::intrusive_ptr<T>& named) {
      return named->name();
    }
  };
  template <class Ref>
  using NamedSet = boost::unordered_flat_set<Ref, NameHash, SameName>;
  template <class V>
  using Map = boost::unordered_flat_map<std::string, V, StringHash, std::equal_to<>>;

  template <class Use>
  bool use_certificate(const std::string& name, Use& use) const {
    const auto found = certificates_.find(name);
    if (found == certificates_.end()) return false;
    use(*found->second);
    return true;
  }

  void take_host(const Delta::NewHost& host);
  void remove_host(const std::string& name);
  void remove_backend(const std::string& name);

  EndpointMap& endpoints_;
  bool complete_ = false;
  table::Settings settings_;
  std::string hsts_;
  std::shared_ptr<const HeaderRules> headers_;
  ForwardedTrust forwarded_;
  std::shared_ptr<const BlockRules> blocked_;
  std::shared_ptr<const TextRules> unlogged_;
  std::size_t passthrough_hosts_ = 0;
  NamedSet<HostRef> hosts_;
  NamedSet<BackendRef> backends_;
  Map<std::shared_ptr<const ServerCertificate>> certificates_;
  Map<std::shared_ptr<const TrustStore>> trust_;
  Map<std::shared_ptr<const UserList>> users_;
  std::shared_ptr<const ServerCertificate> self_signed_;
};

}  // namespace weir::proxy
