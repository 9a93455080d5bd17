#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proxy/counters.h"
#include "proxy/http_counters.h"
#include "proxy/tunnel_registry.h"
#include "proxy_control/control_counters.h"
#include "proxy_control/endpoint_counts.h"
#include "util/metric_families.h"
#include "util/nginx_labels.h"

namespace weir::proxy_control {

/// What a scrape reads.
struct MetricSources {
  std::vector<const proxy::Counters*> workers;
  const proxy::TunnelRegistry& tunnels;
  const proxy::HttpRegistry& http;
  const ControlCounters& control;
  std::map<std::string, EndpointCounts::Count> endpoints;  ///< by backend
};

struct MetricOptions {
  std::size_t most_series = 10'000;                     ///< of a family; the others become one
  std::optional<util::NginxLabels> ingress_nginx = {};  ///< with its names, too
};

/// By family, how many series have been missing at once at most.
using DroppedSeries = std::map<std::string, std::uint64_t>;

/// All of the proxy's metrics, summed over the workers. Every series is there from the start, but
/// for those of routes: they come with the first request or tunnel, and go with the route. For the
/// control thread. `dropped`: kept from scrape to scrape, empty at first.
std::vector<prometheus::MetricFamily> collect_metrics(const MetricSources& sources,
                                                      const MetricOptions& options,
                                                      DroppedSeries& dropped);

}  // namespace weir::proxy_control
