#include "ingress/global_settings.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"
#include "ingress/tls_lists.h"
#include "util/ip_address.h"

namespace weir::ingress {

namespace {

constexpr std::uint32_t kMostRate = 1'000'000;
constexpr std::uint32_t kMostWaitSeconds = 24 * 3600;
constexpr const char* kTicketKey = "session-ticket-key";
constexpr std::size_t kMinTicketSeed = 32;
constexpr std::size_t kMaxTicketSeed = 256;
constexpr std::size_t kMostTrusted = 1000;
constexpr std::size_t kMostPaths = 100;
constexpr std::uint32_t kMostSessionSeconds = 7 * 24 * 3600;  // RFC 8446 §4.6.1

/// Takes a value into the settings. What is wrong with it, or nullptr.
using Take = std::function<const char*(const std::string&, GlobalSettings&)>;

/// As nginx writes times: "300", "10m", "1h 30m".
std::optional<std::uint32_t> parse_seconds(std::string_view text) {
  std::uint64_t total = 0;
  bool any = false;
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || count > std::numeric_limits<std::uint32_t>::max()) {
      return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::uint64_t unit = 1;
    if (!text.empty() && text.front() != ' ') {
      switch (text.front()) {
        case 's':
          unit = 1;
          break;
        case 'm':
          unit = 60;
          break;
        case 'h':
          unit = 3600;
          break;
        case 'd':
          unit = 24 * 3600;
          break;
        default:
          return std::nullopt;
      }
      text.remove_prefix(1);
    }
    total += count * unit;
    any = true;
  }
  if (!any || total > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(total);
}

const char* take_protocols(const std::string& value, GlobalSettings& settings) {
  table::TlsVersions versions{false, false};
  std::istringstream words(value);
  for (std::string word; words >> word;) {
    if (word == "TLSv1.2") {
      versions.tls12 = true;
    } else if (word == "TLSv1.3") {
      versions.tls13 = true;
    } else {
      return "may name TLSv1.2 and TLSv1.3; older versions are not spoken";
    }
  }
  if (!versions.tls12 && !versions.tls13) return "names no version";
  settings.tls.versions = versions;
  return nullptr;
}

/// RFC 9110 §5.1.
bool is_field_name(std::string_view text) {
  return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

/// A comma list of networks. With a wrong one among them none is believed but this machine: a list
/// that was to keep others out must not let everybody in.
const char* take_trusted(const std::string& value, GlobalSettings& settings) {
  std::vector<std::string> networks;
  bool all = false;
  bool wrong = false;
  for (std::size_t at = 0; at <= value.size();) {
    const auto end = std::min(value.find(',', at), value.size());
    auto network = value.substr(at, end - at);
    at = end + 1;
    std::erase_if(network, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
    if (network.empty()) continue;
    all |= network == "0.0.0.0/0" || network == "::/0";
    wrong |= !util::IpPrefix::parse(network);
    networks.push_back(std::move(network));
  }
  if (wrong || networks.size() > kMostTrusted) {
    settings.forwarded.trusted_cidrs = {"127.0.0.0/8", "::1/128"};
    return wrong ? "has something that is no network" : "has too many networks";
  }
  if (!all) settings.forwarded.trusted_cidrs = std::move(networks);
  return nullptr;
}

Take flag(std::function<void(GlobalSettings&, bool)> set) {
  return [set = std::move(set)](const std::string& value, GlobalSettings& settings) -> const char* {
    const auto parsed = parse_bool(value);
    if (!parsed) return "is neither true nor false";
    set(settings, *parsed);
    return nullptr;
  };
}

Take tunnel_total(std::uint32_t table::TunnelTotals::*field, std::uint32_t least,
                  std::uint32_t most) {
  return [=](const std::string& value, GlobalSettings& settings) -> const char* {
    const auto number = parse_number(value);
    if (!number || *number < least || *number > most) return "is no whole number in range";
    settings.tunnels.*field = static_cast<std::uint32_t>(*number);
    return nullptr;
  };
}

const std::map<std::string, Take, std::less<>>& takers() {
  static const std::map<std::string, Take, std::less<>> all = {
      {"ssl-protocols", take_protocols},
      {"ssl-ciphers",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         if (!is_cipher_list(value)) return "is no list that OpenSSL takes";
         settings.tls.ciphers = value;
         return nullptr;
       }},
      {"ssl-ecdh-curve",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         if (value == "auto") return nullptr;
         if (!is_group_list(value)) return "is no list of groups that OpenSSL takes";
         settings.tls.groups = value;
         return nullptr;
       }},
      {"ssl-session-tickets",
       flag([](auto& settings, bool on) { settings.tls.session_tickets = on; })},
      {"ssl-session-timeout",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         const auto seconds = parse_seconds(value);
         if (!seconds || *seconds == 0 || *seconds > kMostSessionSeconds) {
           return "is no time of up to 7 days, such as 10m";
         }
         settings.tls.session_timeout_s = *seconds;
         return nullptr;
       }},
      {"ssl-reject-handshake",
       flag([](auto& settings, bool on) { settings.tls.reject_unknown_names = on; })},
      {"hsts-max-age",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         const auto seconds = parse_number(value);
         if (!seconds || *seconds > std::numeric_limits<std::uint32_t>::max())
           return "is no number of seconds";
         settings.hsts->max_age_s = static_cast<std::uint32_t>(*seconds);
         return nullptr;
       }},
      {"hsts-include-subdomains",
       flag([](auto& settings, bool on) { settings.hsts->include_subdomains = on; })},
      {"hsts-preload", flag([](auto& settings, bool on) { settings.hsts->preload = on; })},
      {"use-forwarded-headers",
       flag([](auto& settings, bool on) { settings.forwarded.trust_forwarded = on; })},
      {"compute-full-forwarded-for",
       flag([](auto& settings, bool on) { settings.forwarded.append = on; })},
      {"use-proxy-protocol",
       flag([](auto& settings, bool on) { settings.forwarded.use_proxy_protocol = on; })},
      {"forwarded-for-header",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         if (!is_field_name(value)) return "is no name of a header";
         settings.forwarded.header = value;
         return nullptr;
       }},
      {"proxy-real-ip-cidr", take_trusted},
      {"no-tls-redirect-locations",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         auto paths = split_list(value, ',');
         if (paths.size() > kMostPaths) return "has too many paths";
         settings.policies.no_redirect_paths = std::move(paths);
         return nullptr;
       }},
      {"no-auth-locations",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         auto paths = split_list(value, ',');
         if (paths.size() > kMostPaths) return "has too many paths";
         settings.policies.no_auth_paths = std::move(paths);
         return nullptr;
       }},
      {"retry-non-idempotent",
       flag([](auto& settings, bool on) { settings.policies.retry_non_idempotent = on; })},
      {"tunnels-total-limit",
       tunnel_total(&table::TunnelTotals::limit, 0, std::numeric_limits<std::uint32_t>::max())},
      {"tunnels-total-opens-per-second",
       tunnel_total(&table::TunnelTotals::opens_per_second, 0, kMostRate)},
      {"tunnels-total-open-burst", tunnel_total(&table::TunnelTotals::open_burst, 1, kMostRate)},
      {"tunnels-total-open-wait",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         const auto seconds = parse_seconds(value);
         if (!seconds || *seconds > kMostWaitSeconds)
           return "is no time of up to a day, such as 10s";
         settings.tunnels.open_wait_ms = *seconds * 1000;
         return nullptr;
       }},
      {"generate-request-id",
       flag([](auto& settings, bool on) { settings.headers.request_id = on; })},
      {"enable-underscores-in-headers",
       flag([](auto& settings, bool on) { settings.underscores_in_headers = on; })},
  };
  return all;
}

