#include "inspect/explain.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "inspect/findings.h"
#include "inspect/text.h"
#include "proxy/event_loop.h"
#include "proxy/live_table.h"
#include "proxy/target.h"
#include "table/codec.h"

namespace weir::inspect {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostOthers = 20;  // routes shown that do not take the path

struct Url {
  bool https = false;
  std::string authority;
  std::string target;  ///< path and query
};

util::Result<Url> parse_url(const std::string& text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.https = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return util::malformed("must begin with http:// or https://");
  }
  rest = rest.substr(0, rest.find('#'));
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  url.authority = rest.substr(0, end);
  url.target = rest.substr(end);
  if (url.authority.empty() || url.authority.find('@') != std::string::npos) {
    return util::malformed("needs a host, and no user");
  }
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    };
    return lower(x) == lower(y);
  });
}

/// The last one counts; nullptr: there is none.
const std::string* find_header(const Question& question, std::string_view name) {
  const std::string* value = nullptr;
  for (const auto& header : question.headers) {
    if (equals_ignoring_case(header.first, name)) value = &header.second;
  }
  return value;
}

/// The table as a worker of weir-proxy has it.
class Worker {
 public:
  explicit Worker(const std::map<table::ResourceKey, table::Resource>& resources) {
    proxy::Delta delta;
    for (const auto& [key, resource] : resources) std::visit(Adder{*this, delta}, resource);
    table_.adopt(delta);
  }

  const proxy::LiveTable& table() const { return table_; }

  /// Names of the certificates for a TLS server name, preferred first; empty: weir's own.
  std::vector<std::string> certificates_for(std::string_view server_name) const {
    std::vector<std::string> names;
    table_.for_certificates(server_name, [&](const proxy::ServerCertificate& certificate) {
      names.push_back(certificate_names_.at(&certificate));
    });
    return names;
  }

  const std::vector<std::string>& host_names() const { return host_names_; }

 private:
  struct Adder {
    Worker& worker;
    proxy::Delta& delta;

    void operator()(const table::Settings& settings) const { delta.settings = settings; }
    void operator()(const table::Certificate& certificate) const {
      auto parsed = proxy::ServerCertificate::parse(certificate);
      if (!parsed) return;  // the proxy refuses it, too
      worker.certificate_names_[parsed->get()] = certificate.name;
      delta.certificates.push_back({certificate.name, *std::move(parsed)});
    }
    void operator()(const table::Backend& backend) const {
      delta.backends.push_back(std::make_shared<const table::Backend>(backend));
    }
    void operator()(const table::Host& host) const {
      worker.host_names_.push_back(host.name);
      delta.hosts.push_back(std::make_shared<const table::Host>(host));
    }
    void operator()(const table::TrustBundle&) const {}
    void operator()(const table::TicketSeed&) const {}
    void operator()(const table::Users&) const {}
    void operator()(const table::TcpService&) const {}
  };

  proxy::EventLoop loop_;
  proxy::SharedBackends shared_;
  proxy::EndpointMap endpoints_{loop_, shared_};
  proxy::LiveTable table_{endpoints_};
  std::map<const proxy::ServerCertificate*, std::string> certificate_names_;
  std::vector<std::string> host_names_;
};

std::string shown(const std::string& host) {
  return host.empty() ? "the host for all other names" : "\"" + printable(host) + "\"";
}

std::string text_of(const table::PathMatch& match) {
  constexpr const char* kKinds[] = {"Exact", "Prefix", "pattern"};  // by Kind
  return fmt::format("{} {}", kKinds[static_cast<std::size_t>(match.kind)], printable(match.path));
}

/// As the proxy finds it; nullptr: 404, or 500.
const table::Route* find_route(const table::Host& host, std::string_view path) {
  // The host outlives this.
  const std::shared_ptr<const table::Host> borrowed(std::shared_ptr<void>(), &host);
  const auto live = proxy::HostRef(new proxy::LiveHost(proxy::Delta::NewHost(borrowed)));
  util::RegexMatcher matcher;
  return live->find_route(path, matcher).route;
}

/// Fields that are not at their default, as they travel to the proxy, but for `known`.
std::vector<std::string> settings_of(const Json& map,
                                     std::initializer_list<std::string_view> known) {
  std::vector<std::string> lines;
  for (const auto& [key, value] : map.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    const bool is_plain = value.is_object() && value.empty();
    lines.push_back(printable(fmt::format("{}: {}", key, is_plain ? "on" : value.dump())));
  }
  return lines;
}

