#include "proxy_control/table_holder.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "proxy/server_tls.h"
#include "util/log.h"

namespace weir::proxy_control {

namespace {

std::size_t index_of(table::ResourceKind kind) {
  return static_cast<std::size_t>(kind) - 1;
}

/// A resource in the form that workers take. Settings are large, and there is one.
using Piece = std::variant<std::unique_ptr<table::Settings>, proxy::Delta::NamedCertificate,
                           std::shared_ptr<const table::Backend>, proxy::Delta::NewHost,
                           proxy::Delta::NamedTrust, proxy::Delta::NamedUsers, table::TicketSeed,
                           std::shared_ptr<const table::TcpService>>;

struct MakePiece {
  util::Result<Piece> operator()(table::Settings&& settings) const {
    if (const auto checked = proxy::check_tls_settings(settings.tls); !checked) {
      return checked.error();
    }
    return Piece(std::make_unique<table::Settings>(std::move(settings)));
  }
  util::Result<Piece> operator()(table::Certificate&& certificate) const {
    auto parsed = proxy::ServerCertificate::parse(certificate);
    if (!parsed) return parsed.error();
    if (const auto& problem = (*parsed)->staple_problem(); !problem.empty()) {
      util::log::warning("the OCSP response of {} {}; it is not stapled", certificate.name,
                         problem);
    }
    return Piece(proxy::Delta::NamedCertificate{std::move(certificate.name), *std::move(parsed)});
  }
  util::Result<Piece> operator()(table::Backend&& backend) const {
    return Piece(std::make_shared<const table::Backend>(std::move(backend)));
  }
  util::Result<Piece> operator()(table::Host&& host) const {
    if (const auto checked = proxy::check_ciphers(host.ciphers); !checked) {
      return util::malformed("ciphers: " + checked.error().detail);
    }
    for (std::size_t i = 0; i < host.routes.size(); ++i) {
      const auto& tls = host.routes[i].upstream_tls;
      if (!tls) continue;
      if (const auto checked = proxy::check_ciphers(tls->ciphers); !checked) {
        return util::malformed(
            fmt::format("routes[{}].upstream_tls.ciphers: {}", i, checked.error().detail));
      }
    }
    return Piece(proxy::Delta::NewHost(std::make_shared<const table::Host>(std::move(host))));
  }
  util::Result<Piece> operator()(table::TrustBundle&& bundle) const {
    auto parsed = proxy::TrustStore::parse(bundle);
    if (!parsed) return parsed.error();
    return Piece(proxy::Delta::NamedTrust{std::move(bundle.name), *std::move(parsed)});
  }
  util::Result<Piece> operator()(table::Users&& users) const {
    return Piece(
        proxy::Delta::NamedUsers{users.name, std::make_shared<const proxy::UserList>(users)});
  }
  util::Result<Piece> operator()(table::TicketSeed&& seed) const { return Piece(std::move(seed)); }
  util::Result<Piece> operator()(table::TcpService&& service) const {
    return Piece(std::make_shared<const table::TcpService>(std::move(service)));
  }
};

/// Whatever the holder has: from any thread. An error says why this proxy cannot take it.
util::Result<Piece> make_piece(const table::EncodedResource& resource) {
  auto decoded = table::decode(resource.key.kind, *resource.bytes);
  if (!decoded) return decoded.error();
  if (const auto key = table::key_of(*decoded); key != resource.key) {
    return util::malformed("holds " + table::to_string(key) + " under the name of another");
  }
  return std::visit(MakePiece(), *std::move(decoded));
}

/// A piece of each resource. Many are made on several threads: who has just started serves nobody
/// until all are there.
std::vector<std::optional<util::Result<Piece>>> make_pieces(
    const std::vector<const table::EncodedResource*>& resources) {
  constexpr std::size_t kBlock = 64;
  constexpr std::size_t kMostThreads = 4;
  std::vector<std::optional<util::Result<Piece>>> pieces(resources.size());
  std::atomic<std::size_t> next{0};
  const auto make_some = [&] {
    for (auto i = next.fetch_add(kBlock); i < pieces.size(); i = next.fetch_add(kBlock)) {
      const auto end = std::min(i + kBlock, pieces.size());
      for (auto at = i; at < end; ++at) pieces[at].emplace(make_piece(*resources[at]));
    }
  };
  const auto threads = std::min<std::size_t>(
      {kMostThreads, std::thread::hardware_concurrency(), pieces.size() / kBlock});
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(make_some);
  make_some();
  others.clear();  // waits for them
  return pieces;
}

struct AddTo {
  proxy::Delta& delta;

  void operator()(std::unique_ptr<table::Settings> settings) const {
    delta.blocked = proxy::BlockRules::make(settings->blocked);
    delta.unlogged.reset();
    if (const auto& uris = settings->unlogged_uris; !uris.empty()) {
      delta.unlogged = std::make_shared<const proxy::TextRules>(uris);
    }
    delta.settings = std::move(*settings);
  }
  void operator()(proxy::Delta::NamedCertificate certificate) const {
    delta.certificates.push_back(std::move(certificate));
  }
  void operator()(std::shared_ptr<const table::Backend> backend) const {
    delta.backends.push_back(std::move(backend));
  }
  void operator()(proxy::Delta::NewHost host) const { delta.hosts.push_back(std::move(host)); }
  void operator()(proxy::Delta::NamedTrust trust) const {
    delta.trust_bundles.push_back(std::move(trust));
  }
  void operator()(proxy::Delta::NamedUsers users) const { delta.users.push_back(std::move(users)); }
  void operator()(table::TicketSeed seed) const { delta.ticket_seed = std::move(seed); }
  void operator()(std::shared_ptr<const table::TcpService> service) const {
    delta.tcp_services.push_back(std::move(service));
  }
};

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
  std::vector<const table::EncodedResource*> fresh;
  for (const auto& resource : update.upserts) {
    if (!holds(resource)) fresh.push_back(&resource);
  }
  auto pieces = make_pieces(fresh);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const auto& resource = *fresh[i];
    auto& piece = *pieces[i];
    if (!piece) {
      change.refusals.push_back({resource.key, std::move(piece).error().detail});
      continue;
    }
    std::visit(AddTo{*change.delta}, *std::move(piece));
    change.changed = true;
    if (const auto* former = find_hash(resource.key)) mark(resource.key, *former);
    mark(resource.key, resource.hash);
    if (keep(resource, *change.delta)) ++counts_[index_of(resource.key.kind)];
  }
  return change;
}

bool TableHolder::holds(const table::EncodedResource& resource) const {
  const auto* known = find_hash(resource.key);
  return known != nullptr && *known == resource.hash;
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

void TableHolder::mark(const table::ResourceKey& key, const util::ContentHash& hash) {
  util::Hash64 one;
  one.add(key.name);
  one.add({reinterpret_cast<const char*>(hash.data()), hash.size()});
  fingerprint_ ^= one.value() + static_cast<std::uint64_t>(key.kind);
}

void TableHolder::remove(const table::ResourceKey& key, Change& change) {
  if (const auto* former = find_hash(key)) mark(key, *former);
  if (!erase(key)) return;
  change.changed = true;
  proxy::Delta& delta = *change.delta;
  --counts_[index_of(key.kind)];
  switch (key.kind) {
    case table::ResourceKind::Settings:
      delta.settings = table::Settings{};
      delta.blocked = nullptr;
      delta.unlogged = nullptr;
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
    case table::ResourceKind::TcpService:
      delta.removed_tcp_services.push_back(key.name);
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
