#include "ingress/names.h"

#include <algorithm>

#include <boost/container_hash/hash.hpp>

namespace weir::ingress {

namespace {

constexpr std::size_t kMaxHost = 253;   // RFC 1035 §2.3.4, as text
constexpr std::size_t kMaxLabel = 63;   // RFC 1035 §2.3.4
constexpr std::size_t kMaxPath = 4096;  // longer than any request target that the proxy takes apart

bool is_label_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

}  // namespace

std::size_t NamespacedNameHash::operator()(const NamespacedName& name) const {
  std::size_t seed = 0;
  boost::hash_combine(seed, name.ns);
  boost::hash_combine(seed, name.name);
  return seed;
}

std::string to_string(const NamespacedName& name) {
  return name.ns + '/' + name.name;
}

std::string to_string(const BackendKey& key) {
  std::string text = to_string(key.service);
  if (!key.port.empty()) text += ':' + key.port;
  return text;
}

std::optional<BackendKey> backend_key(const std::string& ns, const kube::IngressBackend& backend) {
  if (backend.is_resource || backend.service.empty()) return std::nullopt;
  return BackendKey{
      {ns, backend.service},
      backend.port.name.empty() ? std::to_string(backend.port.number) : backend.port.name};
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

bool is_valid_host(std::string_view host) {
  if (host.size() > kMaxHost) return false;
  if (host.starts_with("*.")) host.remove_prefix(2);
  std::size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!is_label_byte(c) || ++label > kMaxLabel) {
      return false;
    }
  }
  return label > 0;
}

std::string wildcard_of(std::string_view host) {
  const auto dot = host.find('.');
  return dot == host.npos ? std::string() : '*' + std::string(host.substr(dot));
}

bool is_valid_path(std::string_view path) {
  return path.starts_with('/') && path.size() <= kMaxPath &&
         std::none_of(path.begin(), path.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
         });
}

}  // namespace weir::ingress
