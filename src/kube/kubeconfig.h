#pragma once

#include <map>
#include <string>
#include <vector>

#include "util/result.h"

namespace weir::kube {

/// PEM given in the kubeconfig itself, or in a file. Data wins over a file; both empty: not given.
struct PemSource {
  std::string data;
  std::string file;

  bool empty() const { return data.empty() && file.empty(); }
};

/// As whom the API server is asked to take weir, whoever it is (`kubectl --as`).
struct Impersonation {
  std::string user;  ///< empty: nobody else
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
};

/// Where an API server is and how weir shows there who it is, as configured.
struct ClusterAccess {
  std::string server;  ///< "https://host:port/prefix"
  PemSource ca;        ///< empty: the system's
  std::string tls_server_name;
  bool insecure_skip_tls_verify = false;
  std::string token;
  std::string token_file;  ///< wins over `token`
  std::string user;        ///< with `password` (RFC 7617), where there is no token; may be empty
  std::string password;
  PemSource client_certificate;
  PemSource client_key;
  Impersonation as;
  std::string proxy_url;  ///< of http_proxy.h; empty: none
  std::string ns;         ///< of the context, or the Pod's; may be empty
};

/// The current context of a kubeconfig, YAML or JSON, in one or several files (as $KUBECONFIG may
/// name them): the first that has a name or a value counts, files that do not exist are passed over
/// unless none does. Relative paths are meant from the file that has them.
///
/// Unsupported for what weir would have to ignore: plugins.
util::Result<ClusterAccess> read_kubeconfig(const std::vector<std::string>& files);

}  // namespace weir::kube
