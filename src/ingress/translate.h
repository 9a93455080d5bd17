#pragma once

#include <map>
#include <set>
#include <vector>

#include "ingress/options.h"
#include "kube/objects.h"
#include "kube/problem.h"
#include "table/table.h"

namespace weir::ingress {

struct Translation {
  std::map<table::ResourceKey, table::Resource> resources;
  std::set<kube::Problem> problems;
};

/// The whole table from all objects at once: what `Translator` must come to by any road. Pure. Of
/// two objects with the same kind and name the later one counts.
Translation translate(const std::vector<kube::Object>& objects, const Options& options);

}  // namespace weir::ingress
