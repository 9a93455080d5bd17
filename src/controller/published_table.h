#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "table/codec.h"
#include "table/table.h"

namespace weir::controller {

/// The table as proxies are to run it: every resource as its bytes, shared by all sessions. For one
/// thread.
class PublishedTable {
 public:
  /// Generations count up from there; one that is taken from the clock never goes back over a
  /// restart.
  explicit PublishedTable(std::uint64_t first_generation) : generation_(first_generation) {}

  struct Step {
    std::vector<table::ResourceKey> changed;  ///< sorted; what came, went or has other bytes
    /// What is too long for the socket (table::can_travel). The former version stays.
    std::vector<table::Resource> refused;
  };
  /// Completes the table, if this is the first step.
  Step apply(const std::vector<table::Resource>& upserts,
             const std::vector<table::ResourceKey>& removes);

  /// Whether there was a first step: before it, there is nothing that a proxy could run.
  bool is_complete() const { return is_complete_; }
  /// One more with every step that changes something.
  std::uint64_t generation() const { return generation_; }
  const std::map<table::ResourceKey, table::EncodedResource>& resources() const {
    return resources_;
  }
  std::size_t count(table::ResourceKind kind) const;
  /// nullptr: it is not in the table.
  const table::EncodedResource* find(const table::ResourceKey& key) const;

 private:
  std::map<table::ResourceKind, std::size_t> counts_;
  std::map<table::ResourceKey, table::EncodedResource> resources_;
  std::uint64_t generation_;
  bool is_complete_ = false;
};

}  // namespace weir::controller
