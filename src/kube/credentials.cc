#include "kube/credentials.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "kube/read_file.h"
#include "util/log.h"

namespace weir::kube {

namespace {

constexpr std::chrono::seconds kTokenAge{60};
constexpr std::chrono::seconds kCertificateAge{300};

std::string trimmed(std::string text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) text.pop_back();
  const auto begin = std::find_if_not(text.begin(), text.end(), is_space);
  return text.substr(static_cast<std::size_t>(begin - text.begin()));
}

bool is_header_safe(const std::string& token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// Field values (RFC 9110 §5.5); names are escaped where they are sent.
bool is_header_safe(const Impersonation& as) {
  const auto is_value = [](const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  };
  return is_value(as.user) && is_value(as.uid) && std::ranges::all_of(as.groups, is_value) &&
         std::ranges::all_of(as.extra, [&](const auto& entry) {
           return std::ranges::all_of(entry.second, is_value);
         });
}

util::Result<ClusterAccess> in_cluster_access(const CredentialOptions& options) {
  const char* host = options.environment("KUBERNETES_SERVICE_HOST");
  const char* port = options.environment("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr || *host == '\0' || *port == '\0') {
    return util::malformed("not in a cluster");
  }
  ClusterAccess access;
  const std::string name(host);
  const bool is_ipv6 = name.find(':') != std::string::npos;
  access.server = "https://" + (is_ipv6 ? "[" + name + "]" : name) + ":" + port;
  access.ca.file = options.service_account + "/ca.crt";
  access.token_file = options.service_account + "/token";
  if (const auto ns = read_file(options.service_account + "/namespace")) access.ns = trimmed(*ns);
  return access;
}

std::vector<std::string> split_paths(std::string_view list) {
  std::vector<std::string> paths;
  while (!list.empty()) {
    const auto end = std::min(list.find(':'), list.size());
    if (end > 0) paths.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return paths;
}

util::Result<ClusterAccess> find_access(const CredentialOptions& options) {
  if (!options.kubeconfig.empty()) return read_kubeconfig({options.kubeconfig});
  if (const char* list = options.environment("KUBECONFIG"); list != nullptr && *list != '\0') {
    return read_kubeconfig(split_paths(list));
  }
  if (auto access = in_cluster_access(options)) return access;
  const char* home = options.environment("HOME");
  const auto file = std::string(home == nullptr ? "" : home) + "/.kube/config";
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) return read_kubeconfig({file});
  if (!options.apiserver_host.empty()) return ClusterAccess();
  return util::malformed(
      "no API server is known: not in a cluster, and neither --kubeconfig nor KUBECONFIG is given");
}

}  // namespace

util::Result<ApiServerAddress> parse_server_url(const std::string& url) {
  const auto refuse = [&](const char* reason) {
    return util::malformed("API server \"" + url + "\": " + reason);
  };
  ApiServerAddress address;
  std::string_view rest = url;
  if (const auto end = rest.find("://"); end != std::string_view::npos) {
    const auto scheme = rest.substr(0, end);
    if (scheme != "https" && scheme != "http") return refuse("must be https:// or http://");
    address.tls = scheme == "https";
    rest.remove_prefix(end + 3);
  }
  if (rest.find_first_of("@?# ") != std::string_view::npos) {
    return refuse("must be a host, a port and a path only");
  }
  const auto slash = std::min(rest.find('/'), rest.size());
  auto authority = rest.substr(0, slash);
  address.prefix = rest.substr(slash);
  while (address.prefix.ends_with('/')) address.prefix.pop_back();

  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return refuse("has no ] after its address");
    address.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty() && port.front() != ':') return refuse("has no : before its port");
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    address.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (address.host.empty()) return refuse("has no host");
  address.port = address.tls ? 443 : 80;
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data(), end, address.port);
    if (error != std::errc() || stop != end || address.port < 1 || address.port > 65535) {
      return refuse("has no port between 1 and 65535");
    }
  }
  return address;
}