Json as_sent(const table::Resource& resource) {
  return Json::from_cbor(*table::encode(resource).bytes);
}

class Explanation {
 public:
  Explanation(const Outcome& outcome, const Question& question, Url url, bool colours)
      : outcome_(outcome),
        question_(question),
        url_(std::move(url)),
        colours_(colours),
        worker_(outcome.resources) {}

  std::string run() {
    line(0, toned(printable(fmt::format("{} {}", question_.method, question_.url)), Tone::Bold,
                  colours_));
    if (url_.https && explain_tls()) return std::move(text_);
    const auto* header = find_header(question_, "Host");
    std::string host_storage;
    const auto host = proxy::normalize_host(header ? *header : url_.authority, host_storage);
    if (!host) return answer(400, host.error().detail);
    std::string path_storage;
    const auto path = proxy::normalize_path(url_.target, path_storage);
    if (!path) return answer(400, path.error().detail);
    const auto* chosen = explain_host(*host);
    if (chosen == nullptr) return answer(404, "no host of the table has this name");
    explain_client_certificates(*chosen);
    const auto& redirects = *chosen->redirects;
    if (!redirects.other_host.empty()) {
      return answer(https_status(), "to the same target of host " + shown(redirects.other_host));
    }
    if (!redirects.app_root.empty() && *path == "/") {
      return answer(302, "to " + printable(redirects.app_root) + ", the root of the app");
    }
    const auto* route = explain_routes(*chosen, *path);
    if (route == nullptr) return answer(404, "no route of this host takes the path");
    explain_route(*chosen, *route);
    return std::move(text_);
  }

 private:
  void line(std::size_t indent, const std::string& text) {
    text_ += std::string(indent, ' ') + text + '\n';
  }

  std::string answer(int status, const std::string& why) {
    line(0, fmt::format("{}: {}", toned(fmt::format("answer {}", status), Tone::Warning, colours_),
                        why));
    return std::move(text_);
  }

  /// True if that is all there is: the connection goes on undecrypted.
  bool explain_tls() {
    std::string storage;
    const auto name = proxy::normalize_host(url_.authority, storage);
    const bool is_address = url_.authority.starts_with('[');
    const auto server_name = name && !is_address ? *name : std::string_view();
    const auto* host = server_name.empty() ? nullptr : worker_.table().find_host(server_name);
    if (host != nullptr && !host->policy().passthrough.empty()) {
      line(0, fmt::format("TLS: undecrypted to {}; no route is looked at",
                          host->policy().passthrough));
      explain_backend(host->policy().passthrough);
      return true;
    }
    const auto names = worker_.certificates_for(server_name);
    if (names.empty()) {
      line(0, "TLS: weir's self-signed certificate, as there is none for this name and no default");
    } else {
      line(0, fmt::format("TLS: certificate {}", fmt::join(names, ", or by the client's choice ")));
    }
    return false;
  }

  const table::Host* explain_host(std::string_view name) {
    const auto* found = worker_.table().find_host(name);
    if (found != nullptr) {
      const auto& chosen = found->name();
      const char* why = chosen == name    ? "it has exactly this name"
                        : !chosen.empty() ? "no host has exactly this name, and * stands for its "
                                            "first label"
                                          : "no host has this name, nor a wildcard for it";
      line(0, fmt::format("host {}: {}", shown(chosen), why));
    }
    explain_near_hosts(name, found == nullptr ? std::string() : found->name());
    return found == nullptr ? nullptr : &found->policy();
  }

  /// Wildcards that somebody could have expected.
  void explain_near_hosts(std::string_view name, const std::string& chosen) {
    for (const auto& host : worker_.host_names()) {
      if (!host.starts_with("*.") || host == chosen) continue;
      const auto end = std::string_view(host).substr(1);
      if (name.ends_with(end)) {
        line(2, fmt::format("not {}: {}", shown(host),
                            chosen == name ? "an exact name goes before it"
                                           : "* stands for one label only"));
      } else if (name == end.substr(1)) {
        line(2, fmt::format("not {}: it does not take the name without a label before it",
                            shown(host)));
      }
    }
  }

