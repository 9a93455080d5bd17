#include "proxy_control/metrics.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::proxy_control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A scrape as text.
std::string scrape(std::vector<const proxy::Counters*> workers,
                   const proxy::TunnelRegistry& tunnels = proxy::TunnelRegistry(),
                   const ControlCounters& control = {},
                   const proxy::HttpRegistry& http = proxy::HttpRegistry(100),
                   const MetricOptions& options = {}) {
  DroppedSeries dropped;
  MetricSources sources{std::move(workers), tunnels, http, control, {}};
  sources.endpoints["shop/web:80"] = {.ready = 3, .draining = 1, .ejected = 2};
  return util::metrics_text(collect_metrics(sources, options, dropped), util::MetricsFormat::Text);
}

TEST(Metrics, SumsTheWorkers) {
  proxy::Counters one;
  proxy::Counters two;
  proxy::TunnelRegistry tunnels;
  const auto here = tunnels.add_counters({"shop/web", "shop/web:80"});
  const auto there = tunnels.add_counters({"shop/web", "shop/web:80"});
  here->open.add(3);
  there->open.add(4);
  here->durations.add(std::chrono::milliseconds(10'250));
  there->durations.add(std::chrono::milliseconds(10'250));
  here->durations.add(std::chrono::hours(25));
  here->handshakes.add(std::chrono::milliseconds(5));
  here->handshakes_failed.add(2);
  there->pings.add(std::chrono::milliseconds(30));
  there->from[1].stalled_us.add(2'500'000);
  one.handshakes_refused[static_cast<std::size_t>(proxy::AnswerReason::OriginDenied)].add(4);
  two.drained_tunnels.add(5);
  two.drain_cut_tunnels.add(2);
  two.tunnel_close_codes[1][1].add(5);
  ControlCounters control;
  control.generation = 12;
  control.connected = true;
  control.resources = {1, 2, 3, 4};

  const auto text = scrape({&one, &two}, tunnels, control);

  const std::string labels = "{ingress_namespace=\"shop\",ingress=\"web\",backend=\"shop/web:80\"";
  EXPECT_THAT(text, HasSubstr("\nweir_tunnels_active" + labels + "} 7\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_tunnels_closed_total" + labels +
                              ",initiator=\"proxy\",reason=\"idle_timeout\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_tunnel_bytes_total" + labels +
                              ",direction=\"client_to_backend\"} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("\nweir_tunnel_duration_seconds_bucket" + labels + ",le=\"10\"} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("\nweir_tunnel_duration_seconds_bucket" + labels + ",le=\"60\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("\nweir_tunnel_duration_seconds_bucket" + labels + ",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_tunnel_duration_seconds_sum" + labels + "} 90020.5\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_tunnel_handshakes_total" + labels + ",result=\"ok\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("\nweir_tunnel_handshakes_total" + labels + ",result=\"failed\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_tunnel_handshake_duration_seconds_bucket" + labels +
                              ",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("\nweir_tunnel_ping_rtt_seconds_bucket" + labels + ",le=\"0.025\"} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("\nweir_tunnel_ping_rtt_seconds_bucket" + labels + ",le=\"0.05\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_tunnel_stall_seconds_total" + labels +
                              ",direction=\"backend_to_client\"} 2.5\n"));
  EXPECT_THAT(text,
              HasSubstr("\nweir_tunnel_handshake_failures_total{reason=\"origin_denied\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_drain_closed_total{kind=\"tunnel\",result=\"clean\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_drain_closed_total{kind=\"tunnel\",result=\"forced\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_draining 0\n"));
  EXPECT_THAT(
      text, HasSubstr("\nweir_tunnel_close_codes_total{initiator=\"backend\",code=\"1001\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_config_generation 12\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_channel_connected 1\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_connections_active{protocol=\"tunnel\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_upstream_endpoints{backend=\"shop/web:80\",state=\"ready\"} "
                              "3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_table_resources{kind=\"backend\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_workers 2\n"));
}

TEST(Metrics, EverySeriesIsThereFromTheStart) {
  const proxy::Counters worker;
  proxy::TunnelRegistry tunnels;
  const auto of_route = tunnels.add_counters({"shop/web", "shop/web:80"});
  const auto text = scrape({&worker}, tunnels);
  for (const char* line :
       {"weir_connections_accepted_total{listener=\"https\"} 0",
        "weir_tunnels_limit 0",
        "weir_connections_closed_total{reason=\"drain\"} 0",
        "weir_connections_rejected_total{reason=\"address_limit\"} 0",
        "weir_tls_handshakes_total{resumed=\"true\"} 0",
        "weir_tls_handshake_failures_total{reason=\"unknown_sni\"} 0",
        "weir_proxy_tls_handshakes_waiting 0",
        "weir_proxy_tls_staples_total{result=\"expired\"} 0",
        "weir_proxy_upstream_tls_handshakes_total{result=\"failed\"} 0",
        "weir_tunnels_auth_checks_total{result=\"unknown\"} 0",
        "weir_proxy_tls_passthrough_total{result=\"ok\"} 0",
        "weir_http_local_responses_total{reason=\"misdirected_request\"} 0",
        "weir_http_local_responses_total{reason=\"no_route\"} 0",
        "weir_tunnel_close_codes_total{initiator=\"proxy\",code=\"1001\"} 0",
        "weir_config_applies_total{result=\"rejected\"} 0",
        "weir_config_last_apply_successful 0",
        "weir_config_apply_duration_seconds_count 0",
        "weir_channel_refusals_total{reason=\"malformed\"} 0",
        "weir_proxy_dns_lookups_total{result=\"failed\"} 0",
        "weir_proxy_state_writes_total 0",
        "weir_proxy_access_log_dropped_total 0",
        "weir_metrics_dropped_series_total{family=\"weir_http_requests_total\"} 0",
        "weir_build_info{component=\"proxy\",version=\"0."}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line));
  }
  EXPECT_THAT(text, Not(HasSubstr("\"\"")));  // every closed list has all its names
}

TEST(Metrics, PortsOfTcpAndCopiesAreThereFromTheStart) {
  const proxy::Counters worker;
  const auto text = scrape({&worker});
  for (const char* line :
       {"weir_connections_accepted_total{listener=\"tcp\"} 0",
        "weir_proxy_tcp_connections_total{result=\"failed\"} 0", "weir_proxy_tcp_ports_shut 0",
        "weir_proxy_tcp_listen_failures_total 0",
        "weir_proxy_mirrored_total{result=\"left_out\"} 0", "weir_proxy_auth_cache_hits_total 0"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line));
  }
}