util::Result<ClusterAccess> find_cluster_access(const CredentialOptions& options) {
  auto access = find_access(options);
  if (!access) return access;
  if (!options.apiserver_host.empty()) access->server = options.apiserver_host;
  if (access->proxy_url.empty()) {
    if (const auto server = parse_server_url(access->server)) {
      access->proxy_url = proxy_of_environment(options.environment, *server);
    }
  }
  return access;
}

Credentials::Credentials(ClusterAccess access, ApiServerAddress server, Clock clock)
    : access_(std::move(access)), server_(std::move(server)), clock_(std::move(clock)) {}

util::Result<std::shared_ptr<Credentials>> Credentials::open(ClusterAccess access, Clock clock) {
  auto server = parse_server_url(access.server);
  if (!server) return server.error();
  if (access.client_certificate.empty() != access.client_key.empty()) {
    return util::malformed("a client certificate needs its key, and a key its certificate");
  }
  if (!is_header_safe(access.as)) {
    return util::malformed("the user to act as has characters of no user");
  }
  std::optional<HttpProxy> proxy;
  if (!access.proxy_url.empty()) {
    auto parsed = parse_proxy_url(access.proxy_url);
    if (!parsed) return parsed.error();
    if (!access.tls_server_name.empty()) {
      return util::unsupported("weir does not support a tls-server-name behind a proxy-url");
    }
    proxy = std::move(*parsed);
  }
  std::shared_ptr<Credentials> credentials(
      new Credentials(std::move(access), std::move(*server), std::move(clock)));
  credentials->proxy_ = std::move(proxy);
  const auto& config = credentials->access_;
  const std::pair<const std::string*, Cached*> files[] = {
      {&config.token_file, &credentials->token_},
      {&config.ca.file, &credentials->ca_},
      {&config.client_certificate.file, &credentials->certificate_},
      {&config.client_key.file, &credentials->key_}};
  for (const auto& [file, cached] : files) {
    if (file->empty()) continue;
    if (auto error = credentials->refresh(*file, kTokenAge, *cached)) return *error;
  }
  if (!is_header_safe(config.token)) return util::malformed("the token has characters of no token");
  return credentials;
}

/// Reads the file again if it is due. The error says why the old content stays.
std::optional<util::Error> Credentials::refresh(const std::string& file,
                                                std::chrono::seconds max_age, Cached& cached) {
  const auto now = clock_();
  if (!cached.stale && now - cached.read_at < max_age) return std::nullopt;
  cached.read_at = now;
  cached.stale = false;
  const auto text = read_file(file);
  if (!text) return text.error();
  auto content = trimmed(*text);
  if (content.empty()) return util::malformed(file + " is empty");
  if (&cached == &token_ && !is_header_safe(content)) {
    return util::malformed(file + " holds no token");
  }
  cached.content = std::move(content);
  return std::nullopt;
}

std::string Credentials::token() {
  const std::lock_guard lock(mutex_);
  if (access_.token_file.empty()) return access_.token;
  if (const auto error = refresh(access_.token_file, kTokenAge, token_)) {
    util::log::warning("token: {}; the last good one stays in use", error->detail);
  }
  return token_.content;
}

void Credentials::refuse_token() {
  const std::lock_guard lock(mutex_);
  token_.stale = true;
}

std::string Credentials::pem(const PemSource& source, Cached& cached) {
  if (source.file.empty()) return source.data;
  if (const auto error = refresh(source.file, kCertificateAge, cached)) {
    util::log::warning("API server certificates: {}; the last good one stays in use",
                       error->detail);
  }
  return cached.content;
}

TlsMaterial Credentials::tls() {
  const std::lock_guard lock(mutex_);
  return {pem(access_.ca, ca_), pem(access_.client_certificate, certificate_),
          pem(access_.client_key, key_), access_.tls_server_name,
          !access_.insecure_skip_tls_verify};
}

}  // namespace weir::kube
