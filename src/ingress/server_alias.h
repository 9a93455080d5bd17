#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ingress/host_builder.h"
#include "kube/problem.h"

/// Further names of hosts (server-alias).
namespace weir::ingress {

/// The shares in a host; nullptr: nobody has one.
using FindShares = std::function<const HostShares*(const std::string& host)>;

/// The host that is served under `name` as well, whose shares are `shares`; nothing: none is. A
/// name that Ingresses have as a host of their own is no alias; of several hosts the first one by
/// name has it; and the oldest Ingress of a host that has aliases settles all of the host's.
std::optional<std::string> aliased_host(const std::string& name, const HostShares& shares,
                                        const FindShares& find);

/// Why Ingresses do not have `name` as an alias although they ask for it. `served` is what
/// `aliased_host` gave.
std::vector<kube::Problem> alias_problems(const std::string& name, const HostShares& shares,
                                          const std::optional<std::string>& served,
                                          const FindShares& find);

/// The names that Ingresses want a host to have, too.
std::vector<std::string> aliases_of(const HostShares& shares);

}  // namespace weir::ingress