TEST(Metrics, CountersAndOnlyTheyEndInTotal) {
  const auto text = scrape({});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const auto name = line.substr(7, line.find(' ', 7) - 7);
    EXPECT_EQ(name.ends_with("_total"), line.ends_with(" counter")) << line;
    EXPECT_TRUE(name.starts_with("weir_") || name.starts_with("process_")) << line;
    EXPECT_THAT(text, HasSubstr("# HELP " + name + " "));
  }
}

/// What one worker has counted for a route.
class CountedRequests : public testing::Test {
 protected:
  CountedRequests() : book_(registry_) {}
  void request(const std::shared_ptr<proxy::HttpCounters>& of, std::string_view method,
               int status) {
    proxy::RequestTally tally;
    tally.counters = of.get();
    tally.method = proxy::RequestKind::number_of(method);
    tally.status = status;
    tally.begun = proxy::RequestTally::TimePoint{};
    tally.upstream_begun = tally.begun + std::chrono::milliseconds(1);
    tally.connect_took = std::chrono::milliseconds(2);
    tally.header_took = std::chrono::milliseconds(7);
    tally.request_bytes = 100;
    tally.response_bytes = 1000;
    tally.count(tally.begun + std::chrono::milliseconds(30));
  }
  std::string scrape_all(const MetricOptions& options = {}) const {
    return scrape({}, proxy::TunnelRegistry(), {}, registry_, options);
  }

  proxy::HttpRegistry registry_{4};
  proxy::HttpBook book_;
  proxy::HttpLabels labels_{"shop/web", "shop/cart:80", "/cart", false};
};

