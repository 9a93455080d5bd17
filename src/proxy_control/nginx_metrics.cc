#include "proxy_control/nginx_metrics.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "util/version.h"

namespace weir::proxy_control {

namespace {

using proxy::Counters;
using proxy::RequestKind;
using util::MetricFamilies;
using util::MetricLabels;

/// Adds families with the labels that all of them have.
class Aliases {
 public:
  Aliases(MetricFamilies& families, const util::NginxLabels& labels)
      : families_(families), common_(labels.all()) {}

  void counter(const char* name, const char* help, double value) {
    families_.counter(name, help).add(common_, value);
  }
  void gauge(const char* name, const char* help, double value) {
    families_.gauge(name, help).add(common_, value);
  }

  MetricLabels with(const MetricLabels& more) const {
    auto labels = common_;
    labels.insert(labels.end(), more.begin(), more.end());
    return labels;
  }

 private:
  MetricFamilies& families_;
  const MetricLabels common_;
};

/// "shop" of "default/shop:80".
std::string service_of(const std::string& backend) {
  const auto name = split_name(backend).name;
  return name.substr(0, name.rfind(':'));
}

/// As ingress-nginx names its upstreams: "default-shop-80".
std::string upstream_of(std::string backend) {
  std::ranges::replace(backend, '/', '-');
  std::ranges::replace(backend, ':', '-');
  return backend;
}

/// What no Ingress takes has none there, and so no such labels.
MetricLabels labels_of(const proxy::HttpLabels& route, RequestKind kind) {
  const bool routed = route.origin != proxy::kUnrouted;
  const auto ingress = routed ? split_name(route.origin) : SplitName{};
  return {{"status", kind.code()},
          {"method", kind.method()},
          {"path", routed ? route.path : ""},
          {"namespace", ingress.ns},
          {"ingress", ingress.name},
          {"service", routed ? service_of(route.backend) : ""},
          {"canary", route.canary ? upstream_of(route.backend) : ""}};
}

struct Labelled {
  MetricLabels labels;
  const SeriesTotal* series;
  bool is_tunnel;
};

void add_times(MetricFamilies& families, const std::vector<Labelled>& all, const char* name,
               const char* help, TimesTotal SeriesTotal::*times) {
  families.histogram(name, help);
  for (const auto& one : all) {
    if (!one.is_tunnel) families.add(one.labels, (one.series->*times).metric());
  }
}

/// Of sizes only the sum and the count are known, which is what dashboards ask for.
void add_sizes(MetricFamilies& families, const std::vector<Labelled>& all, const char* name,
               const char* help, std::uint64_t SeriesTotal::*bytes) {
  families.histogram(name, help);
  for (const auto& one : all) {
    prometheus::ClientMetric::Histogram histogram;
    histogram.sample_count = one.series->requests;
    histogram.sample_sum = static_cast<double>(one.series->*bytes);
    histogram.bucket.push_back({histogram.sample_count, std::numeric_limits<double>::infinity()});
    families.add(one.labels, std::move(histogram));
  }
}

void add_requests(MetricFamilies& families, const Aliases& aliases, const RouteTotals& routes) {
  std::vector<Labelled> all;
  for (const auto& [route, total] : routes) {
    for (const auto& [number, series] : total.kinds) {
      const RequestKind kind(number);
      all.push_back({aliases.with(labels_of(route, kind)), &series, kind.is_tunnel()});
    }
  }
  families.counter("nginx_ingress_controller_requests", "As weir_http_requests_total.");
  for (const auto& one : all) {
    families.add(one.labels, static_cast<double>(one.series->requests));
  }
  add_times(families, all, "nginx_ingress_controller_request_duration_seconds",
            "As weir_http_request_duration_seconds.", &SeriesTotal::durations);
  add_times(families, all, "nginx_ingress_controller_response_duration_seconds",
            "From a request's begin towards an endpoint until the end of the answer.",
            &SeriesTotal::responses);
  add_times(families, all, "nginx_ingress_controller_header_duration_seconds",
            "As weir_upstream_response_header_duration_seconds.", &SeriesTotal::headers);
  add_times(families, all, "nginx_ingress_controller_connect_duration_seconds",
            "As weir_upstream_connect_duration_seconds.", &SeriesTotal::connects);
  add_sizes(families, all, "nginx_ingress_controller_request_size",
            "As weir_http_request_bytes_total, with the number of requests.",
            &SeriesTotal::request_bytes);
  add_sizes(families, all, "nginx_ingress_controller_response_size",
            "As weir_http_response_bytes_total, with the number of requests.",
            &SeriesTotal::response_bytes);
  add_sizes(families, all, "nginx_ingress_controller_bytes_sent",
            "The same; ingress-nginx has deprecated this name.", &SeriesTotal::response_bytes);
}

double sum_of(const MetricSources& sources, proxy::Cell Counters::*cell) {
  double sum = 0;
  for (const auto* worker : sources.workers) sum += static_cast<double>((worker->*cell).read());
  return sum;
}

void add_connections(MetricFamilies& families, const Aliases& aliases,
                     const MetricSources& sources) {
  const double active = sum_of(sources, &Counters::connections_open);
  const double reading = sum_of(sources, &Counters::handshakes_under_way);
  double tunnels = 0;
  for (const auto& counted : sources.tunnels.counters()) {
    tunnels += static_cast<double>(counted.counters->open.read());
  }
  const double writing = sum_of(sources, &Counters::requests_in_flight) + tunnels;
  families.gauge("nginx_ingress_controller_nginx_process_connections",
                 "As weir_connections_active; reading: in a TLS handshake, writing: with a request "
                 "or a tunnel, waiting: the others.");
  families.add(aliases.with({{"state", "active"}}), active);
  families.add(aliases.with({{"state", "reading"}}), reading);
  families.add(aliases.with({{"state", "writing"}}), writing);
  families.add(aliases.with({{"state", "waiting"}}), std::max(0.0, active - reading - writing));
  const double accepted = sum_of(sources, &Counters::connections_accepted_http) +
                          sum_of(sources, &Counters::connections_accepted_https);
  const double refused = sum_of(sources, &Counters::connections_refused) +
                         sum_of(sources, &Counters::connections_refused_by_address);
  families.counter("nginx_ingress_controller_nginx_process_connections_total",
                   "As weir_connections_accepted_total; handled: those that were not refused.");
  families.add(aliases.with({{"state", "accepted"}}), accepted);
  families.add(aliases.with({{"state", "handled"}}), std::max(0.0, accepted - refused));
}

void add_process(Aliases& aliases, const MetricSources& sources) {
  double requests = 0;
  for (const auto* worker : sources.workers) {
    for (const auto& cell : worker->requests_by_code) requests += static_cast<double>(cell.read());
  }
  aliases.counter("nginx_ingress_controller_nginx_process_requests_total",
                  "Requests that were answered, with or without an Ingress.", requests);
  const auto use = util::process_use();
  aliases.counter("nginx_ingress_controller_nginx_process_cpu_seconds_total",
                  "As process_cpu_seconds_total of weir-proxy.", use.cpu_seconds);
  aliases.gauge("nginx_ingress_controller_nginx_process_num_procs", "1: weir-proxy is one process.",
                1);
  aliases.gauge("nginx_ingress_controller_nginx_process_oldest_start_time_seconds",
                "As process_start_time_seconds of weir-proxy.", use.start_time);
  aliases.gauge("nginx_ingress_controller_nginx_process_resident_memory_bytes",
                "As process_resident_memory_bytes of weir-proxy.", use.resident_bytes);
  aliases.gauge("nginx_ingress_controller_nginx_process_virtual_memory_bytes",
                "As process_virtual_memory_bytes of weir-proxy.", use.virtual_bytes);
  aliases.counter("nginx_ingress_controller_nginx_process_read_bytes_total",
                  "Bytes that weir-proxy read from storage.", use.bytes_read);
  aliases.counter("nginx_ingress_controller_nginx_process_write_bytes_total",
                  "Bytes that weir-proxy wrote to storage.", use.bytes_written);
}

void add_configuration(Aliases& aliases, const ControlCounters& control) {
  // What a double holds exactly.
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 53U) - 1;
  aliases.gauge("nginx_ingress_controller_config_hash",
                "Of the table that is live: the same wherever that is the same.",
                static_cast<double>(control.table_fingerprint & kMantissa));
  aliases.gauge("nginx_ingress_controller_config_last_reload_successful",
                "As weir_config_last_apply_successful; nothing is reloaded.",
                control.last_update_good ? 1 : 0);
  aliases.gauge("nginx_ingress_controller_config_last_reload_successful_timestamp_seconds",
                "As weir_config_last_apply_success_timestamp_seconds.", control.last_good_update);
  aliases.counter("nginx_ingress_controller_success",
                  "As weir_config_applies_total{result=\"applied\"}; nothing is reloaded.",
                  static_cast<double>(control.updates_applied));
  aliases.counter("nginx_ingress_controller_errors",
                  "As weir_config_applies_total{result=\"rejected\"}; nothing is reloaded.",
                  static_cast<double>(control.updates_rejected));
}

}  // namespace

void add_nginx_metrics(MetricFamilies& families, const util::NginxLabels& labels,
                       const MetricSources& sources, const RouteTotals& routes) {
  Aliases aliases(families, labels);
  add_requests(families, aliases, routes);
  add_connections(families, aliases, sources);
  add_process(aliases, sources);
  add_configuration(aliases, sources.control);
  families.gauge("nginx_ingress_controller_build_info", "As weir_build_info.");
  families.add(
      aliases.with(
          {{"release", util::kVersion}, {"build", util::kVersion}, {"repository", "weir"}}),
      1);
}

}  // namespace weir::proxy_control
