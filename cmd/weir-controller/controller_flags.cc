#include "weir-controller/controller_flags.h"

#include <array>
#include <cstdlib>
#include <random>

#include <fmt/format.h>

#include "kube/api_source.h"
#include "kube/credentials.h"
#include "kube/dir_source.h"
#include "kube/names.h"

namespace weir::cmd {

namespace {

constexpr std::string_view kFolder = "dir:";
constexpr std::size_t kMostSecrets = 100;  // each has a watch of its own

constexpr std::array<const char*, 1> kUnused = {"--watch-namespace-selector"};

/// About what only a cluster has.
constexpr std::array<const char*, 10> kOfClusters = {"--secrets",
                                                     "--publish-service",
                                                     "--publish-status-address",
                                                     "--report-node-internal-ip-address",
                                                     "--update-status",
                                                     "--update-status-on-shutdown",
                                                     "--status-update-interval",
                                                     "--election-id",
                                                     "--election-ttl",
                                                     "--disable-leader-election"};

/// "NAMESPACE/NAME"; nothing if it is not.
std::optional<ingress::NamespacedName> parse_name(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == text.npos || slash == 0 || slash + 1 == text.size()) return std::nullopt;
  if (text.find('/', slash + 1) != text.npos) return std::nullopt;
  return ingress::NamespacedName{text.substr(0, slash), text.substr(slash + 1)};
}

/// An environment variable; "" if it is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Another one for each process: a Pod's containers are started again under the same name.
std::string own_identity() {
  std::random_device random;
  return fmt::format("{}_{:08x}{:08x}", own_pod_name(), random(), random());
}

bool is_address(const std::string& text) {
  return kube::is_ipv4(text) || kube::is_ipv6(text) || kube::is_dns_subdomain(text);
}

}  // namespace

ControllerFlags::ControllerFlags(Flags& flags) : metrics_(flags) {
  flags.text("--source", source_, "Where objects come from: kube, or dir:PATH with manifests");
  flags.text("--socket", socket_, "Listen here for proxies; the folder exists");
  flags.text("--ingress-class", ingress_class_,
             "Value of annotation kubernetes.io/ingress.class that is served");
  flags.texts("--controller-class", controller_classes_,
              "spec.controller of IngressClasses that are served; repeatable; default: "
              "weir.dev/ingress and k8s.io/ingress-nginx");
  flags.toggle("--watch-ingress-without-class", watch_without_class_,
               "Serve Ingresses with neither class nor annotation, too");
  flags.toggle("--ingress-class-by-name", class_by_name_,
               "Serve the IngressClass named like --ingress-class whatever its controller");
  flags.text("--watch-namespace", watch_namespace_, "Only this namespace; default: all");
  flags.texts("--secrets", secrets_,
              "NAMESPACE or NAMESPACE/NAME of Secrets that may be read; repeatable; default: all "
              "that --watch-namespace leaves");
  flags.text(
      "--default-backend-service", default_backend_,
      "NAMESPACE/NAME of the Service that answers what no Ingress serves, by its first port");
  flags.text("--default-ssl-certificate", default_certificate_,
             "NAMESPACE/NAME of the Secret for names without a certificate");
  flags.text(
      "--configmap", configmap_,
      "NAMESPACE/NAME of the ConfigMap with settings for all hosts; keys as ingress-nginx's");
  flags.text(
      "--session-ticket-secret", ticket_secret_,
      "NAMESPACE/NAME of the Secret that seeds TLS session tickets, by key session-ticket-key");
  flags.text("--tcp-services-configmap", tcp_services_,
             "NAMESPACE/NAME of the ConfigMap with ports of TCP and their Services");
  flags.text("--udp-services-configmap", udp_services_,
             "NAMESPACE/NAME of the ConfigMap with ports of UDP, which are refused with a problem");
  flags.text("--kubeconfig", kubeconfig_, "How to reach the API server, from outside of a cluster");
  flags.text("--apiserver-host", apiserver_host_, "URL of the API server");
  flags.address("--metrics-listen", metrics_listen_, "Listen for /metrics, /healthz, /readyz");
  flags.number("--public-http-port", public_http_port_, 1, 65535,
               "The HTTP port that clients see, in X-Forwarded-Port");
  flags.number("--public-https-port", public_https_port_, 1, 65535,
               "The HTTPS port that clients see, also in redirects");
  flags.log_level(log_level_);
  flags.text(
      "--publish-service", publish_service_,
      "NAMESPACE/NAME of the Service whose addresses the status of Ingresses shows; default: "
      "those of the nodes of weir's Pods");
  flags.texts("--publish-status-address", publish_status_address_,
              "Addresses or names that the status of Ingresses shows instead; repeatable");
  flags.toggle("--report-node-internal-ip-address", report_node_internal_,
               "Of nodes, show the internal address even if there is an external one");
  flags.toggle("--update-status", update_status_, "Write the status of Ingresses");
  flags.toggle("--update-status-on-shutdown", update_status_on_shutdown_,
               "Take the addresses out of the status when the last Pod of weir ends");
  flags.number("--status-update-interval", status_update_interval_, 5, 86'400,
               "Seconds between looks at addresses that cannot be watched: those of nodes");
  flags.text("--election-id", election_id_, "Name of the Lease of the one that writes status");
  flags.duration("--election-ttl", election_ttl_,
                 "How long the Lease of a leader that is gone holds; half of it is for renewals",
                 std::chrono::seconds(1));
  flags.toggle("--disable-leader-election", disable_leader_election_,
               "Write status without a Lease: for a single replica");

  constexpr const char* kLater = "Accepted; not in effect yet";
  flags.text("--watch-namespace-selector", watch_namespace_selector_, kLater);
}

