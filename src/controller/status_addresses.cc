#include "controller/status_addresses.h"

#include <algorithm>

#include "kube/names.h"

namespace weir::controller {

namespace {

bool is_ip(const std::string& text) {
  return kube::is_ipv4(text) || kube::is_ipv6(text);
}

void add(const std::string& text, Addresses& addresses) {
  if (text.empty() || text == "None") return;  // a headless Service has no address
  if (is_ip(text)) {
    addresses.push_back({text, ""});
  } else {
    addresses.push_back({"", text});
  }
}

std::string first_of_type(const std::vector<kube::NodeAddress>& addresses, const char* type) {
  const auto found = std::ranges::find_if(addresses, [&](const kube::NodeAddress& address) {
    return address.type == type && is_ip(address.address);
  });
  return found == addresses.end() ? "" : found->address;
}

}  // namespace

Addresses sorted(Addresses addresses) {
  std::ranges::sort(addresses);
  const auto rest = std::ranges::unique(addresses);
  addresses.erase(rest.begin(), rest.end());
  return addresses;
}

Addresses addresses_of(const std::vector<std::string>& texts) {
  Addresses addresses;
  for (const auto& text : texts) add(text, addresses);
  return sorted(std::move(addresses));
}

Addresses addresses_of(const kube::Service& service) {
  Addresses addresses;
  if (service.type == "ExternalName") {
    add(service.external_name, addresses);
    return addresses;
  }
  if (service.type == "LoadBalancer") {
    addresses = service.addresses;
  } else if (service.type != "NodePort" || service.external_ips.empty()) {
    add(service.cluster_ip, addresses);
    return addresses;
  }
  for (const auto& ip : service.external_ips) add(ip, addresses);
  return sorted(std::move(addresses));
}

Addresses addresses_of(const std::vector<std::vector<kube::NodeAddress>>& nodes,
                       bool internal_only) {
  Addresses addresses;
  for (const auto& node : nodes) {
    auto address = internal_only ? std::string() : first_of_type(node, "ExternalIP");
    if (address.empty()) address = first_of_type(node, "InternalIP");
    add(address, addresses);
  }
  return sorted(std::move(addresses));
}

}  // namespace weir::controller
