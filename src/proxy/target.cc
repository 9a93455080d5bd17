#include "proxy/target.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::size_t kMaxHost = 255;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool valid_port(std::string_view port) {
  return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

bool valid_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_';
}

bool valid_ipv6_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Appends the decoded path, each byte as it is; segments are looked at afterwards.
bool decode(std::string_view path, std::string& out) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    if (i + 2 >= path.size()) return false;
    const int high = hex_value(path[i + 1]);
    const int low = hex_value(path[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

/// Merges slashes and resolves "." and "..", in place; false above the root.
bool resolve_segments(std::string& path) {
  std::string out;
  out.reserve(path.size());
  std::size_t at = 0;
  while (at < path.size()) {
    // path[at] is '/'
    const auto start = at + 1;
    const auto end = std::min(path.find('/', start), path.size());
    const auto segment = std::string_view(path).substr(start, end - start);
    const bool last = end == path.size();
    if (segment == "..") {
      if (out.empty()) return false;
      out.resize(out.rfind('/'));
      if (last) out += '/';
    } else if (segment == "." || segment.empty()) {
      if (last) out += '/';
    } else {
      out += '/';
      out += segment;
    }
    at = end;
  }
  path = out.empty() ? "/" : std::move(out);
  return true;
}

}  // namespace

util::Result<std::string_view> normalize_host(std::string_view host, std::string& storage) {
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos || close < 3) return util::malformed("host is no address");
    const auto rest = host.substr(close + 1);
    const auto address = host.substr(1, close - 1);
    if (!std::all_of(address.begin(), address.end(), valid_ipv6_byte) ||
        !(rest.empty() || (rest.front() == ':' && valid_port(rest.substr(1))))) {
      return util::malformed("host is no address");
    }
    host = host.substr(0, close + 1);
  } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    if (!valid_port(host.substr(colon + 1))) return util::malformed("host has a bad port");
    host = host.substr(0, colon);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kMaxHost) return util::malformed("host is empty or too long");
  const bool lower =
      std::none_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!lower) {
    storage.assign(host);
    for (auto& c : storage) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    }
    host = storage;
  }
  if (host.front() != '[' &&
      (!std::all_of(host.begin(), host.end(), valid_name_byte) || host.front() == '.' ||
       host.back() == '.' || host.find("..") != std::string_view::npos)) {
    return util::malformed("host has a byte that no name has");
  }
  return host;
}

util::Result<std::string_view> normalize_path(std::string_view target, std::string& storage) {
  const auto path = target.substr(0, target.find('?'));
  if (path.empty() || path == "*") return std::string_view("/");
  const bool plain = path.find('%') == std::string_view::npos &&
                     path.find("//") == std::string_view::npos &&
                     path.find("/.") == std::string_view::npos;
  if (plain) return path;
  storage.clear();
  if (!decode(path, storage)) return util::malformed("path has a bad escape");
  if (!resolve_segments(storage)) return util::malformed("path leads above the root");
  return std::string_view(storage);
}

}  // namespace weir::proxy