bool ControllerFlags::is_folder() const {
  return source_.starts_with(kFolder);
}

ControllerFlags::Result<controller::Options> ControllerFlags::options() const {
  controller::Options options;
  if (socket_.empty()) return Refused{"--socket", "is empty"};
  options.socket_path = socket_;
  options.instance = own_pod_name();
  options.nginx_metrics = metrics_.ingress_nginx();
  if (metrics_listen_) options.metrics_listen = {metrics_listen_->host, metrics_listen_->port};
  auto& translation = options.translation;
  if (!controller_classes_.empty()) translation.controller_classes = controller_classes_;
  translation.ingress_class = ingress_class_;
  translation.ingress_class_by_name = class_by_name_;
  translation.watch_ingress_without_class = watch_without_class_;
  translation.serve_classless = is_folder();
  translation.allow_loopback = is_folder();
  translation.watch_namespace = watch_namespace_;
  translation.public_http_port = static_cast<std::uint16_t>(public_http_port_);
  translation.public_https_port = static_cast<std::uint16_t>(public_https_port_);
  struct Name {
    const char* flag;
    const std::string& text;
    std::optional<ingress::NamespacedName>& name;
  };
  for (const auto& [flag, text, name] :
       {Name{"--default-backend-service", default_backend_, translation.default_backend},
        Name{"--default-ssl-certificate", default_certificate_, translation.default_certificate},
        Name{"--configmap", configmap_, translation.config_map},
        Name{"--session-ticket-secret", ticket_secret_, translation.ticket_secret},
        Name{"--tcp-services-configmap", tcp_services_, translation.tcp_services},
        Name{"--udp-services-configmap", udp_services_, translation.udp_services}}) {
    if (text.empty()) continue;
    name = parse_name(text);
    if (!name) return Refused{flag, fmt::format("\"{}\" is not NAMESPACE/NAME", text)};
  }
  if (auto refused = add_status(options)) return *std::move(refused);
  return options;
}