/// The annotation that "global-auth-…" is for all Ingresses; nullptr: it is none in effect.
const Annotation* find_auth_of_all(std::string_view key) {
  constexpr std::string_view kGlobal = "global-";
  if (!key.starts_with("global-auth-")) return nullptr;
  const auto* annotation =
      find_annotation(fmt::format("nginx.ingress.kubernetes.io/{}", key.substr(kGlobal.size())));
  constexpr std::string_view kUrl = "nginx.ingress.kubernetes.io/auth-url";
  const bool is_so = annotation != nullptr && annotation->effect == Effect::InEffect &&
                     (annotation->name == kUrl || annotation->needs == kUrl);
  return is_so ? annotation : nullptr;
}

}  // namespace

GlobalSettings read_global_settings(const kube::ConfigMap* config_map) {
  GlobalSettings settings;
  if (config_map == nullptr) return settings;
  auto& problems = settings.problems;
  const kube::ObjectRef ref{kube::Kind::ConfigMap, config_map->meta.ns, config_map->meta.name};
  bool hsts = true;
  std::string ignored;
  Policies of_all;  // what global-auth-… keys say, as if they were annotations
  const auto wrong = [&](const std::string& key, const std::string& value, const char* why) {
    problems.push_back({"InvalidConfigMapValue", ref, "data." + key,
                        fmt::format("\"{}\" {}; {}", value.substr(0, 100), why,
                                    key == "proxy-real-ip-cidr" ? "only this machine is trusted"
                                                                : "the default counts")});
  };
  for (const auto& [key, value] : config_map->data) {
    if (key == "hsts") {  // the others say what is in it
      const auto on = parse_bool(value);
      if (!on) wrong(key, value, "is neither true nor false");
      hsts = on.value_or(true);
      continue;
    }
    if (const auto* annotation = find_auth_of_all(key)) {
      const auto complaint = take_value(*annotation, trimmed(value), of_all);
      if (complaint) {
        problems.push_back({"InvalidConfigMapValue", ref, "data." + key,
                            fmt::format("{}; {}", complaint->why, complaint->instead)});
      }
      continue;
    }
    if (const auto* annotation = find_twin(key)) {
      const auto text = trimmed(value);
      if (text.empty()) continue;
      if (const auto complaint = take_value(*annotation, text, settings.policies)) {
        problems.push_back({"InvalidConfigMapValue", ref, "data." + key,
                            fmt::format("{}; {}", complaint->why, complaint->instead)});
      } else if (annotation->effect == Effect::Partly) {
        problems.push_back({"NotInEffect", ref, "data." + key, std::string(annotation->note)});
      }
      continue;
    }
    const auto taker = takers().find(key);
    if (taker == takers().end()) {
      ignored += (ignored.empty() ? "" : ", ") + key;
      continue;
    }
    if (const char* why = taker->second(value, settings)) wrong(key, value, why);
  }
  settings.policies.settle();
  settings.policies.access.global = of_all.access.own;
  if (of_all.access.is_closed) {
    settings.policies.access.global.is_asked = settings.policies.access.global.is_wrong = true;
  }
  if (!hsts) settings.hsts.reset();
  if (!ignored.empty()) {
    problems.push_back({"ConfigMapKeyIgnored", ref, "data",
                        "these keys are not in effect: " + ignored.substr(0, 1000)});
  }
  return settings;
}

table::Settings make_settings(const Options& options, const GlobalSettings& global) {
  table::Settings settings;
  settings.public_http_port = options.public_http_port;
  settings.public_https_port = options.public_https_port;
  settings.tls = global.tls;
  settings.hsts = global.hsts;
  settings.underscores_in_headers = global.underscores_in_headers;
  settings.forwarded = global.forwarded;
  settings.tunnels = global.tunnels;
  settings.headers = global.headers;
  return settings;
}

util::Result<table::TicketSeed> read_ticket_seed(const kube::Secret& secret) {
  const auto found = secret.data.find(kTicketKey);
  if (found == secret.data.end()) {
    return util::malformed(fmt::format("has no key {}", kTicketKey));
  }
  const auto size = found->second.size();
  if (size < kMinTicketSeed || size > kMaxTicketSeed) {
    return util::malformed(
        fmt::format("has {} bytes under {}; 32 to 256 random ones are needed", size, kTicketKey));
  }
  return table::TicketSeed{found->second};
}

}  // namespace weir::ingress
