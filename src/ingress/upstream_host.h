#pragma once

#include <string>
#include <string_view>

#include "ingress/names.h"

/// The Host field that a Service gets (upstream-vhost).
namespace weir::ingress {

/// A host, perhaps with a port, in which $service_name, $service_port and $namespace may stand.
bool is_upstream_host(std::string_view text);

/// That, for a Service. Empty for an empty text.
std::string make_upstream_host(std::string_view text, const BackendKey& backend);

}  // namespace weir::ingress
