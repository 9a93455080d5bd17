#pragma once

#include <vector>

#include "ingress/global_settings.h"
#include "ingress/names.h"
#include "ingress/object_store.h"
#include "ingress/options.h"
#include "kube/problem.h"
#include "table/table.h"

/// Ports of TCP that go on to Services, as a ConfigMap lists them (--tcp-services-configmap): the
/// port, and "namespace/service:port", with ":PROXY" behind it for clients that send a PROXY header
/// and once more for a Service that gets one.
namespace weir::ingress {

struct TcpServices {
  std::vector<table::TcpService> services;  ///< by port
  std::vector<BackendKey> backends;         ///< of those; sorted, no duplicates
  /// About this ConfigMap, and about that of UDP services, which are not served.
  std::vector<kube::Problem> problems;
};

/// Without such ConfigMaps there is nothing. An entry that is wrong is left out, with a problem.
TcpServices read_tcp_services(const Options& options, const GlobalSettings& global,
                              const ObjectStore& store);

}  // namespace weir::ingress