TEST_F(CountedRequests, AreToldByRouteMethodAndCode) {
  const auto here = book_.open(labels_);
  const auto there = book_.open(labels_);
  request(here, "GET", 200);
  request(there, "GET", 200);
  request(there, "BREW", 299);
  request(here, "POST", 0);  // the client left
  here->connect_failures[static_cast<std::size_t>(proxy::ConnectFailure::Refused)].add(4);
  here->retries[static_cast<std::size_t>(proxy::RetryReason::Stale)].add(5);

  const auto text = scrape_all();

  const std::string labels = "{ingress_namespace=\"shop\",ingress=\"web\",backend=\"shop/cart:80\"";
  for (const std::string& line :
       {"weir_http_requests_total" + labels + ",method=\"GET\",code=\"200\"} 2",
        "weir_http_requests_total" + labels + ",method=\"OTHER\",code=\"2xx\"} 1",
        "weir_http_requests_total" + labels + ",method=\"POST\",code=\"499\"} 1",
        "weir_http_request_duration_seconds_bucket" + labels +
            ",code_class=\"2xx\",le=\"0.025\"} 0",
        "weir_http_request_duration_seconds_bucket" + labels + ",code_class=\"2xx\",le=\"0.05\"} 3",
        "weir_http_request_duration_seconds_count" + labels + ",code_class=\"4xx\"} 1",
        "weir_http_request_bytes_total" + labels + "} 400",
        "weir_http_response_bytes_total" + labels + "} 4000",
        "weir_upstream_connect_duration_seconds_count" + labels + "} 4",
        "weir_upstream_response_header_duration_seconds_bucket" + labels + ",le=\"0.005\"} 0",
        "weir_upstream_connect_failures_total" + labels + ",reason=\"refused\"} 4",
        "weir_upstream_connect_failures_total" + labels + ",reason=\"tls\"} 0",
        "weir_upstream_retries_total" + labels + ",reason=\"stale\"} 5"}) {
    EXPECT_THAT(text, HasSubstr("\n" + line + "\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr("nginx_")));
}

TEST_F(CountedRequests, GoWithTheirRoute) {
  auto counters = book_.open(labels_);
  request(counters, "GET", 200);
  EXPECT_THAT(scrape_all(), HasSubstr("shop/cart:80\",method"));
  counters.reset();
  EXPECT_THAT(scrape_all(), Not(HasSubstr("shop/cart:80\",method")));
  EXPECT_EQ(registry_.dropped(), 0U);
}

TEST_F(CountedRequests, AreBoundedAndTheOthersCountTogether) {
  const auto known = book_.open(labels_);
  for (const int status : {200, 201, 202, 204}) request(known, "GET", status);
  const auto late = book_.open({"shop/late", "shop/late:80", "/", false});
  request(late, "GET", 200);
  request(late, "GET", 200);

  const auto text = scrape_all();

  EXPECT_THAT(text, Not(HasSubstr("ingress=\"late\",backend=\"shop/late:80\",method")));
  EXPECT_THAT(
      text, HasSubstr("\nweir_http_requests_total{ingress_namespace=\"_other\",ingress=\"_other\","
                      "backend=\"_other\",method=\"GET\",code=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_metrics_dropped_series_total{family="
                              "\"weir_http_requests_total\"} 1\n"));
}

TEST_F(CountedRequests, HaveIngressNginxsNamesIfAskedFor) {
  const auto canary = book_.open({"shop/web", "shop/next:80", "/cart", true});
  const auto stable = book_.open(labels_);
  request(canary, "GET", 500);
  request(stable, "GET", 101);

  const auto text =
      scrape_all({.ingress_nginx = util::NginxLabels{"example/class", "weir", "pod-1"}});

  const std::string common =
      "{controller_class=\"example/class\",controller_namespace=\"weir\",controller_pod=\"pod-1\"";
  const auto of = [&](const std::string& status, const std::string& service,
                      const std::string& upstream) {
    return common + ",status=\"" + status +
           "\",method=\"GET\",path=\"/cart\",namespace=\"shop\",ingress=\"web\",service=\"" +
           service + "\",canary=\"" + upstream + "\"";
  };
  for (const std::string& line :
       {"nginx_ingress_controller_requests" + of("500", "next", "shop-next-80") + "} 1",
        "nginx_ingress_controller_requests" + of("101", "cart", "") + "} 1",
        "nginx_ingress_controller_request_duration_seconds_count" +
            of("500", "next", "shop-next-80") + "} 1",
        "nginx_ingress_controller_response_size_sum" + of("500", "next", "shop-next-80") + "} 1000",
        "nginx_ingress_controller_nginx_process_connections" + common + ",state=\"active\"} 0",
        "nginx_ingress_controller_config_last_reload_successful" + common + "} 0"}) {
    EXPECT_THAT(text, HasSubstr("\n" + line + "\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr("request_duration_seconds_count" + of("101", "cart", ""))));
}

}  // namespace
}  // namespace weir::proxy_control
