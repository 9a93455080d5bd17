#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "proxy/http_counters.h"
#include "util/metric_families.h"

/// What is exported about requests by route and backend (docs/metrics.md).
namespace weir::proxy_control {

/// A histogram, summed over workers.
struct TimesTotal {
  using Times = proxy::HttpSeries::Times;

  std::array<std::uint64_t, Times::kBuckets> buckets{};
  double sum = 0;

  void add(const Times& times);
  void add(const TimesTotal& other);
  prometheus::ClientMetric::Histogram metric() const;
};

/// HttpSeries, summed over workers.
struct SeriesTotal {
  std::uint64_t requests = 0;
  TimesTotal durations;
  TimesTotal connects;
  TimesTotal headers;
  TimesTotal responses;
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;

  void add(const proxy::HttpSeries& series);
};

/// HttpCounters, summed over workers.
struct RouteTotal {
  std::map<std::uint16_t, SeriesTotal> kinds;  ///< by RequestKind
  std::array<std::uint64_t, static_cast<std::size_t>(proxy::ConnectFailure::Count)>
      connect_failures{};
  std::array<std::uint64_t, static_cast<std::size_t>(proxy::RetryReason::Count)> retries{};
};
using RouteTotals = std::map<proxy::HttpLabels, RouteTotal>;
RouteTotals sum_of_routes(const proxy::HttpRegistry& registry);

/// "namespace/name" of an origin or a backend.
struct SplitName {
  std::string ns;
  std::string name;
};
SplitName split_name(const std::string& text);
/// ingress_namespace, ingress and backend.
util::MetricLabels route_labels(const std::string& origin, const std::string& backend);

void add_http_metrics(util::MetricFamilies& families, const RouteTotals& routes);

}  // namespace weir::proxy_control
