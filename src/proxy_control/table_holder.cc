#include "proxy_control/table_holder.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "proxy/server_tls.h"
#include "util/log.h"

namespace weir::proxy_control {

namespace {

std::size_t index_of(table::ResourceKind kind) {
  return static_cast<std::size_t>(kind) - 1;
}

/// Puts a decoded resource into the delta. The reason if that cannot be.
struct AddTo {
  proxy::Delta& delta;

  std::optional<std::string> operator()(table::Settings&& settings) const {
    if (const auto checked = proxy::check_tls_settings(settings.tls); !checked) {
      return checked.error().detail;
    }
    delta.blocked = proxy::BlockRules::make(settings.blocked);
    delta.settings = std::move(settings);
    return std::nullopt;
  }
  std::optional<std::string> operator()(table::Certificate&& certificate) const {
    auto parsed = proxy::ServerCertificate::parse(certificate);
    if (!parsed) return parsed.error().detail;
    if (const auto& problem = (*parsed)->staple_problem(); !problem.empty()) {
      util::log::warning("the OCSP response of {} {}; it is not stapled", certificate.name,
                         problem);
    }
    delta.certificates.push_back({std::move(certificate.name), *std::move(parsed)});
    return std::nullopt;
  }
  std::optional<std::string> operator()(table::Backend&& backend) const {
    delta.backends.push_back(std::make_shared<const table::Backend>(std::move(backend)));
    return std::nullopt;
  }
  std::optional<std::string> operator()(table::Host&& host) const {
    if (const auto checked = proxy::check_ciphers(host.ciphers); !checked) {
      return "ciphers: " + checked.error().detail;
    }
    for (std::size_t i = 0; i < host.routes.size(); ++i) {
      const auto& tls = host.routes[i].upstream_tls;
      if (!tls) continue;
      if (const auto checked = proxy::check_ciphers(tls->ciphers); !checked) {
        return fmt::format("routes[{}].upstream_tls.ciphers: {}", i, checked.error().detail);
      }
    }
    delta.hosts.emplace_back(std::make_shared<const table::Host>(std::move(host)));
    return std::nullopt;
  }
  std::optional<std::string> operator()(table::TrustBundle&& bundle) const {
    auto parsed = proxy::TrustStore::parse(bundle);
    if (!parsed) return parsed.error().detail;
    delta.trust_bundles.push_back({std::move(bundle.name), *std::move(parsed)});
    return std::nullopt;
  }
  std::optional<std::string> operator()(table::Users&& users) const {
    delta.users.push_back({users.name, std::make_shared<const proxy::UserList>(users)});
    return std::nullopt;
  }
  std::optional<std::string> operator()(table::TicketSeed&& seed) const {
    delta.ticket_seed = std::move(seed);
    return std::nullopt;
  }
};

std::optional<std::string> decode_into(proxy::Delta& delta,
                                       const table::EncodedResource& resource) {
  auto decoded = table::decode(resource.key.kind, *resource.bytes);
  if (!decoded) return decoded.error().detail;
  if (const auto key = table::key_of(*decoded); key != resource.key) {
    return "holds " + table::to_string(key) + " under the name of another";
  }
  return std::visit(AddTo{delta}, *std::move(decoded));
}

}  // namespace

TableHolder::Change TableHolder::apply(const table::Update& update) {
  Change change{std::make_shared<proxy::Delta>(), {}, false};
  std::set<table::ResourceKey> gone(update.removes.begin(), update.removes.end());
  // A remove beside an upsert would make the order matter.
  for (const auto& resource : update.upserts) {
    if (gone.empty()) break;
    gone.erase(resource.key);
  }
  for (const auto& key : gone) remove(key, change);
  for (const auto& resource : update.upserts) upsert(resource, change);
  return change;
}

void TableHolder::upsert(const table::EncodedResource& resource, Change& change) {
  const auto* known = find_hash(resource.key);
  if (known != nullptr && *known == resource.hash) return;
  if (auto reason = decode_into(*change.delta, resource)) {
    change.refusals.push_back({resource.key, *std::move(reason)});
    return;
  }
  change.changed = true;
  if (keep(resource, *change.delta)) ++counts_[index_of(resource.key.kind)];
}

const util::ContentHash* TableHolder::find_hash(const table::ResourceKey& key) const {
  if (key.kind == table::ResourceKind::Host) return hosts_.find_hash(key.name);
  if (key.kind == table::ResourceKind::Backend) return backends_.find_hash(key.name);
  const auto found = others_.find(key);
  return found == others_.end() ? nullptr : &found->second.hash;
}

/// The delta's newest is this one. True: there was none of its name.
bool TableHolder::keep(const table::EncodedResource& resource, const proxy::Delta& delta) {
  if (resource.key.kind == table::ResourceKind::Host) {
    return hosts_.put(delta.hosts.back().host, resource.hash);
  }
  if (resource.key.kind == table::ResourceKind::Backend) {
    return backends_.put(delta.backends.back(), resource.hash);
  }
  return others_.insert_or_assign(resource.key, HeldBytes{resource.hash, resource.bytes}).second;
}

bool TableHolder::erase(const table::ResourceKey& key) {
  if (key.kind == table::ResourceKind::Host) return hosts_.erase(key.name);
  if (key.kind == table::ResourceKind::Backend) return backends_.erase(key.name);
  return others_.erase(key) > 0;
}

void TableHolder::remove(const table::ResourceKey& key, Change& change) {
  if (!erase(key)) return;
  change.changed = true;
  proxy::Delta& delta = *change.delta;
  --counts_[index_of(key.kind)];
  switch (key.kind) {
    case table::ResourceKind::Settings:
      delta.settings = table::Settings{};
      delta.blocked = nullptr;
      break;
    case table::ResourceKind::Certificate:
      delta.removed_certificates.push_back(key.name);
      break;
    case table::ResourceKind::Backend:
      delta.removed_backends.push_back(key.name);
      break;
    case table::ResourceKind::Host:
      delta.removed_hosts.push_back(key.name);
      break;
    case table::ResourceKind::TrustBundle:
      delta.removed_trust_bundles.push_back(key.name);
      break;
    case table::ResourceKind::Users:
      delta.removed_users.push_back(key.name);
      break;
    case table::ResourceKind::TicketSeed:
      delta.ticket_seed = table::TicketSeed{};
      break;
  }
}

std::map<table::ResourceKey, util::ContentHash> TableHolder::held() const {
  std::map<table::ResourceKey, util::ContentHash> held;
  for (const auto& [key, bytes] : others_) held.emplace(key, bytes.hash);
  const auto add = [&](table::ResourceKind kind, const auto& values) {
    for (const auto& [value, hash] : values) {
      held.emplace(table::ResourceKey{kind, value->name}, hash);
    }
  };
  add(table::ResourceKind::Backend, backends_);
  add(table::ResourceKind::Host, hosts_);
  return held;
}

TableSnapshot TableHolder::snapshot() const {
  TableSnapshot taken;
  taken.backends_.reserve(backends_.size());
  for (const auto& held : backends_) taken.backends_.push_back(held.value);
  taken.hosts_.reserve(hosts_.size());
  for (const auto& held : hosts_) taken.hosts_.push_back(held.value);
  taken.others_.reserve(others_.size());
  for (const auto& [key, held] : others_) taken.others_.push_back({key, held.hash, held.bytes});
  return taken;
}

std::vector<table::EncodedResource> TableSnapshot::encode() const {
  auto all = others_;
  all.reserve(others_.size() + backends_.size() + hosts_.size());
  for (const auto& backend : backends_) all.push_back(table::encode(*backend));
  for (const auto& host : hosts_) all.push_back(table::encode(*host));
  std::ranges::stable_sort(all, {}, [](const auto& resource) { return resource.key.kind; });
  return all;
}

}  // namespace weir::proxy_control
