#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "kube/api_stats.h"
#include "kube/http_proxy.h"
#include "kube/kubeconfig.h"
#include "util/result.h"

namespace weir::kube {

/// The address of an API server.
struct ApiServerAddress {
  bool tls = true;
  std::string host;  ///< a name or an address; IPv6 without brackets
  int port = 443;
  std::string prefix;  ///< path before "/api", without '/' at its end; mostly empty

  bool operator==(const ApiServerAddress&) const = default;
};

/// "https://host:port/prefix"; a host alone means https, as in a kubeconfig.
util::Result<ApiServerAddress> parse_server_url(const std::string& url);

/// What a connection to the API server is made with. PEM texts, never logged.
struct TlsMaterial {
  std::string ca;           ///< empty: the system's
  std::string certificate;  ///< empty: no client certificate
  std::string key;
  std::string server_name;  ///< to verify instead of the host; empty: the host
  bool verify = true;

  bool operator==(const TlsMaterial&) const = default;
};

/// Where the API server is, and who weir is there. Thread-safe.
///
/// Files are read again while weir runs: the token every minute and after a 401 (projected tokens
/// change every few minutes to an hour), certificates every five minutes. If a file cannot be read,
/// or is empty, its last good content stays.
class Credentials {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// Malformed or Unavailable if anything that `access` names cannot be read now.
  static util::Result<std::shared_ptr<Credentials>> open(
      ClusterAccess access, Clock clock = std::chrono::steady_clock::now);

  const ApiServerAddress& server() const { return server_; }
  /// The Pod's or the context's namespace; may be empty.
  const std::string& own_namespace() const { return access_.ns; }
  /// On the way to the server; nullopt: none.
  const std::optional<HttpProxy>& proxy() const { return proxy_; }
  /// User and password for a server that gets no token; empty: none.
  std::pair<std::string, std::string> password() const { return {access_.user, access_.password}; }
  const Impersonation& as() const { return access_.as; }
  /// Empty: none is sent.
  std::string token();
  /// The server answered 401: the next `token()` is read again.
  void refuse_token();
  TlsMaterial tls();
  /// Of all that is asked with them.
  ApiStats& stats() { return stats_; }

 private:
  /// A file's content with an age.
  struct Cached {
    std::string content;
    std::chrono::steady_clock::time_point read_at;
    bool stale = true;
  };

  Credentials(ClusterAccess access, ApiServerAddress server, Clock clock);

  std::optional<util::Error> refresh(const std::string& file, std::chrono::seconds max_age,
                                     Cached& cached);
  std::string pem(const PemSource& source, Cached& cached);

  const ClusterAccess access_;
  const ApiServerAddress server_;
  std::optional<HttpProxy> proxy_;
  const Clock clock_;
  ApiStats stats_;
  std::mutex mutex_;
  Cached token_;
  Cached ca_;
  Cached certificate_;
  Cached key_;
};

/// What the command line and the surroundings say about the API server.
struct CredentialOptions {
  std::string kubeconfig;      ///< --kubeconfig; empty: not given
  std::string apiserver_host;  ///< --apiserver-host: replaces the server; empty: not given
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
  /// Reads an environment variable; nullptr: not set.
  std::function<const char*(const char*)> environment = [](const char* name) {
    return static_cast<const char*>(std::getenv(name));
  };
};

/// In this order: --kubeconfig, $KUBECONFIG, the Pod's service account, ~/.kube/config, and
/// --apiserver-host alone (no credentials). The proxy is the kubeconfig's, or the environment's.
util::Result<ClusterAccess> find_cluster_access(const CredentialOptions& options);

}  // namespace weir::kube
