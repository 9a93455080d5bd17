#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "proxy/client_address.h"
#include "proxy/counters.h"
#include "table/table.h"
#include "util/hash.h"
#include "util/ip_address.h"

/// How much each client asks for, where routes limit that (docs/http.md "Limits for each client").
namespace weir::proxy {

/// A client on the routes of one zone.
struct ClientKey {
  util::ContentHash zone{};  ///< of table::ClientLimits::zone
  util::IpAddress address;

  bool operator==(const ClientKey&) const = default;
};

/// A leaky bucket as nginx's limit_req has it, without delay: what does not fit is refused.
struct ClientRate {
  std::chrono::nanoseconds interval{0};  ///< in which one request leaves the bucket; 0: no limit
  std::chrono::nanoseconds burst{0};     ///< in which those leave it that fit beside a newcomer
};

/// A request passes both, or counts in neither.
struct ClientRates {
  ClientRate per_second;
  ClientRate per_minute;
};

/// table::ClientLimits, made ready to be asked. Immutable.
class ClientLimits {
 public:
  explicit ClientLimits(const table::ClientLimits& policy);

  /// nullopt: nobody counts this client, or it is no address.
  std::optional<ClientKey> counted(std::string_view client) const;
  /// Requests and open tunnels; 0: any number.
  std::uint32_t at_once() const { return at_once_; }
  bool has_rates() const { return has_rates_; }
  const ClientRates& rates() const { return rates_; }

 private:
  util::ContentHash zone_;
  AddressSet exempt_;
  std::uint32_t at_once_;
  ClientRates rates_;
  bool has_rates_;
};

/// What clients have asked for and have open, over all workers of the process and all generations
/// of the table. From any thread; a lock is held for a look-up.
///
/// It knows a number of clients at most. Whose buckets have drained are forgotten first, and then
/// those whose will have soonest: nobody is refused for want of room.
class ClientUse {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostClients = 832'000;  // 50 MB

  explicit ClientUse(std::size_t most_clients = kMostClients);
  ClientUse(const ClientUse&) = delete;
  ClientUse& operator=(const ClientUse&) = delete;

 private:
  class Hash {
   public:
    Hash();
    std::size_t operator()(const ClientKey& key) const;

   private:
    std::uint64_t seed_;  // clients choose addresses, but do not know this
  };
  struct Shard;
  struct Open {
    Shard* shard;
    std::uint32_t count;
  };

 public:
  /// One request, or the tunnel that it has become, for as long as it lives. Empty: none. The
  /// ClientUse outlives it.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept : open_(std::exchange(other.open_, nullptr)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(open_, other.open_);
      return *this;
    }
    ~Place() { release(); }
    void release();

   private:
    friend class ClientUse;
    std::pair<const ClientKey, Open>* open_ = nullptr;
  };

  /// False: the client has `most` places already. `place` is empty.
  bool take(const ClientKey& client, std::uint32_t most, Place& place);

  /// Whether the client may ask once more; that counts then. `forgotten` counts clients whose
  /// buckets had not drained, but there was no room for them.
  bool may_ask(const ClientKey& client, const ClientRates& rates, Clock::time_point now,
               Cell& forgotten);

 private:
  static constexpr std::size_t kShards = 64;

  /// When the buckets will have drained.
  struct Buckets {
    Clock::time_point per_second;
    Clock::time_point per_minute;

    Clock::time_point drained() const { return std::max(per_second, per_minute); }
  };
  struct alignas(64) Shard {
    explicit Shard(const Hash& hash) : buckets(0, hash), open(0, hash) {}

    std::mutex mutex;
    // Guarded by the mutex.
    boost::unordered_flat_map<ClientKey, Buckets, Hash> buckets;
    std::size_t sweep_at = 0;                        // so many buckets
    std::unordered_map<ClientKey, Open, Hash> open;  // places taken, none of 0
  };

  Shard& shard_of(const ClientKey& client) { return *shards_[hash_(client) % kShards]; }
  void make_room(Shard& shard, Clock::time_point now, Cell& forgotten) const;

  const Hash hash_;
  const std::size_t most_in_shard_;
  std::array<std::unique_ptr<Shard>, kShards> shards_;
};

}  // namespace weir::proxy
