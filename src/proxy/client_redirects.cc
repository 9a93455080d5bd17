#include "proxy/client_connection.h"
#include "proxy/target.h"

namespace weir::proxy {

namespace {

/// As ingress-nginx: one slash at the end is left out, be it the query's.
std::string_view target_of(const RequestHead& request, bool keep_trailing_slash) {
  auto target = request.path == "*" ? std::string_view{} : request.path;
  if (!keep_trailing_slash && target.ends_with('/')) target.remove_suffix(1);
  return target;
}

}  // namespace

table::Redirect ClientConnection::host_redirect(const table::HostRedirects& redirects,
                                                std::string_view path) const {
  const auto& origin = exchange_->origin;
  const auto& request = exchange_->request;
  if (!redirects.other_host.empty()) {
    std::string location = origin.https ? "https://" : "http://";
    location += redirects.other_host;
    // As ingress-nginx: named even where it is the usual one.
    location += ':';
    location += std::to_string(origin.port);
    location += target_of(request, false);
    return {std::move(location), worker_.table.settings().status.https_redirect};
  }
  // An HTTP/1.0 request may name no host, and then there is nowhere to send it.
  if (redirects.app_root.empty() || path != "/" || request.host.empty()) return {{}, 0};
  // Whatever a proxy in front says of the scheme (ingress-nginx).
  std::string location = arrival().https ? "https://" : "http://";
  location += request.host;
  location += redirects.app_root;
  return {std::move(location), 302};
}

std::string ClientConnection::https_location() const {
  const auto& exchange = *exchange_;
  const auto& asked = exchange.origin.host;
  std::string location = "https://";
  std::string storage;
  location += asked.data() == exchange.request.host.data() ? exchange.host_name
                                                           : *normalize_host(asked, storage);
  if (const auto port = worker_.table.settings().public_https_port; port != 443) {
    location += ':';
    location += std::to_string(port);
  }
  location += target_of(exchange.request, exchange.route->rules->keep_trailing_slash);
  return location;
}

}  // namespace weir::proxy
