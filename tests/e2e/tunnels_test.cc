#include "e2e/cluster.h"

namespace weir::test {
namespace {

class ClusterTunnels : public Cluster {
 protected:
  ClusterTunnels() : app_([](Socket& socket) { websocket_echo(socket); }, address_) {}

  bool all_echo(const std::string& message) {
    for (auto& tunnel : tunnels_) {
      if (!tunnel.send(message)) return false;
    }
    for (auto& tunnel : tunnels_) {
      if (tunnel.receive_exactly(message.size()) != message) return false;
    }
    return true;
  }

  Backend app_;
  std::vector<Socket> tunnels_;
};

TEST_F(ClusterTunnels, SurviveOtherPeoplesChanges) {
  const Backend other(always("other"), address_);
  apply(service("app", {app_.port()}) + "---\n" + ingress("app", host("app"), "app"));
  apply(ingress("secure", host("secure"), "app", "tls"));
  apply(manifest::tls_secret("tls", host("secure")));
  start();
  ASSERT_TRUE(shows(host("secure"), "/CN=" + host("secure")));
  ASSERT_TRUE(answers(host("app"), "hello"));
  for (int i = 0; i < 20; ++i) {
    const bool tls = i % 2 == 0;
    auto socket = tls ? Socket::connect_tls(proxy_->ports().https, host("secure"))
                      : Socket::connect(proxy_->ports().http);
    ASSERT_TRUE(open_websocket(socket, tls ? host("secure") : host("app"))) << i;
    tunnels_.push_back(std::move(socket));
  }

  // Each round is live before the next one begins.
  for (int round = 0; round < 10; ++round) {
    const auto name = host("round-" + std::to_string(round));
    apply(manifest::tls_secret("tls", round % 2 == 0 ? host("*") : host("secure")));
    apply(service("other", round % 2 == 0 ? std::vector{other.port()}
                                          : std::vector{other.port(), app_.port()}));
    apply(ingress("other", name, "other"));
    EXPECT_TRUE(eventually([&] { return proxy_->get(name).status == 200; })) << logs();
    EXPECT_TRUE(shows(host("secure"), "/CN=" + (round % 2 == 0 ? host("*") : host("secure"))));
    ASSERT_TRUE(all_echo("round " + std::to_string(round)));
    if (round % 3 == 2) {
      EXPECT_TRUE(remove("Ingress", "other"));
      EXPECT_TRUE(remove("Service", "other"));
      EXPECT_TRUE(answers(name, 404));
    }
  }
  ASSERT_TRUE(all_echo("after the changes"));
  EXPECT_EQ(proxy_->metric("weir_tunnels_active"), 20);
  EXPECT_EQ(proxy_->metric("weir_tunnels_closed_total"), 0);
}

}  // namespace
}  // namespace weir::test
