#include "ingress/server_alias.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace weir::ingress {

namespace {

constexpr const char* kField = "metadata.annotations[nginx.ingress.kubernetes.io/server-alias]";

/// Of an Ingress that has the name as a host of its own.
const HostShare* find_owner(const HostShares& shares) {
  const auto found =
      std::ranges::find_if(shares, [](const auto& entry) { return is_of_own_host(entry.second); });
  return found == shares.end() ? nullptr : &found->second;
}

/// The oldest that has aliases settles what a host's are.
const HostShare* find_settler(const std::string& host, const FindShares& find) {
  const auto* shares = find(host);
  if (shares == nullptr) return nullptr;
  const auto found = std::ranges::find_if(*shares, [](const auto& entry) {
    return is_of_own_host(entry.second) && !entry.second.policies->aliases.empty();
  });
  return found == shares->end() ? nullptr : &found->second;
}

std::string owner_of(const HostShare& share) {
  return to_string(name_of(share.ingress->meta));
}

std::string why_not(const HostShare& share, const HostShares& shares,
                    const std::optional<std::string>& served, const FindShares& find) {
  if (const auto* owner = find_owner(shares)) {
    return fmt::format("is a host of Ingress {}", owner_of(*owner));
  }
  if (served) {
    return fmt::format("is an alias of host \"{}\" already, by Ingress {}", *served,
                       owner_of(*find_settler(*served, find)));
  }
  const auto* settler = find_settler(share.alias_of.front(), find);
  return fmt::format("cannot be one more alias of host \"{}\", which has those of Ingress {}",
                     share.alias_of.front(), owner_of(*settler));
}

}  // namespace

std::optional<std::string> aliased_host(const std::string& name, const HostShares& shares,
                                        const FindShares& find) {
  if (find_owner(shares) != nullptr) return std::nullopt;
  std::set<std::string> hosts;
  for (const auto& [age, share] : shares) {
    hosts.insert(share.alias_of.begin(), share.alias_of.end());
  }
  for (const auto& host : hosts) {
    const auto* settler = find_settler(host, find);
    if (settler == nullptr) continue;
    const auto& aliases = settler->policies->aliases;
    if (std::ranges::find(aliases, name) != aliases.end()) return host;
  }
  return std::nullopt;
}

std::vector<kube::Problem> alias_problems(const std::string& name, const HostShares& shares,
                                          const std::optional<std::string>& served,
                                          const FindShares& find) {
  std::vector<kube::Problem> problems;
  for (const auto& [age, share] : shares) {
    if (share.alias_of.empty()) continue;
    if (served && find_settler(*served, find)->ingress == share.ingress) continue;
    const auto& meta = share.ingress->meta;
    problems.push_back(
        {"AliasConflict",
         {kube::Kind::Ingress, meta.ns, meta.name},
         kField,
         fmt::format("\"{}\" {}; it is left out", name, why_not(share, shares, served, find))});
  }
  return problems;
}

std::vector<std::string> aliases_of(const HostShares& shares) {
  std::vector<std::string> aliases;
  for (const auto& [age, share] : shares) {
    if (!is_of_own_host(share)) continue;
    aliases.insert(aliases.end(), share.policies->aliases.begin(), share.policies->aliases.end());
  }
  return aliases;
}

}  // namespace weir::ingress
