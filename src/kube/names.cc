#include "kube/names.h"

#include <arpa/inet.h>

namespace weir::kube {

namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Letters, digits and '-', with no '-' at either end.
bool is_hyphenated_word(std::string_view name) {
  if (name.empty() || name.front() == '-' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_address(int family, std::string_view address) {
  unsigned char bytes[16];
  return inet_pton(family, std::string(address).c_str(), bytes) == 1;
}

}  // namespace

bool is_dns_label(std::string_view name) {
  return name.size() <= 63 && is_hyphenated_word(name);
}

bool is_dns_subdomain(std::string_view name) {
  if (name.size() > 253) return false;
  // The API server bounds the whole name only, not each label.
  for (;;) {
    const auto dot = name.find('.');
    if (!is_hyphenated_word(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_wildcard_subdomain(std::string_view name) {
  return name.substr(0, 2) == "*." && name.size() <= 253 && is_dns_subdomain(name.substr(2));
}

bool is_port_name(std::string_view name) {
  return name.size() <= 15 && is_hyphenated_word(name) &&
         std::any_of(name.begin(), name.end(), is_lower) &&
         name.find("--") == std::string_view::npos;
}

bool is_ipv4(std::string_view address) {
  return is_address(AF_INET, address);
}
bool is_ipv6(std::string_view address) {
  return is_address(AF_INET6, address);
}

}  // namespace weir::kube
