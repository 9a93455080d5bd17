#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/delta.h"
#include "table/codec.h"
#include "table/frame.h"
#include "util/hash.h"

namespace weir::proxy_control {

/// A resource of an update that this proxy cannot take. It keeps its former version, if it had one.
struct Refusal {
  table::ResourceKey key;
  std::string reason;  ///< a sentence for people
};

/// The table as it travelled: every resource's bytes, that is, what a Hello lists, what the state
/// file keeps, and against what an update is compared. The decoded values belong to the workers.
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
  /// All of it, in the order in which resources travel. The bytes are shared.
  std::vector<table::EncodedResource> resources() const;
  /// How many of each kind, by ResourceKind - 1.
  const table::CountByKind& counts() const { return counts_; }

 private:
  void upsert(const table::EncodedResource& resource, Change& change);
  void remove(const table::ResourceKey& key, Change& change);

  std::map<table::ResourceKey, table::EncodedResource> resources_;
  table::CountByKind counts_{};
};

}  // namespace weir::proxy_control
