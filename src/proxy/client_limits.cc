#include "proxy/client_limits.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>
#include <vector>

namespace weir::proxy {

namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kFirstSweep = 64;

ClientRate rate_of(std::uint32_t requests, nanoseconds in, std::uint32_t burst_multiplier) {
  if (requests == 0) return {};
  const auto interval = in / requests;
  return {interval, interval * requests * burst_multiplier};
}

util::ContentHash hash_of(std::string_view text) {
  return util::hash_content({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// Takes out what cannot be in it by this rate: it may be from before the rate was this one.
void settle(ClientUse::Clock::time_point& drained, ClientUse::Clock::time_point now,
            const ClientRate& rate) {
  if (rate.interval.count() != 0) drained = std::min(drained, now + rate.burst + rate.interval);
}

bool has_room(ClientUse::Clock::time_point drained, ClientUse::Clock::time_point now,
              const ClientRate& rate) {
  return rate.interval.count() == 0 || drained - now <= rate.burst;
}

/// Each bit of the result depends on all of `value` (the end of MurmurHash3).
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccdULL;
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

}  // namespace

ClientLimits::ClientLimits(const table::ClientLimits& policy)
    : zone_(hash_of(policy.zone)),
      exempt_(policy.exempt),
      at_once_(policy.at_once),
      rates_{rate_of(policy.per_second, std::chrono::seconds(1), policy.burst_multiplier),
             rate_of(policy.per_minute, std::chrono::minutes(1), policy.burst_multiplier)},
      has_rates_(policy.per_second != 0 || policy.per_minute != 0) {}

std::optional<ClientKey> ClientLimits::counted(std::string_view client) const {
  const auto address = util::IpAddress::parse(client);
  if (!address || exempt_.contains(*address)) return std::nullopt;
  return ClientKey{zone_, *address};
}

ClientUse::Hash::Hash() {
  std::random_device random;
  seed_ = (std::uint64_t{random()} << 32) | random();
}

std::size_t ClientUse::Hash::operator()(const ClientKey& key) const {
  auto hash = seed_;
  const auto add = [&hash](const auto& sixteen_bytes) {
    const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(sixteen_bytes);
    for (const auto word : words) hash = mixed(hash ^ word);
  };
  add(key.zone);
  add(key.address.bytes);
  return hash;
}

ClientUse::ClientUse(std::size_t most_clients)
    : most_in_shard_(std::max<std::size_t>(most_clients / kShards, 1)) {
  for (auto& shard : shards_) {
    shard = std::make_unique<Shard>(hash_);
    shard->sweep_at = std::min(kFirstSweep, most_in_shard_);
  }
}

bool ClientUse::take(const ClientKey& client, std::uint32_t most, Place& place) {
  auto& shard = shard_of(client);
  const std::lock_guard lock(shard.mutex);
  auto& entry = *shard.open.try_emplace(client, Open{&shard, 0}).first;
  if (entry.second.count >= most) return false;
  ++entry.second.count;
  place.open_ = &entry;
  return true;
}

void ClientUse::Place::release() {
  auto* entry = std::exchange(open_, nullptr);
  if (entry == nullptr) return;
  auto& shard = *entry->second.shard;
  const std::lock_guard lock(shard.mutex);
  if (--entry->second.count == 0) shard.open.erase(ClientKey(entry->first));
}

bool ClientUse::may_ask(const ClientKey& client, const ClientRates& rates, Clock::time_point now,
                        Cell& forgotten) {
  auto& shard = shard_of(client);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.buckets.find(client);
  if (found == shard.buckets.end()) {
    if (shard.buckets.size() >= shard.sweep_at) make_room(shard, now, forgotten);
    found = shard.buckets.emplace(client, Buckets{}).first;
  }
  auto& buckets = found->second;
  settle(buckets.per_second, now, rates.per_second);
  settle(buckets.per_minute, now, rates.per_minute);
  if (!has_room(buckets.per_second, now, rates.per_second) ||
      !has_room(buckets.per_minute, now, rates.per_minute)) {
    return false;
  }
  buckets.per_second = std::max(buckets.per_second, now) + rates.per_second.interval;
  buckets.per_minute = std::max(buckets.per_minute, now) + rates.per_minute.interval;
  return true;
}

/// Costs as much as there are buckets, and leaves room for a share of that: so each newcomer pays
/// for a few.
void ClientUse::make_room(Shard& shard, Clock::time_point now, Cell& forgotten) const {
  auto& buckets = shard.buckets;
  erase_if(buckets, [now](const auto& entry) { return entry.second.drained() <= now; });
  if (buckets.size() >= most_in_shard_ - most_in_shard_ / 8) {
    std::vector<Clock::time_point> drained;
    drained.reserve(buckets.size());
    for (const auto& entry : buckets) drained.push_back(entry.second.drained());
    const auto last = drained.begin() + static_cast<std::ptrdiff_t>(drained.size() / 8);
    std::ranges::nth_element(drained, last);
    const auto before = buckets.size();
    erase_if(buckets, [&](const auto& entry) { return entry.second.drained() <= *last; });
    forgotten.add(before - buckets.size());
  }
  if (buckets.size() < shard.sweep_at / 4) buckets.rehash(0);  // a crowd has left
  shard.sweep_at = std::min(std::max(2 * buckets.size(), kFirstSweep), most_in_shard_);
}

}  // namespace weir::proxy
