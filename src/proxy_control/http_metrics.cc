#include "proxy_control/http_metrics.h"

#include <limits>
#include <string>
#include <utility>

namespace weir::proxy_control {

using proxy::RequestKind;
using util::MetricFamilies;
using util::MetricLabels;

void TimesTotal::add(const Times& times) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += times.count(i);
  sum += times.sum_in_seconds();
}

void TimesTotal::add(const TimesTotal& other) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  sum += other.sum;
}

prometheus::ClientMetric::Histogram TimesTotal::metric() const {
  prometheus::ClientMetric::Histogram histogram;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    histogram.sample_count += buckets[i];
    const bool is_last = i + 1 == buckets.size();
    histogram.bucket.push_back(
        {histogram.sample_count,
         is_last ? std::numeric_limits<double>::infinity() : Times::bound(i)});
  }
  histogram.sample_sum = sum;
  return histogram;
}

void SeriesTotal::add(const proxy::HttpSeries& series) {
  requests += series.requests.read();
  durations.add(series.durations);
  connects.add(series.connects);
  headers.add(series.headers);
  responses.add(series.responses);
  request_bytes += series.request_bytes.read();
  response_bytes += series.response_bytes.read();
}

RouteTotals sum_of_routes(const proxy::HttpRegistry& registry) {
  RouteTotals routes;
  for (const auto& counters : registry.counters()) {
    auto& route = routes[counters->labels()];
    counters->for_each([&](RequestKind kind, const proxy::HttpSeries& series) {
      route.kinds[kind.number()].add(series);
    });
    for (std::size_t i = 0; i < route.connect_failures.size(); ++i) {
      route.connect_failures[i] += counters->connect_failures[i].read();
    }
    for (std::size_t i = 0; i < route.retries.size(); ++i) {
      route.retries[i] += counters->retries[i].read();
    }
  }
  return routes;
}

SplitName split_name(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {text, ""};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

MetricLabels route_labels(const std::string& origin, const std::string& backend) {
  auto [ns, name] = split_name(origin);
  return {{"ingress_namespace", std::move(ns)}, {"ingress", std::move(name)}, {"backend", backend}};
}

namespace {

/// One that the routes of an Ingress to a backend have together.
struct PairTotal {
  std::map<std::uint16_t, std::uint64_t> requests;  // by RequestKind
  std::map<std::string, TimesTotal> durations;      // by class of status
  TimesTotal connects;
  TimesTotal headers;
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  decltype(RouteTotal::connect_failures) connect_failures{};
  decltype(RouteTotal::retries) retries{};

  void add(const RouteTotal& route) {
    for (const auto& [number, series] : route.kinds) {
      const RequestKind kind(number);
      requests[number] += series.requests;
      if (!kind.is_tunnel()) durations[kind.code_class()].add(series.durations);
      connects.add(series.connects);
      headers.add(series.headers);
      request_bytes += series.request_bytes;
      response_bytes += series.response_bytes;
    }
    for (std::size_t i = 0; i < retries.size(); ++i) retries[i] += route.retries[i];
    for (std::size_t i = 0; i < connect_failures.size(); ++i) {
      connect_failures[i] += route.connect_failures[i];
    }
  }
};

struct LabelledPair {
  MetricLabels labels;
  PairTotal total;
};

MetricLabels with(MetricLabels labels, const char* name, std::string value) {
  labels.push_back({name, std::move(value)});
  return labels;
}

template <class Value>
void add_of_each(MetricFamilies& families, const std::vector<LabelledPair>& pairs, Value value) {
  for (const auto& pair : pairs) families.add(pair.labels, value(pair.total));
}

void add_requests(MetricFamilies& families, const std::vector<LabelledPair>& pairs) {
  families.counter("weir_http_requests_total",
                   "Requests that have ended, tunnels that were opened among them.");
  for (const auto& pair : pairs) {
    for (const auto& [number, count] : pair.total.requests) {
      const RequestKind kind(number);
      families.add(with(with(pair.labels, "method", kind.method()), "code", kind.code()),
                   static_cast<double>(count));
    }
  }
  families.histogram("weir_http_request_duration_seconds",
                     "From a request's head until the end of its answer; without tunnels.");
  for (const auto& pair : pairs) {
    for (const auto& [code_class, times] : pair.total.durations) {
      families.add(with(pair.labels, "code_class", code_class), times.metric());
    }
  }
  families.counter("weir_http_request_bytes_total",
                   "Heads and contents of requests, counted when the request has ended.");
  add_of_each(families, pairs,
              [](const PairTotal& total) { return static_cast<double>(total.request_bytes); });
  families.counter("weir_http_response_bytes_total",
                   "Answers as clients get them, counted when the request has ended.");
  add_of_each(families, pairs,
              [](const PairTotal& total) { return static_cast<double>(total.response_bytes); });
}

void add_upstream(MetricFamilies& families, const std::vector<LabelledPair>& pairs) {
  families.histogram(
      "weir_upstream_connect_duration_seconds",
      "How long requests waited for a new connection to an endpoint, with its TLS handshake.");
  add_of_each(families, pairs, [](const PairTotal& total) { return total.connects.metric(); });
  families.histogram("weir_upstream_response_header_duration_seconds",
                     "From a request's begin towards an endpoint until the head of the answer.");
  add_of_each(families, pairs, [](const PairTotal& total) { return total.headers.metric(); });
  families.counter("weir_upstream_connect_failures_total",
                   "Connections to endpoints that did not come about for a request, by why.");
  for (const auto& pair : pairs) {
    for (std::size_t i = 0; i < pair.total.connect_failures.size(); ++i) {
      families.add(
          with(pair.labels, "reason", proxy::failure_name(static_cast<proxy::ConnectFailure>(i))),
          static_cast<double>(pair.total.connect_failures[i]));
    }
  }
  families.counter("weir_upstream_retries_total", "Requests that were sent again, by why.");
  for (const auto& pair : pairs) {
    for (std::size_t i = 0; i < pair.total.retries.size(); ++i) {
      families.add(
          with(pair.labels, "reason", proxy::retry_name(static_cast<proxy::RetryReason>(i))),
          static_cast<double>(pair.total.retries[i]));
    }
  }
}

}  // namespace

void add_http_metrics(MetricFamilies& families, const RouteTotals& routes) {
  std::map<std::pair<std::string, std::string>, PairTotal> totals;
  for (const auto& [labels, route] : routes) totals[{labels.origin, labels.backend}].add(route);
  std::vector<LabelledPair> pairs;
  for (auto& [names, total] : totals) {
    pairs.push_back({route_labels(names.first, names.second), std::move(total)});
  }
  add_requests(families, pairs);
  add_upstream(families, pairs);
}

}  // namespace weir::proxy_control
