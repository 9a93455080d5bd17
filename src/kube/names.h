#pragma once

#include <string_view>

/// The API server's rules for names (k8s.io/apimachinery/pkg/util/validation), for manifests that
/// no API server has seen.
namespace weir::kube {

/// RFC 1123 label: lower-case letters, digits and '-', at most 63.
bool is_dns_label(std::string_view name);
/// RFC 1123 subdomain: labels joined by '.', at most 253.
bool is_dns_subdomain(std::string_view name);
/// "*." and a subdomain.
bool is_wildcard_subdomain(std::string_view name);
/// IANA service name (RFC 6335 §5.1): at most 15 of a-z, 0-9 and '-', with a letter.
bool is_port_name(std::string_view name);
bool is_ipv4(std::string_view address);
bool is_ipv6(std::string_view address);

}  // namespace weir::kube
