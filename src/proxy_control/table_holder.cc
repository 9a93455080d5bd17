#include "proxy_control/table_holder.h"

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
  std::set<table::ResourceKey> stays;  // a remove beside an upsert would make the order matter
  for (const auto& resource : update.upserts) stays.insert(resource.key);
  for (const auto& key : update.removes) {
    if (!stays.contains(key)) remove(key, change);
  }
  for (const auto& resource : update.upserts) upsert(resource, change);
  return change;
}

void TableHolder::upsert(const table::EncodedResource& resource, Change& change) {
  const auto known = resources_.find(resource.key);
  if (known != resources_.end() && known->second.hash == resource.hash) return;
  if (auto reason = decode_into(*change.delta, resource)) {
    change.refusals.push_back({resource.key, *std::move(reason)});
    return;
  }
  change.changed = true;
  if (known != resources_.end()) {
    known->second = resource;
  } else {
    resources_.emplace(resource.key, resource);
    ++counts_[index_of(resource.key.kind)];
  }
}

void TableHolder::remove(const table::ResourceKey& key, Change& change) {
  if (resources_.erase(key) == 0) return;
  change.changed = true;
  proxy::Delta& delta = *change.delta;
  --counts_[index_of(key.kind)];
  switch (key.kind) {
    case table::ResourceKind::Settings:
      delta.settings = table::Settings{};
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
    case table::ResourceKind::TicketSeed:
      delta.ticket_seed = table::TicketSeed{};
      break;
  }
}

std::map<table::ResourceKey, util::ContentHash> TableHolder::held() const {
  std::map<table::ResourceKey, util::ContentHash> held;
  for (const auto& [key, resource] : resources_) held.emplace_hint(held.end(), key, resource.hash);
  return held;
}

std::vector<table::EncodedResource> TableHolder::resources() const {
  std::vector<table::EncodedResource> all;
  all.reserve(resources_.size());
  for (const auto& [key, resource] : resources_) all.push_back(resource);
  return all;
}

}  // namespace weir::proxy_control