std::optional<ControllerFlags::Refused> ControllerFlags::add_status(
    controller::Options& options) const {
  controller::StatusOptions status;
  for (const auto& address : publish_status_address_) {
    if (!is_address(address)) {
      return Refused{"--publish-status-address",
                     fmt::format("\"{}\" is neither an IP address nor a DNS name", address)};
    }
  }
  status.fixed = controller::addresses_of(publish_status_address_);
  if (!publish_service_.empty()) {
    if (!status.fixed.empty()) {
      return Refused{"--publish-service", "cannot be given with --publish-status-address"};
    }
    status.service = parse_name(publish_service_);
    if (!status.service) {
      return Refused{"--publish-service",
                     fmt::format("\"{}\" is not NAMESPACE/NAME", publish_service_)};
    }
  }
  if (!kube::is_dns_subdomain(election_id_)) {
    return Refused{"--election-id", fmt::format("\"{}\" cannot be a name", election_id_)};
  }
  status.internal_node_addresses = report_node_internal_;
  status.clear_at_end = update_status_on_shutdown_;
  status.interval = std::chrono::seconds(status_update_interval_);
  status.pod = {environment("POD_NAMESPACE"), environment("POD_NAME")};
  const bool has_source = !status.fixed.empty() || status.service || !status.pod.name.empty();
  if (!update_status_ || is_folder() || !has_source) return std::nullopt;
  if (!disable_leader_election_) {
    status.election =
        controller::ElectionOptions{status.pod.ns, election_id_, own_identity(), election_ttl_};
  }
  options.status = std::move(status);
  return std::nullopt;
}

ControllerFlags::Result<ControllerFlags::Opened> ControllerFlags::open_source() const {
  if (is_folder()) {
    auto source = kube::DirSource::open(source_.substr(kFolder.size()));
    if (!source) return Refused{"--source", source.error().detail};
    return Opened{std::move(*source), nullptr};
  }
  if (source_ != "kube") {
    return Refused{"--source", fmt::format("\"{}\" is neither kube nor dir:PATH", source_)};
  }
  auto secrets = watched_secrets();
  if (auto* refused = std::get_if<Refused>(&secrets)) return *std::move(refused);
  const char* flag = !kubeconfig_.empty()       ? "--kubeconfig"
                     : !apiserver_host_.empty() ? "--apiserver-host"
                                                : "--source";
  kube::CredentialOptions find;
  find.kubeconfig = kubeconfig_;
  find.apiserver_host = apiserver_host_;
  auto access = kube::find_cluster_access(find);
  if (!access) return Refused{flag, access.error().detail};
  auto credentials = kube::Credentials::open(std::move(*access));
  if (!credentials) return Refused{flag, credentials.error().detail};
  kube::ApiSourceOptions watch;
  watch.secrets = std::get<0>(std::move(secrets));
  watch.list_watch.watch_namespace = watch_namespace_;
  return Opened{std::make_unique<kube::ApiSource>(*credentials, std::move(watch)), *credentials};
}

ControllerFlags::Result<std::vector<kube::ApiSourceOptions::Secrets>>
ControllerFlags::watched_secrets() const {
  std::vector<kube::ApiSourceOptions::Secrets> secrets;
  for (const auto& text : secrets_) {
    const auto slash = text.find('/');
    kube::ApiSourceOptions::Secrets one{text.substr(0, slash),
                                        slash == text.npos ? "" : text.substr(slash + 1)};
    const bool has_name = slash == text.npos || kube::is_dns_subdomain(one.name);
    if (!kube::is_dns_label(one.ns) || !has_name) {
      return Refused{"--secrets",
                     fmt::format("\"{}\" is neither NAMESPACE nor NAMESPACE/NAME", text)};
    }
    if (!watch_namespace_.empty() && one.ns != watch_namespace_) {
      return Refused{"--secrets",
                     fmt::format("\"{}\" is not in --watch-namespace {}", text, watch_namespace_)};
    }
    secrets.push_back(std::move(one));
  }
  if (secrets.size() > kMostSecrets) {
    return Refused{"--secrets", fmt::format("has more than {} entries", kMostSecrets)};
  }
  return secrets;
}

void ControllerFlags::warn_of_unused(const Flags& flags) const {
  for (const char* flag : kUnused) {
    if (flags.given(flag)) util::log::warning("{} is not in effect yet", flag);
  }
  if (!is_folder()) {
    if (update_status_ && publish_service_.empty() && publish_status_address_.empty() &&
        environment("POD_NAME").empty()) {
      util::log::info(
          "the status of Ingresses is not written: without POD_NAME, --publish-service or "
          "--publish-status-address no address is known");
    }
    return;
  }
  for (const char* flag : kOfClusters) {
    if (flags.given(flag)) util::log::warning("{} has no effect on a folder", flag);
  }
}

}  // namespace weir::cmd
