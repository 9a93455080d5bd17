#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "util/result.h"

/// An HTTP proxy on the way to the API server, as kubectl takes it.
namespace weir::kube {

struct ApiServerAddress;

struct HttpProxy {
  std::string host;  ///< IPv6 without brackets
  int port = 80;
  std::string user;  ///< empty: it asks for none
  std::string password;

  bool operator==(const HttpProxy&) const = default;
};

/// "http://[user:password@]host[:port]"; a host alone means http. The error never has the password.
/// Unsupported: https and socks5 proxies.
util::Result<HttpProxy> parse_proxy_url(const std::string& url);

/// Whether NO_PROXY takes a server out: "*", names with what is below them ("example.com"), only
/// what is below (".example.com"), addresses, networks ("10.0.0.0/8"), each with a port if that is
/// to count. Loopback and "localhost" never have a proxy. (golang.org/x/net/http/httpproxy)
bool is_direct(std::string_view no_proxy, const ApiServerAddress& server);

/// The URL of the proxy by HTTPS_PROXY or HTTP_PROXY and NO_PROXY, upper or lower case; empty:
/// none.
std::string proxy_of_environment(const std::function<const char*(const char*)>& environment,
                                 const ApiServerAddress& server);

}  // namespace weir::kube
