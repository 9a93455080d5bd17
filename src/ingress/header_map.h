#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingress/names.h"
#include "ingress/options.h"
#include "ingress/policies.h"
#include "kube/objects.h"
#include "kube/problem.h"
#include "table/table.h"

/// Headers that a ConfigMap lists, a name and a value an entry (custom-headers,
/// auth-proxy-set-headers, add-headers, proxy-set-headers).
namespace weir::ingress {

/// nullptr: there is none.
using FindConfigMap = std::function<const kube::ConfigMap*(const NamespacedName&)>;

struct HeaderMap {
  std::vector<table::HeaderField> fields;  ///< by name
  struct LeftOut {
    std::string name;
    const char* why;           ///< "is no name of a header"
    bool is_variable = false;  ///< all that is wrong is a variable of nginx that weir has not
  };
  std::vector<LeftOut> left_out;
};

/// Pure. What cannot be a header, and what frames or routes messages, is left out.
HeaderMap read_header_map(const kube::ConfigMap& config_map);

/// The object as an ObjectStore keeps it. ConfigMaps but for those that options name are kept as
/// headers, for somebody may come to name them: without values that can be none, so those that are
/// something else altogether take no memory.
kube::Object as_kept(kube::Object object, const Options& options);

/// Headers that an annotation of an Ingress asks for.
struct NamedHeaders {
  std::vector<table::HeaderField> fields;
  bool is_wrong = false;  ///< they are not to be had: the Ingress's paths answer 503
  std::vector<kube::Problem> problems;
};

/// custom-headers. Without the annotation there are none.
NamedHeaders response_headers_of(const kube::Ingress& ingress, const Policies& policies,
                                 const FindConfigMap& find);
/// auth-proxy-set-headers, of an auth service of the Ingress's own.
NamedHeaders auth_headers_of(const kube::Ingress& ingress, const Policies& policies,
                             const FindConfigMap& find);

/// The ConfigMaps that the two depend on.
std::vector<NamespacedName> header_maps_of(const kube::Ingress& ingress, const Policies& policies);

}  // namespace weir::ingress
