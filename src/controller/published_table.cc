#include "controller/published_table.h"

#include <algorithm>

#include "table/frame.h"

namespace weir::controller {

PublishedTable::Step PublishedTable::apply(const std::vector<table::Resource>& upserts,
                                           const std::vector<table::ResourceKey>& removes) {
  Step step;
  for (const auto& resource : upserts) {
    auto encoded = table::encode(resource);
    if (!table::can_travel(encoded)) {
      step.refused.push_back(resource);
      continue;
    }
    const auto [place, is_new] = resources_.try_emplace(encoded.key);
    if (!is_new && place->second.hash == encoded.hash) continue;
    step.changed.push_back(encoded.key);
    if (is_new) ++counts_[encoded.key.kind];
    place->second = std::move(encoded);
  }
  for (const auto& key : removes) {
    if (resources_.erase(key) == 0) continue;
    --counts_[key.kind];
    step.changed.push_back(key);
  }
  std::sort(step.changed.begin(), step.changed.end());
  if (!step.changed.empty() || !is_complete_) ++generation_;
  is_complete_ = true;
  return step;
}

std::size_t PublishedTable::count(table::ResourceKind kind) const {
  const auto found = counts_.find(kind);
  return found == counts_.end() ? 0 : found->second;
}

const table::EncodedResource* PublishedTable::find(const table::ResourceKey& key) const {
  const auto found = resources_.find(key);
  return found == resources_.end() ? nullptr : &found->second;
}

}  // namespace weir::controller
