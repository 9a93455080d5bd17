#pragma once

#include <map>
#include <set>
#include <string>

#include "kube/problem.h"
#include "table/table.h"

namespace weir::test {

/// A table and its problems as lines for people, and for comparison in tests:
///
///   settings http=80 https=443
///   certificate default/tls
///   backend default/shop:80
///     10.0.0.1:8080 id=uid-1:8080 draining zone=a
///   host shop.example certificates=default/tls
///     prefix / https-only -> default/shop:80 (default/shop)
///   problem PathConflict Ingress default/b spec.rules[0].http.paths[0]: path / of …
std::string dump(const std::map<table::ResourceKey, table::Resource>& resources,
                 const std::set<kube::Problem>& problems);

}  // namespace weir::test