  void explain_client_certificates(const table::Host& host) {
    if (!host.client_certificates) return;
    constexpr const char* kModes[] = {
        "clients must show a certificate that it verifies, else 400",
        "a certificate, if one is shown, must be one that it verifies, else 400",
        "any certificate is taken"};
    const auto& policy = *host.client_certificates;
    line(2, fmt::format("client certificates, by {}: {}", printable(policy.trust),
                        kModes[static_cast<std::size_t>(policy.mode)]));
    if (!policy.subject_pattern.empty()) {
      line(2, printable(fmt::format("whose subject matches {}, else 403", policy.subject_pattern)));
    }
    const table::ResourceKey key{table::ResourceKind::TrustBundle, policy.trust};
    if (!outcome_.resources.contains(key)) {
      line(2, toned("it is not in the table: 403 to every request", Tone::Bad, colours_));
    }
  }

  const table::Route* explain_routes(const table::Host& host, std::string_view path) {
    line(0, printable(fmt::format("path {}", path)) +
                (url_.target.substr(0, url_.target.find('?')) == path
                     ? ""
                     : ": normalised, of " + printable(url_.target)));
    const auto* chosen = find_route(host, path);
    std::size_t others = 0;
    for (const auto& route : host.routes) {
      // Alone with each, the proxy says whether it takes the path at all.
      table::Host alone;
      alone.routes.push_back(route);
      const bool fits = find_route(alone, path) != nullptr;
      if (!fits && ++others > kMostOthers) continue;
      const auto name = text_of(route.match) +
                        (route.origin.empty() ? "" : " of Ingress " + printable(route.origin));
      if (&route == chosen) {
        line(2, toned("taken", Tone::Good, colours_) + "  " + name);
      } else {
        line(2, "      " + (" " + name + ": " +
                            (fits ? why_behind(route, *chosen) : why_not(route.match, path))));
      }
    }
    if (others > kMostOthers) {
      line(9, fmt::format("and {} more, which do not take the path", others - kMostOthers));
    }
    return chosen;
  }

  static std::string why_behind(const table::Route& route, const table::Route& chosen) {
    if (chosen.match.kind == table::PathMatch::Kind::Regex) return "another one is tried before it";
    return route.match.path == chosen.match.path ? "Exact goes before Prefix"
                                                 : "a longer path goes before it";
  }

  static std::string why_not(const table::PathMatch& match, std::string_view path) {
    if (match.kind == table::PathMatch::Kind::Exact) return "it is another path";
    if (match.kind == table::PathMatch::Kind::Regex) return "it does not match";
    return path.starts_with(match.path) ? "it takes whole segments only"
                                        : "the path does not begin so";
  }

  void explain_route(const table::Host& host, const table::Route& route) {
    if (const auto& redirect = route.rules->redirect; !redirect.location.empty()) {
      line(0, fmt::format("{}: to {}",
                          toned(fmt::format("answer {}", redirect.status), Tone::Warning, colours_),
                          printable(redirect.location)));
      return;
    }
    const bool to_https = route.https_only && !url_.https;
    if (to_https) {
      line(0,
           fmt::format("{}: to the same URL over https",
                       toned(fmt::format("answer {}", https_status()), Tone::Warning, colours_)));
      line(0, "over https it would go on so:");
    }
    if (route.backends.empty()) {
      line(0, fmt::format("{}: this path has no Service",
                          toned("answer 404", Tone::Warning, colours_)));
      return;
    }
    if (route.rules->access.closed) {
      line(0, fmt::format("{}: what protects this path is wrong, missing or not in effect",
                          toned("answer 503", Tone::Bad, colours_)));
    }
    explain_upgrade(route);
    explain_canary(route);
    for (const auto& backend : route.backends) {
      if (route.backends.size() > 1) line(0, fmt::format("weight {}:", backend.weight));
      const bool has_endpoints = explain_backend(backend.backend);
      if (!has_endpoints && !route.rules->fallback.empty()) {
        line(0, "the default backend takes over:");
        explain_backend(route.rules->fallback);
      }
    }
    explain_error_pages(route);
    const auto index = static_cast<std::size_t>(&route - host.routes.data());
    add_settings("route", settings_of(as_sent(host).at("routes").at(index),
                                      {"match", "path", "origin", "https_only", "backends"}));
  }

