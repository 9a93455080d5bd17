#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "inspect/input.h"
#include "kube/credentials.h"

namespace weir::inspect {

/// The objects of these kinds that an API server has now. Unavailable, after `patience`, if it has
/// not given all of them; why is in the log. `watch_namespace` empty: all namespaces.
util::Result<Input> read_cluster(const std::shared_ptr<kube::Credentials>& credentials,
                                 const std::vector<kube::Kind>& kinds,
                                 const std::string& watch_namespace,
                                 std::chrono::milliseconds patience);

}  // namespace weir::inspect
