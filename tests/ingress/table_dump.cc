#include "ingress/table_dump.h"

#include <initializer_list>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "table/codec.h"

namespace weir::test {

namespace {

using Json = nlohmann::json;

/// As it travels: fields at their default are not there. A proxy would take it.
Json as_sent(const table::Resource& resource) {
  const auto encoded = table::encode(resource);
  const auto decoded = table::decode(encoded.key.kind, *encoded.bytes);
  EXPECT_TRUE(decoded) << table::to_string(encoded.key) << ": " << decoded.error().detail;
  return Json::from_cbor(*encoded.bytes);
}

/// All fields but those that have their own way of being shown, a line each.
std::string others(const Json& map, std::initializer_list<std::string_view> shown,
                   std::string_view indent) {
  std::string lines;
  for (const auto& [key, value] : map.items()) {
    if (std::find(shown.begin(), shown.end(), key) != shown.end()) continue;
    lines += fmt::format("{}{} {}\n", indent, key, value.dump());
  }
  return lines;
}

struct Dumper {
  std::string& out;

  void operator()(const table::Settings& settings) const {
    out += fmt::format("settings http={} https={}", settings.public_http_port,
                       settings.public_https_port);
    if (!settings.default_certificate.empty()) {
      out += " certificate=" + settings.default_certificate;
    }
    const table::TlsSettings usual;
    const auto& tls = settings.tls;
    if (!tls.versions.tls12) out += " no-tls12";
    if (!tls.versions.tls13) out += " no-tls13";
    if (!tls.ciphers.empty()) out += " ciphers=" + tls.ciphers;
    if (!tls.groups.empty()) out += " groups=" + tls.groups;
    if (!tls.session_tickets) out += " no-tickets";
    if (tls.session_timeout_s != usual.session_timeout_s) {
      out += fmt::format(" session-timeout={}", tls.session_timeout_s);
    }
    if (tls.reject_unknown_names) out += " reject-unknown-names";
    if (!settings.hsts) out += " no-hsts";
    if (settings.hsts && settings.hsts != table::Hsts{}) {
      out += fmt::format(" hsts={}{}{}", settings.hsts->max_age_s,
                         settings.hsts->include_subdomains ? ",subdomains" : "",
                         settings.hsts->preload ? ",preload" : "");
    }
    if (settings.underscores_in_headers) out += " underscores";
    const auto& forwarded = settings.forwarded;
    if (forwarded.trust_forwarded) out += " trust-forwarded";
    if (forwarded.header != "X-Forwarded-For") out += " forwarded-for=" + forwarded.header;
    if (forwarded.append) out += " append";
    if (forwarded.use_proxy_protocol) out += " proxy-protocol";
    if (forwarded.trust_address) out += " trust-address";
    for (const auto& network : forwarded.trusted_cidrs) out += " trusted=" + network;
    if (const auto& all = settings.tunnels; all != table::TunnelTotals{}) {
      out += fmt::format(" tunnels={},{}/s,burst {},wait {} ms", all.limit, all.opens_per_second,
                         all.open_burst, all.open_wait_ms);
    }
    out += '\n';
    out += others(as_sent(settings),
                  {"default_certificate", "forwarded", "hsts", "public_http_port",
                   "public_https_port", "tls", "tunnels", "underscores_in_headers"},
                  "  ");
  }

  void operator()(const table::Certificate& certificate) const {
    out += "certificate " + certificate.name;
    out += certificate.ocsp_der.empty() ? "\n" : " stapled\n";
  }

  void operator()(const table::Backend& backend) const {
    out += "backend " + backend.name + '\n';
    if (backend.dns) {
      out += fmt::format("  dns {} port {}{}\n", backend.dns->name, backend.dns->port,
                         backend.dns->allow_loopback ? " loopback allowed" : "");
    }
    for (const auto& endpoint : backend.endpoints) {
      constexpr const char* kStates[] = {"", " draining", " unready"};
      out += fmt::format("  {} {} id={}{}{}\n", endpoint.address, endpoint.port, endpoint.id,
                         kStates[static_cast<std::size_t>(endpoint.state)],
                         endpoint.zone.empty() ? "" : " zone=" + endpoint.zone);
    }
    out += others(as_sent(backend), {"name", "dns", "endpoints"}, "  ");
  }

  void operator()(const table::Host& host) const {
    out += fmt::format("host \"{}\"", host.name);
    for (const auto& certificate : host.certificates) out += " certificate=" + certificate;
    out += '\n';
    const auto sent = as_sent(host);
    out += others(sent, {"name", "certificates", "routes"}, "  ");
    for (std::size_t i = 0; i < host.routes.size(); ++i) {
      const auto& route = host.routes[i];
      constexpr const char* kKinds[] = {"exact", "prefix", "regex"};
      out += fmt::format("  {} {}{} ->", kKinds[static_cast<std::size_t>(route.match.kind)],
                         route.match.path, route.https_only ? " https-only" : "");
      if (route.backends.empty()) out += " 404";
      for (const auto& backend : route.backends) out += ' ' + backend.backend;
      out += route.origin.empty() ? "\n" : " (" + route.origin + ")\n";
      out += others(sent.at("routes").at(i), {"match", "path", "origin", "https_only", "backends"},
                    "    ");
    }
  }

  void operator()(const table::TrustBundle& bundle) const {
    out += "trust bundle " + bundle.name + '\n';
  }

  void operator()(const table::TicketSeed&) const { out += "ticket seed\n"; }

  void operator()(const table::Users& users) const {
    out += "users " + users.name;
    for (const auto& user : users.users) out += fmt::format(" {}={}", user.name, user.hash);
    out += '\n';
  }

  void operator()(const table::TcpService& service) const {
    out += fmt::format("tcp {} -> {} ({})\n", service.port, service.backend, service.origin);
    out += others(as_sent(service), {"backend", "origin", "port"}, "  ");
  }
};

}  // namespace

std::string dump(const std::map<table::ResourceKey, table::Resource>& resources,
                 const std::set<kube::Problem>& problems) {
  std::string out;
  for (const auto& [key, resource] : resources) std::visit(Dumper{out}, resource);
  for (const auto& problem : problems) {
    out += fmt::format("problem {} {} {}: {}\n", problem.code, kube::to_string(problem.object),
                       problem.field, problem.message);
  }
  return out;
}

}  // namespace weir::test
