#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <functional>

#include "table/describe_bounds.h"
#include "table/describe_text.h"
#include "table/table.h"

/// A backend, and what it is made of (describe.h).
namespace weir::table {

inline constexpr std::size_t kMaxEndpoints = 20'000;

// Indexed by the enums' values.
inline constexpr const char* kStates[] = {"ready", "draining", "unready"};
inline constexpr const char* kAlgorithms[] = {"two_choices", "round_robin", "least_connections",
                                              "hash"};
inline constexpr const char* kStickyModes[] = {"balanced", "persistent"};
inline constexpr const char* kSameSites[] = {"unset", "none", "lax", "strict"};
inline constexpr const char* kHealthKinds[] = {"off", "tcp", "http"};
inline constexpr const char* kProxyProtocols[] = {"none", "v1", "v2"};

inline const char* wrong_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const bool is_one = text.find('\0') == std::string::npos &&
                      (inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
                       inet_pton(AF_INET6, text.c_str(), address.data()) == 1);
  return is_one ? nullptr : "is not an IP address";
}

inline const char* wrong_dns_name(const std::string& text) {
  std::string_view name = text;
  if (name.ends_with('.')) name.remove_suffix(1);
  return is_host_name(name) ? nullptr : "is not a lower-case host name";
}

/// RFC 6265 §4.1.1: a token; what ends an attribute must not be in a path or domain.
inline const char* wrong_cookie_text(const std::string& text, std::string_view refused) {
  if (const char* wrong = wrong_name(text)) return wrong;
  return text.find_first_of(refused) == std::string::npos ? nullptr : "has a byte that cannot be";
}
inline const char* wrong_cookie_name(const std::string& name) {
  if (name.empty()) return "is empty";
  return wrong_cookie_text(name, "()<>@,;:\\\"/[]?={} \t");
}
inline const char* wrong_cookie_path(const std::string& path) {
  return wrong_cookie_text(path, ";");
}
inline const char* wrong_cookie_domain(const std::string& domain) {
  return wrong_cookie_text(domain, "; ,");
}

template <class Io>
constexpr void describe(Of<Endpoint>, Io& io) {
  io.text("address", &Endpoint::address, TextRule{kMaxRuleText, wrong_address});
  io.text("id", &Endpoint::id, kNeededName);
  io.number("port", &Endpoint::port, kPort);
  io.choice("state", &Endpoint::state, kStates);
  io.text("zone", &Endpoint::zone, kName);
}

template <class Io>
constexpr void describe(Of<DnsName>, Io& io) {
  io.flag("allow_loopback", &DnsName::allow_loopback);
  io.text("name", &DnsName::name, TextRule{kMaxRuleText, wrong_dns_name});
  io.number("port", &DnsName::port, kPort);
}

template <class Io>
constexpr void describe(Of<Balancing>, Io& io) {
  io.choice("algorithm", &Balancing::algorithm, kAlgorithms);
  io.list("hash_key", &Balancing::hash_key, kMaxTextParts);
  io.check("hash_key", "and the algorithm \"hash\" need each other", [](const Balancing& made) {
    return (made.algorithm == Balancing::Algorithm::Hash) != made.hash_key.empty();
  });
  io.number("slow_start_ms", &Balancing::slow_start_ms, kMilliseconds);
}

template <class Io>
constexpr void describe(Of<StickyCookie>, Io& io) {
  io.flag("always_secure", &StickyCookie::always_secure);
  io.flag("change_on_failure", &StickyCookie::change_on_failure);
  io.text("domain", &StickyCookie::domain, TextRule{kMaxRuleText, wrong_cookie_domain});
  io.number("expires_s", &StickyCookie::expires_s, NumberRule{0, kAnyNumber});
  io.number("max_age_s", &StickyCookie::max_age_s, NumberRule{0, kAnyNumber});
  io.choice("mode", &StickyCookie::mode, kStickyModes);
  io.text("name", &StickyCookie::name, TextRule{kMaxRuleText, wrong_cookie_name});
  io.text("path", &StickyCookie::path, TextRule{kMaxRuleText, wrong_cookie_path});
  io.text("salt", &StickyCookie::salt, kName);
  io.choice("same_site", &StickyCookie::same_site, kSameSites);
}

template <class Io>
constexpr void describe(Of<PassiveHealth>, Io& io) {
  io.number("failures", &PassiveHealth::failures, NumberRule{0, 1'000'000});
  io.number("first_ms", &PassiveHealth::first_ms, NumberRule{1, kMaxMilliseconds});
  io.number("most_ms", &PassiveHealth::most_ms, NumberRule{1, kMaxMilliseconds});
}

inline const char* wrong_request_path(const std::string& path) {
  return is_request_path(path) ? nullptr : "is not a path to ask for";
}
inline const char* wrong_host_field(const std::string& host) {
  return host.empty() || is_host_field(host) ? nullptr : "is no host";
}

template <class Io>
constexpr void describe(Of<ActiveHealth>, Io& io) {
  constexpr NumberRule kStatus = {kLeastStatus, kMostStatus};
  constexpr NumberRule kTime = {1, kMaxMilliseconds};
  constexpr NumberRule kInARow = {1, kMaxChecks};
  io.number("fall", &ActiveHealth::fall, kInARow);
  io.text("host", &ActiveHealth::host, TextRule{kMaxRuleText, wrong_host_field});
  io.number("interval_ms", &ActiveHealth::interval_ms, kTime);
  io.choice("kind", &ActiveHealth::kind, kHealthKinds);
  io.number("least_status", &ActiveHealth::least_status, kStatus);
  io.number("most_status", &ActiveHealth::most_status, kStatus);
  io.check("least_status", "is over most_status",
           [](const ActiveHealth& health) { return health.least_status <= health.most_status; });
  io.text("path", &ActiveHealth::path, TextRule{kMaxRuleText, wrong_request_path});
  io.number("rise", &ActiveHealth::rise, kInARow);
  io.number("timeout_ms", &ActiveHealth::timeout_ms, kTime);
}

template <class Io>
constexpr void describe(Of<EndpointLimits>, Io& io) {
  io.number("queue", &EndpointLimits::queue, NumberRule{0, kMaxEndpointQueue});
  io.number("queue_timeout_ms", &EndpointLimits::queue_timeout_ms, NumberRule{1, kMaxMilliseconds});
  io.number("requests", &EndpointLimits::requests, NumberRule{0, kMaxEndpointRequests});
}

template <class Io>
constexpr void describe(Of<Backend>, Io& io) {
  io.map("balancing", &Backend::balancing);
  io.map("dns", &Backend::dns);
  io.list("endpoints", &Backend::endpoints, kMaxEndpoints);
  io.check("endpoints", "are not sorted by id, or one is there twice", [](const Backend& backend) {
    const auto& all = backend.endpoints;
    return std::ranges::adjacent_find(all, std::ranges::greater_equal(), &Endpoint::id) ==
           all.end();
  });
  io.check("endpoints", "stand beside a DNS name",
           [](const Backend& backend) { return !backend.dns || backend.endpoints.empty(); });
  io.map("health", &Backend::health);
  io.map("limits", &Backend::limits);
  io.text("name", &Backend::name, kNeededName);
  io.map("passive_health", &Backend::passive_health);
  io.choice("proxy_protocol", &Backend::proxy_protocol, kProxyProtocols);
  io.map("sticky_cookie", &Backend::sticky_cookie);
}

}  // namespace weir::table
