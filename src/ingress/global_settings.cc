#include "ingress/global_settings.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"
#include "ingress/block_lists.h"
#include "ingress/connection_keys.h"
#include "ingress/nginx_time.h"
#include "ingress/secret_name.h"
#include "ingress/tls_lists.h"
#include "table/describe_text.h"
#include "table/text_rules.h"
#include "util/ip_address.h"
#include "util/regex.h"

namespace weir::ingress {

namespace {

constexpr std::uint32_t kMostRate = 1'000'000;
constexpr std::uint32_t kMostWaitSeconds = 24 * 3600;
constexpr const char* kOriginalUri = "X-Original-URI";
constexpr const char* kTicketKey = "session-ticket-key";
constexpr std::size_t kMinTicketSeed = 32;
constexpr std::size_t kMaxTicketSeed = 256;
constexpr std::size_t kMostTrusted = 1000;
constexpr std::size_t kMostPaths = 100;
constexpr std::uint32_t kLeastRefusal = 400;
constexpr std::uint32_t kMostSessionSeconds = 7 * 24 * 3600;  // RFC 8446 §4.6.1

/// Takes a value into the settings. What is wrong with it, or nullptr.
using Take = std::function<const char*(const std::string&, GlobalSettings&)>;

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

Take stream_time(std::uint32_t GlobalSettings::Streams::*field, std::uint32_t most_ms) {
  return [=](const std::string& value, GlobalSettings& settings) -> const char* {
    const auto seconds = parse_seconds(trimmed(value));
    if (!seconds || *seconds > most_ms / 1000) return "is no time in range, such as 600s";
    settings.streams.*field = *seconds * 1000;
    return nullptr;
  };
}

Take refusal_status(std::uint16_t table::AnswerStatus::*field) {
  return [=](const std::string& value, GlobalSettings& settings) -> const char* {
    const auto status = parse_number(value);
    if (!status || *status < kLeastRefusal || *status > table::kMostStatus) {
      return "is no status code from 400 to 599";
    }
    settings.status.*field = static_cast<std::uint16_t>(*status);
    return nullptr;
  };
}

Take header_map(std::optional<NamespacedName> GlobalSettings::*field) {
  return [=](const std::string& value, GlobalSettings& settings) -> const char* {
    if (trimmed(value).empty()) return nullptr;
    auto named = parse_secret_name(trimmed(value));
    if (named.ns.empty() || named.name.empty()) return "is not namespace/name of a ConfigMap";
    settings.*field = std::move(named);
    return nullptr;
  };
}

/// A list of header names. Nothing: that is none, or too long.
std::optional<std::vector<std::string>> parse_header_names(const std::string& value) {
  auto names = split_list(value, ',');
  if (names.size() > table::kMaxHeaderFields || !std::ranges::all_of(names, is_field_name)) {
    return std::nullopt;
  }
  return names;
}

constexpr const char* kNoHeaderNames = "is no list of header names with commas between";

/// As nginx has it in a map: whole targets, and after "~" or "~*" regular expressions.
const char* take_unlogged(const std::string& value, GlobalSettings& settings) {
  auto items = split_list(value, ',');
  const auto is_wrong = [](const std::string& item) {
    const auto pattern = util::compile_map_pattern(item);
    return item.size() > table::kMaxRuleText || table::has_control_character(item) ||
           (pattern && !*pattern);
  };
  if (items.size() > kMostPaths || std::ranges::any_of(items, is_wrong)) {
    return "is no list of URIs and, after ~, regular expressions";
  }
  settings.unlogged_uris = std::move(items);
  return nullptr;
}

const char* take_redirect_code(const std::string& value, GlobalSettings& settings) {
  const auto code = parse_number(trimmed(value));
  if (code != 301 && code != 302 && code != 307 && code != 308) {
    return "is not 301, 302, 307 or 308";
  }
  settings.status.https_redirect = static_cast<std::uint16_t>(*code);
  return nullptr;
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
      {"limit-req-status-code", refusal_status(&table::AnswerStatus::rate_limit)},
      {"limit-conn-status-code", refusal_status(&table::AnswerStatus::connection_limit)},
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
      {"enable-real-ip",
       flag([](auto& settings, bool on) { settings.forwarded.trust_address = on; })},
      {"ignore-invalid-headers",
       flag([](auto& settings, bool on) { settings.odd_names_in_headers = !on; })},
      {"proxy-add-original-uri-header",
       flag([](auto& settings, bool on) { settings.adds_original_uri = on; })},
      {"skip-access-log-urls", take_unlogged},
      {"proxy-stream-timeout",
       stream_time(&GlobalSettings::Streams::idle_timeout_ms, table::kMaxTunnelMilliseconds)},
      {"proxy-stream-next-upstream",
       flag([](auto& settings, bool on) { settings.streams.is_tried_again = on; })},
      {"proxy-stream-next-upstream-timeout",
       stream_time(&GlobalSettings::Streams::tries_window_ms, table::kMaxMilliseconds)},
      {"proxy-stream-next-upstream-tries",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         const auto tries = parse_number(trimmed(value));
         if (!tries) return "is no number of tries";
         constexpr std::uint64_t kMost = table::kMaxTries;
         settings.streams.tries =
             static_cast<std::uint32_t>(*tries == 0 ? kMost : std::min(*tries, kMost));
         return nullptr;
       }},
      {"generate-request-id",
       flag([](auto& settings, bool on) { settings.headers.request_id = on; })},
      {"enable-underscores-in-headers",
       flag([](auto& settings, bool on) { settings.underscores_in_headers = on; })},
      {"add-headers", header_map(&GlobalSettings::response_headers)},
      {"proxy-set-headers", header_map(&GlobalSettings::request_headers)},
      {"allow-backend-server-header",
       flag([](auto& settings, bool on) { settings.headers.server = on; })},
      {"hide-headers",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         auto names = parse_header_names(value);
         if (!names) return kNoHeaderNames;
         settings.headers.hidden = *std::move(names);
         return nullptr;
       }},
      {"global-allowed-response-headers",
       [](const std::string& value, GlobalSettings& settings) -> const char* {
         auto names = parse_header_names(value);
         if (!names) return kNoHeaderNames;
         settings.policies.response_headers.allowed = *std::move(names);
         return nullptr;
       }},
      {"http-redirect-code", take_redirect_code},
      {"disable-access-log",
       flag([](auto& settings, bool on) { settings.policies.logs_nothing |= on; })},
      {"disable-http-access-log",
       flag([](auto& settings, bool on) { settings.policies.logs_nothing |= on; })},
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
  // An Ingress's own, in its own namespace.
  constexpr std::string_view kHeaders = "nginx.ingress.kubernetes.io/auth-proxy-set-headers";
  if (annotation != nullptr && annotation->name == kHeaders) return nullptr;
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
    if (is_connection_key(key)) {
      if (const char* why = take_connection_key(key, value, settings.connections)) {
        wrong(key, value, why);
      }
      continue;
    }
    if (is_block_list(key)) {
      for (auto& complaint : take_block_list(key, value, settings.blocked)) {
        problems.push_back({"InvalidConfigMapValue", ref, "data." + key, std::move(complaint)});
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
  if (!settings.streams.is_tried_again) settings.streams.tries = 1;
  if (!ignored.empty()) {
    problems.push_back({"ConfigMapKeyIgnored", ref, "data",
                        "these keys are not in effect: " + ignored.substr(0, 1000)});
  }
  return settings;
}

table::Settings make_settings(const Options& options, const GlobalSettings& global,
                              const FindConfigMap& find) {
  const auto fields_of = [&](const std::optional<NamespacedName>& named) {
    const auto* config_map = named ? find(*named) : nullptr;
    return config_map == nullptr ? std::vector<table::HeaderField>()
                                 : read_header_map(*config_map).fields;
  };
  table::Settings settings;
  settings.public_http_port = options.public_http_port;
  settings.public_https_port = options.public_https_port;
  settings.tls = global.tls;
  settings.hsts = global.hsts;
  settings.underscores_in_headers = global.underscores_in_headers;
  settings.forwarded = global.forwarded;
  settings.tunnels = global.tunnels;
  settings.status = global.status;
  settings.blocked = global.blocked;
  settings.headers = global.headers;
  settings.headers.response = fields_of(global.response_headers);
  settings.headers.request = fields_of(global.request_headers);
  if (global.adds_original_uri) {
    auto& fields = settings.headers.request;
    const auto is_it = [](const auto& field) { return field.name == kOriginalUri; };
    if (std::ranges::none_of(fields, is_it)) {
      fields.push_back({kOriginalUri, {{table::TextPart::Source::RequestUri, {}}}});
    }
  }
  settings.odd_names_in_headers = global.odd_names_in_headers;
  settings.connections = global.connections;
  settings.unlogged_uris = global.unlogged_uris;
  return settings;
}

std::vector<kube::Problem> check_header_maps(const GlobalSettings& global,
                                             const FindConfigMap& find) {
  std::vector<kube::Problem> problems;
  const auto check = [&](const char* key, const std::optional<NamespacedName>& named) {
    if (!named) return;
    const kube::ObjectRef ref{kube::Kind::ConfigMap, named->ns, named->name};
    const auto* config_map = find(*named);
    if (config_map == nullptr) {
      problems.push_back(
          {"HeaderMapNotFound",
           ref,
           {},
           fmt::format("{} of weir's ConfigMap names it; there are no such headers", key)});
      return;
    }
    for (const auto& entry : read_header_map(*config_map).left_out) {
      problems.push_back(
          {"InvalidHeader", ref, fmt::format("data.{}", shortened(entry.name)),
           fmt::format("{} of weir's ConfigMap names it; it {}, and is left out", key, entry.why)});
    }
  };
  check("add-headers", global.response_headers);
  check("proxy-set-headers", global.request_headers);
  return problems;
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
