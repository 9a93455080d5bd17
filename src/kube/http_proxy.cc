#include "kube/http_proxy.h"

#include <algorithm>
#include <cctype>

#include "kube/credentials.h"
#include "util/ip_address.h"

namespace weir::kube {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string without_brackets(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// RFC 3986 §2.1; nothing if a "%" is not followed by two digits, or stands for a control byte.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      byte = high * 16 + low;
      i += 2;
    }
    if (byte < 0x20 || byte == 0x7f) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

bool is_loopback(const ApiServerAddress& server) {
  const auto name = lower(server.host);
  if (name == "localhost") return true;
  const auto address = util::IpAddress::parse(name);
  if (!address) return false;
  static const auto kV4 = *util::IpPrefix::parse("127.0.0.0/8");
  return util::masked(*address, kV4.bits) == kV4.address ||
         *address == *util::IpAddress::parse("::1");
}

/// `entry` may have a port behind its last colon, which an address of IPv6 has many of.
bool has_other_port(std::string_view& entry, int port) {
  const auto colon = entry.rfind(':');
  if (colon == std::string_view::npos || entry.find('/') != std::string_view::npos) return false;
  const bool is_bare_ipv6 = entry.find(':') != colon && entry[colon - 1] != ']';
  if (is_bare_ipv6) return false;
  const auto wanted = entry.substr(colon + 1);
  entry = entry.substr(0, colon);
  return wanted != std::to_string(port);
}

bool takes_out(std::string_view entry, const ApiServerAddress& server, const std::string& host,
               const std::optional<util::IpAddress>& address) {
  if (entry == "*") return true;
  if (has_other_port(entry, server.port)) return false;
  const auto wanted = lower(without_brackets(entry));
  if (const auto network = util::IpPrefix::parse(wanted)) {
    return address && util::masked(*address, network->bits) == network->address;
  }
  if (wanted.empty() || address) return false;
  const bool only_below = wanted.starts_with('.') || wanted.starts_with("*.");
  const auto name = only_below ? wanted.substr(wanted.find('.') + 1) : wanted;
  return (!only_below && host == name) || host.ends_with("." + name);
}

}  // namespace

util::Result<HttpProxy> parse_proxy_url(const std::string& url) {
  std::string_view rest = url;
  if (const auto end = rest.find("://"); end != std::string_view::npos) {
    const auto scheme = lower(rest.substr(0, end));
    if (scheme != "http") {
      return util::unsupported("weir does not support the scheme \"" + scheme +
                               "\" of a proxy for the API server; use http://host:port");
    }
    rest.remove_prefix(end + 3);
  }
  HttpProxy proxy;
  if (const auto end = rest.rfind('@'); end != std::string_view::npos) {
    const auto name_end = std::min(rest.find(':'), end);
    auto user = percent_decoded(rest.substr(0, name_end));
    auto password = percent_decoded(
        rest.substr(std::min(name_end + 1, end), end - std::min(name_end + 1, end)));
    if (!user || !password) {
      return util::malformed("the user of the proxy for the API server is not percent-encoded");
    }
    proxy.user = std::move(*user);
    proxy.password = std::move(*password);
    rest.remove_prefix(end + 1);
  }
  const auto address = parse_server_url("http://" + std::string(rest));
  if (!address || !address->prefix.empty()) {
    return util::malformed("the proxy for the API server, \"" + std::string(rest) +
                           "\", must be a host and a port only");
  }
  proxy.host = address->host;
  proxy.port = address->port;
  return proxy;
}

bool is_direct(std::string_view no_proxy, const ApiServerAddress& server) {
  if (is_loopback(server)) return true;
  const auto host = lower(server.host);
  const auto address = util::IpAddress::parse(host);
  while (!no_proxy.empty()) {
    const auto end = std::min(no_proxy.find(','), no_proxy.size());
    if (takes_out(trimmed(no_proxy.substr(0, end)), server, host, address)) return true;
    no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
  }
  return false;
}

std::string proxy_of_environment(const std::function<const char*(const char*)>& environment,
                                 const ApiServerAddress& server) {
  const auto read = [&](const char* upper, const char* lower_case) {
    const char* value = environment(upper);
    if (value == nullptr || *value == '\0') value = environment(lower_case);
    return std::string(value == nullptr ? "" : value);
  };
  auto url = server.tls ? read("HTTPS_PROXY", "https_proxy") : read("HTTP_PROXY", "http_proxy");
  if (url.empty() || is_direct(read("NO_PROXY", "no_proxy"), server)) return {};
  return url;
}

}  // namespace weir::kube
