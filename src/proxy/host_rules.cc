#include "proxy/host_rules.h"

#include <algorithm>

namespace weir::proxy {

std::shared_ptr<const HostRules> HostRules::make(const table::Host& host) {
  const auto has_none = [](const table::Route& route) { return route.rules.is_usual(); };
  if (std::ranges::all_of(host.routes, has_none)) return nullptr;
  auto made = std::make_shared<HostRules>();
  made->routes_.reserve(host.routes.size());
  for (const auto& route : host.routes) {
    auto& rules = made->routes_.emplace_back();
    rules.access = AccessRules(route.rules->access);
    if (route.rules->cors) rules.cors.emplace(*route.rules->cors);
  }
  return made;
}

}  // namespace weir::proxy
