#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controller/metrics.h"
#include "controller/object_metrics.h"
#include "ingress/translator.h"
#include "proxy_control/metrics.h"
#include "support/weir.h"

/// docs/metrics.md is what both programs export of a small example.
namespace weir {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Families = std::vector<MetricFamily>;

constexpr const char* kExample = "example";
const util::NginxLabels kNginx{kExample, kExample, kExample};

Families of_proxy() {
  proxy::Counters worker;
  proxy::TunnelRegistry tunnels;
  const auto of_route = tunnels.add_counters({"example/example", "example/example:80"});
  proxy::HttpRegistry http(100);
  const proxy::HttpBook book(http);
  const auto requests = book.open({"example/example", "example/example:80", "/example", false});
  requests->of(proxy::RequestKind(1, 200)).requests.add();
  const proxy_control::ControlCounters control;
  const proxy_control::MetricSources sources{
      {&worker}, tunnels, http, control, {{"example/example:80", {}}}};
  proxy_control::MetricOptions options;
  options.ingress_nginx = kNginx;
  proxy_control::DroppedSeries dropped;
  return proxy_control::collect_metrics(sources, options, dropped);
}

kube::SourceEvents objects() {
  const auto pair = test::make_key_pair("example.com");
  kube::Secret secret;
  secret.meta.ns = secret.meta.name = kExample;
  secret.data = {{"tls.crt", pair.certificate}, {"tls.key", pair.key}};
  kube::Ingress ingress;
  ingress.meta.ns = ingress.meta.name = kExample;
  ingress.rules = {{"example.com", {{"/", kube::PathType::Prefix, {kExample, {}, false}}}}};
  ingress.tls = {{{"example.com"}, kExample}};
  kube::SourceEvents events;
  events.upserts = {secret, ingress};
  return events;
}

kube::ApiStats::Numbers api_numbers() {
  kube::ApiStats stats;
  stats.requested("GET", 200, {});
  stats.retried("GET", 401);
  stats.watches(kube::Kind::Ingress);
  return stats.now();
}

Families of_controller() {
  ingress::Options options;
  options.serve_classless = true;
  ingress::Translator translator(options);
  controller::ProblemSet problems;
  for (const auto& problem : translator.apply(objects()).appeared) problems.insert(problem);
  controller::Metrics metrics;
  metrics.problem_appeared("ServiceNotFound");
  metrics.frame_refused("malformed");
  metrics.set_election("weir-leader");
  util::MetricFamilies families;
  controller::add_ingress_metrics(families, translator, problems);
  controller::add_certificate_metrics(families, translator);
  controller::add_api_metrics(families, api_numbers(), kExample);
  util::add_process_metrics(families);
  controller::add_nginx_metrics(families, kNginx, translator, problems, /*leads=*/true);
  controller::add_nginx_election(families, kNginx, "weir-leader", true);
  auto all = metrics.collect();
  for (auto& family : families.take()) all.push_back(std::move(family));
  return all;
}

const char* name_of(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Histogram:
      return "histogram";
    default:
      return "gauge";
  }
}

/// "`reason` (one of: a, b)".
std::string labels_of(const MetricFamily& family) {
  std::string text;
  if (family.metric.empty()) return text;
  for (std::size_t i = 0; i < family.metric.front().label.size(); ++i) {
    const auto& name = family.metric.front().label[i].name;
    std::vector<std::string> values;
    for (const auto& metric : family.metric) {
      const auto& value = metric.label[i].value;
      if (std::ranges::find(values, value) == values.end()) values.push_back(value);
    }
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", name);
    const std::set<std::string> fixed{"protocol", "listener",  "reason",       "result",
                                      "state",    "kind",      "resumed",      "initiator",
                                      "code",     "direction", "opcode_class", "component"};
    if (fixed.contains(name) && values.size() > 1) {
      text += fmt::format(" ({})", fmt::join(values, ", "));
    }
  }
  return text;
}

