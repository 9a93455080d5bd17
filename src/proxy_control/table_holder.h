#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/delta.h"
#include "proxy_control/held_values.h"
#include "table/codec.h"
#include "table/frame.h"
#include "util/hash.h"

namespace weir::proxy_control {

/// A resource of an update that this proxy cannot take. It keeps its former version, if it had one.
struct Refusal {
  table::ResourceKey key;
  std::string reason;  ///< a sentence for people
};

/// The table of one moment, for any thread.
class TableSnapshot {
 public:
  /// All of it, in the order in which resources travel. Hosts and backends are encoded for this:
  /// some 0.1 s for 100 000 of them.
  std::vector<table::EncodedResource> encode() const;

 private:
  friend class TableHolder;

  std::vector<std::shared_ptr<const table::Backend>> backends_;
  std::vector<std::shared_ptr<const table::Host>> hosts_;
  std::vector<table::EncodedResource> others_;
};

/// The table with the hash of each resource's bytes: what a Hello lists, what the state file keeps,
/// and against what an update is compared. Hosts and backends are the values that the workers have
/// too; of the others, which they have in forms of their own, the bytes are kept as they came.
///
/// What a newer controller says of a host in fields that are not known here comes with its bytes
/// only: it is in the hash, but not in a snapshot.
///
/// For the control thread.
class TableHolder {
 public:
  struct Change {
    /// Only what the update changes. The caller may still fill it in before it shares it.
    std::shared_ptr<proxy::Delta> delta;
    std::vector<Refusal> refusals;
    bool changed = false;  ///< false: the delta is empty
  };

  /// Takes a whole update, its parts put together. A resource that cannot be decoded, whose name is
  /// not that of its key, or whose certificate OpenSSL does not take is refused on its own. A
  /// resource that is held already, by its hash, is passed over.
  Change apply(const table::Update& update);

  std::map<table::ResourceKey, util::ContentHash> held() const;
  /// Copies pointers only.
  TableSnapshot snapshot() const;
  /// How many of each kind, by ResourceKind - 1.
  const table::CountByKind& counts() const { return counts_; }
  /// Each with its hash.
  const HeldValues<table::Backend>& backends() const { return backends_; }
  /// The same for equal tables, whatever led there; 0 for an empty one.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  bool holds(const table::EncodedResource& resource) const;
  void remove(const table::ResourceKey& key, Change& change);
  const util::ContentHash* find_hash(const table::ResourceKey& key) const;
  bool keep(const table::EncodedResource& resource, const proxy::Delta& delta);
  bool erase(const table::ResourceKey& key);
  /// The resource comes, or goes: once more, and nothing has been.
  void mark(const table::ResourceKey& key, const util::ContentHash& hash);

  struct HeldBytes {
    util::ContentHash hash;
    std::shared_ptr<const table::Bytes> bytes;
  };

  HeldValues<table::Backend> backends_;
  HeldValues<table::Host> hosts_;
  std::map<table::ResourceKey, HeldBytes> others_;
  table::CountByKind counts_{};
  std::uint64_t fingerprint_ = 0;
};

}  // namespace weir::proxy_control
