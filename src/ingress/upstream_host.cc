#include "ingress/upstream_host.h"

#include <utility>

#include "table/text_rules.h"

namespace weir::ingress {

bool is_upstream_host(std::string_view text) {
  return table::is_host_field(make_upstream_host(text, {{"a", "a"}, "1"}));
}

std::string make_upstream_host(std::string_view text, const BackendKey& backend) {
  const std::pair<std::string_view, std::string_view> variables[] = {
      {"$service_name", backend.service.name},
      {"$service_port", backend.port},
      {"$namespace", backend.service.ns}};
  std::string host(text);
  for (const auto& [name, value] : variables) {
    for (auto at = host.find(name); at != host.npos; at = host.find(name, at + value.size())) {
      host.replace(at, name.size(), value);
    }
  }
  return host;
}

}  // namespace weir::ingress
