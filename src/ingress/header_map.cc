#include "ingress/header_map.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/text_template.h"
#include "table/describe_text.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

constexpr std::size_t kMostName = 128;        // bytes
constexpr std::size_t kMostValue = 8 * 1024;  // bytes
constexpr const char* kResponseHeaders = "nginx.ingress.kubernetes.io/custom-headers";
constexpr const char* kAuthHeaders = "nginx.ingress.kubernetes.io/auth-proxy-set-headers";

bool is_header_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

/// What frames and routes messages, and says who a client is, is weir's own business.
bool is_reserved(const std::string& name) {
  constexpr std::string_view kReserved[] = {
      "connection", "content-length",    "expect", "host", "keep-alive", "proxy-connection", "te",
      "trailer",    "transfer-encoding", "upgrade"};
  auto lower = lower_case(name);
  std::ranges::replace(lower, '_', '-');
  return lower.starts_with("ssl-client-") ||
         std::ranges::find(kReserved, lower) != std::end(kReserved);
}

/// nullptr: nothing is wrong.
const char* wrong_entry(const std::string& name, std::string_view value) {
  if (!is_header_name(name)) return "is no name of a header, of letters, digits, - and _";
  if (is_reserved(name)) return "is a header that weir itself settles";
  if (value.size() > kMostValue || !table::is_visible_text(value)) {
    return "has a value that no header can have: printable ASCII of at most 8 KiB";
  }
  return nullptr;
}

class Reader {
 public:
  Reader(const kube::Ingress& ingress, const char* annotation, const FindConfigMap& find)
      : ingress_(ingress), annotation_(annotation), find_(find) {}

  NamedHeaders read(const NamespacedName& named, const std::vector<std::string>* allowed) {
    if (!may_use(named, ingress_.meta.ns)) {
      refuse("InvalidAnnotation",
             fmt::format("must be {}/ and the name of a ConfigMap", ingress_.meta.ns));
      return std::move(headers_);
    }
    const auto* config_map = find_(named);
    if (config_map == nullptr) {
      refuse("HeaderMapNotFound", fmt::format("there is no ConfigMap {}", to_string(named)));
      return std::move(headers_);
    }
    auto map = read_header_map(*config_map);
    for (const auto& entry : map.left_out) {
      const auto what =
          fmt::format("ConfigMap {}: {} {}", to_string(named), shortened(entry.name), entry.why);
      // Without it an auth service would be asked something else.
      if (entry.is_variable && allowed != nullptr) {
        add("InvalidHeader", what + "; that header is left out");
      } else {
        refuse("InvalidHeader", what);
      }
    }
    for (const auto& field : map.fields) {
      if (allowed == nullptr || std::ranges::find(*allowed, field.name) != allowed->end()) continue;
      refuse("InvalidHeader",
             fmt::format("ConfigMap {}: {} is not in global-allowed-response-headers of weir's "
                         "ConfigMap",
                         to_string(named), field.name));
    }
    if (!headers_.is_wrong) headers_.fields = std::move(map.fields);
    return std::move(headers_);
  }

 private:
  void add(std::string_view code, std::string message) {
    headers_.problems.push_back({code,
                                 {kube::Kind::Ingress, ingress_.meta.ns, ingress_.meta.name},
                                 fmt::format("metadata.annotations[{}]", annotation_),
                                 std::move(message)});
  }

  void refuse(std::string_view code, const std::string& why) {
    headers_.is_wrong = true;
    add(code, why + "; its paths answer 503");
  }

  const kube::Ingress& ingress_;
  const char* annotation_;
  const FindConfigMap& find_;
  NamedHeaders headers_;
};

}  // namespace

HeaderMap read_header_map(const kube::ConfigMap& config_map) {
  HeaderMap map;
  for (const auto& [name, written] : config_map.data) {
    const auto value = trimmed(written);
    if (const auto* why = wrong_entry(name, value)) {
      map.left_out.push_back({name, why});
      continue;
    }
    auto parts = parse_header_value(value);
    if (!parts) {
      map.left_out.push_back({name, "has a variable of nginx that weir does not know", true});
    } else if (map.fields.size() == table::kMaxHeaderFields) {
      map.left_out.push_back({name, "is one header too many"});
    } else {
      map.fields.push_back({name, *std::move(parts)});
    }
  }
  return map;
}

kube::Object as_kept(kube::Object object, const Options& options) {
  auto* found = std::get_if<kube::ConfigMap>(&object);
  if (found == nullptr) return object;
  const auto named = name_of(found->meta);
  if (options.config_map == named || options.tcp_services == named ||
      options.udp_services == named) {
    return object;
  }
  for (auto& [name, value] : found->data) {
    if (!is_header_name(name)) {
      value.clear();
    } else if (wrong_entry(name, trimmed(value)) != nullptr) {
      value = '\x7f';  // as wrong as it was
    }
  }
  return object;
}

NamedHeaders response_headers_of(const kube::Ingress& ingress, const Policies& policies,
                                 const FindConfigMap& find) {
  const auto& wanted = policies.response_headers;
  if (!wanted.config_map) return {};
  return Reader(ingress, kResponseHeaders, find).read(*wanted.config_map, &wanted.allowed);
}

NamedHeaders auth_headers_of(const kube::Ingress& ingress, const Policies& policies,
                             const FindConfigMap& find) {
  const auto* auth = policies.access.auth();
  if (auth == nullptr || !auth->headers) return {};
  return Reader(ingress, kAuthHeaders, find).read(*auth->headers, nullptr);
}

std::vector<NamespacedName> header_maps_of(const kube::Ingress& ingress, const Policies& policies) {
  std::vector<NamespacedName> names;
  const auto add = [&](const std::optional<NamespacedName>& named) {
    if (named && may_use(*named, ingress.meta.ns)) names.push_back(*named);
  };
  add(policies.response_headers.config_map);
  if (const auto* auth = policies.access.auth()) add(auth->headers);
  return names;
}

}  // namespace weir::ingress