std::string table(const Families& families, bool nginx) {
  std::string text = "| Name | Type | Labels | What |\n| --- | --- | --- | --- |\n";
  std::vector<std::string> rows;
  for (const auto& family : families) {
    if (family.name.starts_with("nginx_") != nginx) continue;
    std::string help = family.help;
    if (!help.ends_with('.')) help += '.';
    rows.push_back(fmt::format("| `{}` | {} | {} | {} |\n", family.name, name_of(family.type),
                               labels_of(family), help));
  }
  std::ranges::sort(rows);
  for (const auto& row : rows) text += row;
  return text;
}

std::string reference() {
  const auto proxy = of_proxy();
  const auto controller = of_controller();
  return fmt::format(
      R"(# Metrics

<!-- Made by tests/metrics/reference_test.cc of what the programs export. -->

weir-proxy answers `/metrics` on `--admin` (port 10254 in the chart), weir-controller on `--metrics-listen` (10253): Prometheus' text format 0.0.4, or
OpenMetrics 1.0.0 for a scrape that prefers it by `Accept`. What can be watched with them: [alerts.md](alerts.md), and the chart's dashboards.

- Values of labels come from configuration or from closed lists, never from a request: a method that is not of HTTP's is `OTHER`, a status that has
  no meaning of its own is told by its class (`4xx`), a request that no route takes has `_` for all three of `ingress_namespace`, `ingress` and `backend`.
- Series of closed lists are there from the start, with 0. Those of a route come with its first request or tunnel, and go with the route.
- A metric has at most `--metrics-max-series-per-family` (10 000) series: further routes count together, as `_other`, and
  `weir_metrics_dropped_series_total` counts what is missing so.
- Times of requests are as exact as a turn of a worker's loop. Of a request that takes long, its bytes are counted when it has ended; a tunnel's are while it lives.
- `nginx_ingress_controller_…` are there with `--metrics-compat=ingress-nginx`, which is the chart's default (`controller.metrics.compat.ingressNginx`): ingress-nginx's
  dashboards and alerts go on. Sizes have a sum and a count and no buckets, there is no label `host`, nothing is ever reloaded, and what its admission webhook tells is not there.
  In OpenMetrics its counters are of type `unknown`, for their names do not end as those of counters have to. Leave `honorLabels` false: the dashboards want
  `exported_namespace`.

## weir-proxy

{}
## weir-controller

Those about the API server (`rest_client_…`, `weir_kube_watch_…`, `weir_kube_relists_total`, `weir_kube_last_event_…`) are not there if objects come from a folder,
`leader_election_master_status` and `weir_status_writes_total` tell something where status is written.

{}
## ingress-nginx's names, of weir-proxy

{}
## ingress-nginx's names, of weir-controller

{})",
      table(proxy, false), table(controller, false), table(proxy, true), table(controller, true));
}

TEST(MetricsReference, IsWhatIsExported) {
  std::ostringstream page;
  page << std::ifstream(WEIR_DOCS "/metrics.md").rdbuf();
  const auto made = reference();
  if (page.str() != made) {
    std::ofstream("metrics.md") << made;
    FAIL() << "docs/metrics.md is not what the programs export; what is to be there is in the "
              "working folder's metrics.md";
  }
}

/// So that what is said of them above is true.
TEST(MetricsReference, EveryFamilyIsExplainedAndOnce) {
  for (const auto& families : {of_proxy(), of_controller()}) {
    std::set<std::string> names;
    for (const auto& family : families) {
      EXPECT_TRUE(names.insert(family.name).second) << family.name;
      EXPECT_FALSE(family.help.empty()) << family.name;
      EXPECT_FALSE(family.metric.empty()) << family.name;
      EXPECT_EQ(family.type == MetricType::Counter && !family.name.starts_with("nginx_"),
                family.name.ends_with("_total") && !family.name.starts_with("nginx_"))
          << family.name;
    }
  }
}

}  // namespace
}  // namespace weir
