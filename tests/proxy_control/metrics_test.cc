#include "proxy_control/metrics.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::proxy_control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
  one.requests_by_code[404 - 100].add(2);
  two.requests_by_code[418 - 100].add();
  ControlCounters control;
  control.generation = 12;
  control.connected = true;
  control.resources = {1, 2, 3, 4};

  const auto text = metrics_text({&one, &two}, tunnels, control);

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
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_requests_total{code=\"404\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_requests_total{code=\"418\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_table_generation 12\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_control_connected 1\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_table_resources{kind=\"backend\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_workers 2\n"));
}

TEST(Metrics, EverySeriesIsThereFromTheStart) {
  const proxy::Counters worker;
  proxy::TunnelRegistry tunnels;
  const auto of_route = tunnels.add_counters({"shop/web", "shop/web:80"});
  const auto text = metrics_text({&worker}, tunnels, {});
  for (const char* line :
       {"weir_proxy_connections_accepted_total{listener=\"https\"} 0", "weir_tunnels_limit 0",
        "weir_proxy_tls_handshakes_total{result=\"failed\"} 0",
        "weir_proxy_tls_handshakes_waiting 0", "weir_proxy_tls_staples_total{result=\"expired\"} 0",
        "weir_proxy_upstream_tls_handshakes_total{result=\"failed\"} 0",
        "weir_tunnels_auth_checks_total{result=\"unknown\"} 0",
        "weir_proxy_tls_passthrough_total{result=\"ok\"} 0",
        "weir_proxy_local_answers_total{reason=\"misdirected_request\"} 0",
        "weir_proxy_requests_total{code=\"503\"} 0",
        "weir_proxy_local_answers_total{reason=\"no_route\"} 0",
        "weir_tunnel_close_codes_total{initiator=\"proxy\",code=\"1001\"} 0",
        "weir_proxy_local_answers_total{reason=\"tunnel_limit\"} 0",
        "weir_proxy_control_refusals_total{reason=\"malformed\"} 0",
        "weir_proxy_dns_lookups_total{result=\"failed\"} 0", "weir_proxy_state_writes_total 0",
        "weir_proxy_access_log_dropped_total 0", "weir_proxy_build_info{version=\"0."}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line));
  }
  EXPECT_THAT(text, Not(HasSubstr("\"\"")));  // every closed list has all its names
}

TEST(Metrics, PortsOfTcpAndCopiesAreThereFromTheStart) {
  const proxy::Counters worker;
  const auto text = metrics_text({&worker}, proxy::TunnelRegistry(), {});
  for (const char* line :
       {"weir_proxy_connections_accepted_total{listener=\"tcp\"} 0",
        "weir_proxy_tcp_connections_total{result=\"failed\"} 0", "weir_proxy_tcp_ports_shut 0",
        "weir_proxy_tcp_listen_failures_total 0",
        "weir_proxy_mirrored_total{result=\"left_out\"} 0", "weir_proxy_auth_cache_hits_total 0"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line));
  }
}

TEST(Metrics, CountersAndOnlyTheyEndInTotal) {
  const auto text = metrics_text({}, proxy::TunnelRegistry(), {});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const auto name = line.substr(7, line.find(' ', 7) - 7);
    EXPECT_EQ(name.ends_with("_total"), line.ends_with(" counter")) << line;
    EXPECT_TRUE(name.starts_with("weir_proxy_") || name.starts_with("weir_tunnel") ||
                name.starts_with("weir_drain_"))
        << line;
    EXPECT_THAT(text, HasSubstr("# HELP " + name + " "));
  }
}

}  // namespace
}  // namespace weir::proxy_control
