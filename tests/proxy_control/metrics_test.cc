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
  one.tunnels_open.add(3);
  two.tunnels_open.add(4);
  one.requests_by_code[404 - 100].add(2);
  two.requests_by_code[418 - 100].add();
  ControlCounters control;
  control.generation = 12;
  control.connected = true;
  control.resources = {1, 2, 3, 4};

  const auto text = metrics_text({&one, &two}, control);

  EXPECT_THAT(text, HasSubstr("\nweir_proxy_tunnels_open 7\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_requests_total{code=\"404\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_requests_total{code=\"418\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_table_generation 12\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_control_connected 1\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_table_resources{kind=\"backend\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_proxy_workers 2\n"));
}

TEST(Metrics, EverySeriesIsThereFromTheStart) {
  const proxy::Counters worker;
  const auto text = metrics_text({&worker}, {});
  for (const char* line :
       {"weir_proxy_connections_accepted_total{listener=\"https\"} 0",
        "weir_proxy_tls_handshakes_total{result=\"failed\"} 0",
        "weir_proxy_tls_handshakes_waiting 0", "weir_proxy_tls_staples_total{result=\"expired\"} 0",
        "weir_proxy_upstream_tls_handshakes_total{result=\"failed\"} 0",
        "weir_proxy_tls_passthrough_total{result=\"ok\"} 0",
        "weir_proxy_local_answers_total{reason=\"misdirected_request\"} 0",
        "weir_proxy_requests_total{code=\"503\"} 0",
        "weir_proxy_local_answers_total{reason=\"no_route\"} 0",
        "weir_proxy_tunnels_ended_total{reason=\"idle_timeout\"} 0",
        "weir_proxy_tunnel_bytes_total{to=\"client\"} 0",
        "weir_proxy_control_refusals_total{reason=\"malformed\"} 0",
        "weir_proxy_dns_lookups_total{result=\"failed\"} 0", "weir_proxy_state_writes_total 0",
        "weir_proxy_build_info{version=\"0."}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line));
  }
  EXPECT_THAT(text, Not(HasSubstr("\"\"")));  // every closed list has all its names
}

TEST(Metrics, CountersAndOnlyTheyEndInTotal) {
  const auto text = metrics_text({}, {});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const auto name = line.substr(7, line.find(' ', 7) - 7);
    EXPECT_EQ(name.ends_with("_total"), line.ends_with(" counter")) << line;
    EXPECT_TRUE(name.starts_with("weir_proxy_")) << line;
    EXPECT_THAT(text, HasSubstr("# HELP " + name + " "));
  }
}

}  // namespace
}  // namespace weir::proxy_control