  void explain_canary(const table::Route& route) {
    if (!route.rules->canary) return;
    const auto& canary = *route.rules->canary;
    std::vector<std::string> ways;
    if (canary.sticky && route.sticky) ways.push_back("by the cookie that ties a client to it");
    if (!canary.header.empty()) {
      const auto wanted = !canary.header_value.empty()     ? "is " + canary.header_value
                          : !canary.header_pattern.empty() ? "matches " + canary.header_pattern
                                                           : "is always (never: not)";
      ways.push_back(fmt::format("where header {} {}", canary.header, wanted));
    }
    if (!canary.cookie.empty()) {
      ways.push_back(fmt::format("where cookie {} is always (never: not)", canary.cookie));
    }
    ways.push_back(fmt::format("by weight {} of {}", canary.weight, canary.weight_total));
    line(0, printable(fmt::format("canary {}, while it has endpoints: {}", canary.backend,
                                  fmt::join(ways, ", else "))));
    explain_backend(canary.backend, "gets nothing");
    line(0, "all other requests:");
  }

  int https_status() const { return worker_.table().settings().status.https_redirect; }

  void explain_upgrade(const table::Route& route) {
    const auto* upgrade = find_header(question_, "Upgrade");
    if (upgrade == nullptr) return;
    const auto& others = route.tunnels->other_protocols;
    const bool websocket = equals_ignoring_case(*upgrade, "websocket");
    const bool other = std::ranges::any_of(
        others, [&](const std::string& name) { return equals_ignoring_case(*upgrade, name); });
    if (websocket && !route.tunnels->websocket) {
      line(0, fmt::format("{}: this route takes no WebSocket",
                          toned("answer 403", Tone::Warning, colours_)));
    } else if (websocket || other) {
      line(0, "tunnel: after the Service's 101");
    } else {
      line(0, printable(fmt::format("no tunnel: Upgrade {} is not passed on", *upgrade)));
    }
  }

  void explain_error_pages(const table::Route& route) {
    const auto& pages = route.rules->error_pages;
    if (!pages) return;
    line(0,
         printable(fmt::format("answers {}{}: {} answers instead", fmt::join(pages->statuses, ", "),
                               pages->only_own ? " of weir itself" : "", pages->backend)));
  }

  /// False: nobody is there. `without`: what happens then.
  bool explain_backend(const std::string& name, std::string_view without = "answer 503") {
    const auto found = outcome_.resources.find({table::ResourceKind::Backend, name});
    if (found == outcome_.resources.end()) {
      line(0, fmt::format("backend {}: not in the table; {}", printable(name), without));
      return false;
    }
    const auto& backend = std::get<table::Backend>(found->second);
    line(0, fmt::format("backend {}", printable(name)));
    if (backend.dns) {
      line(2, printable(fmt::format("{} port {}, resolved by DNS", backend.dns->name,
                                    backend.dns->port)));
    } else if (backend.endpoints.empty()) {
      line(2, toned(fmt::format("no endpoints: {}", without), Tone::Bad, colours_));
    }
    for (const auto& endpoint : backend.endpoints) {
      constexpr const char* kStates[] = {"", ", draining", ", not ready"};
      line(2, printable(fmt::format("{} port {}{}", endpoint.address, endpoint.port,
                                    kStates[static_cast<std::size_t>(endpoint.state)])));
    }
    add_settings("backend", settings_of(as_sent(backend), {"name", "dns", "endpoints"}));
    return backend.dns || !backend.endpoints.empty();
  }

  void add_settings(std::string_view of, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    line(0, fmt::format("settings of the {} that are not the default:", of));
    for (const auto& text : lines) line(2, text);
  }

  const Outcome& outcome_;
  const Question& question_;
  const Url url_;
  const bool colours_;
  const Worker worker_;
  std::string text_;
};

}  // namespace

util::Result<std::string> explain(Input input, const ingress::Options& options,
                                  const Question& question, bool colours) {
  auto url = parse_url(question.url);
  if (!url) return url.error();
  const auto setting = settle_options(input, options);
  const auto outcome = translate(input, setting.options);
  auto text = Explanation(outcome, question, *std::move(url), colours).run();
  for (const auto& notes : {setting.notes, outcome.notes}) {
    for (const auto& note : notes) text += "note: " + note + '\n';
  }
  if (!outcome.findings.empty()) {
    text += fmt::format("note: the objects have {}; weirctl lint names them\n",
                        counted(outcome.findings.size(), "problem", "problems"));
  }
  return text;
}

}  // namespace weir::inspect
