#include <atomic>
#include <csignal>

#include <gtest/gtest.h>

#include "support/temp_folder.h"
#include "support/websocket_peer.h"
#include "support/weir.h"

namespace weir::test {
namespace {

void echo(Socket& socket) {
  websocket_echo(socket);
}

/// A folder with a Service "app" in front of `port`, reached as app.example, TLS included.
class Tunnels : public testing::Test {
 protected:
  Tunnels() : app_(echo), other_(echo) {
    folder_.replace("app.yaml", manifest::service("app", {app_.port()}) + "---\n" +
                                    manifest::ingress("app", "app.example", "app"));
    folder_.replace("secure.yaml",
                    manifest::ingress("secure", "secure.example", "app", "secure-tls"));
    folder_.replace("secret.yaml", manifest::tls_secret("secure-tls", "secure.example"));
    source_ = "dir:" + folder_.path();
    socket_ = runtime_.path("weir.sock");
  }

  /// 200 tunnels, a quarter of them over TLS.
  void open_tunnels(const ProxyProcess& proxy, int count = 200) {
    for (int i = 0; i < count; ++i) {
      const bool tls = i % 4 == 0;
      auto socket = tls ? Socket::connect_tls(proxy.ports().https, "secure.example")
                        : Socket::connect(proxy.ports().http);
      ASSERT_TRUE(open_websocket(socket, tls ? "secure.example" : "app.example")) << i;
      tunnels_.push_back(std::move(socket));
    }
  }

  /// Every tunnel carries a message there and back; false names none that failed.
  bool all_echo(const std::string& message) {
    for (auto& tunnel : tunnels_) {
      if (!tunnel.send(message)) return false;
    }
    for (auto& tunnel : tunnels_) {
      if (tunnel.receive_exactly(message.size()) != message) return false;
    }
    return true;
  }

  /// One of the changes that other people make all day.
  void change_something(int i) {
    const auto id = std::to_string(i % 7);
    switch (i % 3) {
      case 0:
        if (i % 2 == 0) {
          folder_.replace("other-" + id + ".yaml",
                          manifest::ingress("other-" + id, "other-" + id + ".example", "other"));
        } else {
          folder_.remove("other-" + id + ".yaml");
        }
        break;
      case 1:
        folder_.replace("secret.yaml", manifest::tls_secret("secure-tls", "secure.example"));
        break;
      default:
        folder_.replace(
            "other.yaml",
            manifest::service("other", i % 2 == 0 ? std::vector{other_.port()}
                                                  : std::vector{other_.port(), app_.port()}));
    }
  }

  /// Takes the other hosts away and waits until the proxy runs all that was written.
  void settle(const ProxyProcess& proxy) {
    for (int i = 0; i < 7; ++i) folder_.remove("other-" + std::to_string(i) + ".yaml");
    for (int i = 0; i < 7; ++i) {
      const auto host = "other-" + std::to_string(i) + ".example";
      ASSERT_TRUE(eventually([&] { return proxy.get(host).status == 404; })) << host;
    }
    const auto updates = proxy.metric("weir_config_applies_total");
    folder_.replace("secret.yaml", manifest::tls_secret("secure-tls", "secure.example"));
    ASSERT_TRUE(eventually([&] { return proxy.metric("weir_config_applies_total") > updates; }));
  }

  Backend app_;
  Backend other_;
  TempFolder folder_;
  TempFolder runtime_;
  std::string source_;
  std::string socket_;
  std::vector<Socket> tunnels_;
};

TEST_F(Tunnels, SurviveOtherPeoplesChangesAndTheControllersDeath) {
  auto controller = std::make_unique<ControllerProcess>(source_, socket_);
  ProxyProcess proxy(socket_, {"--threads", "2"});
  ASSERT_TRUE(proxy.wait_ready()) << proxy.process().output();
  open_tunnels(proxy);
  ASSERT_TRUE(all_echo("before"));

  // Changes go on while messages go back and forth; each is seen live before the next is made.
  const auto updates_before = proxy.metric("weir_config_applies_total");
  for (int i = 0; i < 300; ++i) {
    const auto updates = proxy.metric("weir_config_applies_total");
    change_something(i);
    if (i % 20 == 0) {
      ASSERT_TRUE(all_echo("change " + std::to_string(i))) << i;
    }
    // A removal of what is not there changes nothing.
    if (i % 3 == 1) {
      ASSERT_TRUE(eventually([&] { return proxy.metric("weir_config_applies_total") > updates; }))
          << i << '\n'
          << controller->process().output();
    }
  }
  EXPECT_GE(proxy.metric("weir_config_applies_total") - updates_before, 100);
  settle(proxy);
  ASSERT_TRUE(all_echo("after the changes"));
  EXPECT_EQ(proxy.metric("weir_tunnels_active"), 200);

  controller->process().signal(SIGKILL);
  EXPECT_EQ(controller->process().wait(), 128 + SIGKILL);
  ASSERT_TRUE(all_echo("no controller"));
  EXPECT_EQ(proxy.get("app.example").status, 200);

  const auto updates = proxy.metric("weir_config_applies_total");
  controller = std::make_unique<ControllerProcess>(source_, socket_);
  ASSERT_TRUE(eventually([&] {
    return controller->metric("weir_controller_proxies_connected") == 1 &&
           proxy.metric("weir_channel_connected") == 1;
  }));
  ASSERT_TRUE(eventually(
      [&] { return controller->metric("weir_controller_updates_acknowledged_total") == 1; }));
  EXPECT_EQ(controller->metric("weir_controller_resources_sent_total"), 0)
      << "the update after the reconnect is empty";
  EXPECT_EQ(proxy.metric("weir_config_applies_total"), updates + 1);
  ASSERT_TRUE(all_echo("controller is back"));
  EXPECT_EQ(proxy.metric("weir_tunnels_active"), 200);
  EXPECT_EQ(proxy.metric("weir_tunnels_closed_total"), 0);
}

TEST_F(Tunnels, TheProxyStartsFromItsStateFileWithoutAController) {
  const auto state = runtime_.path("state");
  auto controller = std::make_unique<ControllerProcess>(source_, socket_);
  std::string subject;
  {
    ProxyProcess proxy(socket_, {"--state-file", state});
    ASSERT_TRUE(proxy.wait_ready());
    subject = Socket::connect_tls(proxy.ports().https, "secure.example").peer_subject();
    EXPECT_EQ(subject, "/CN=secure.example");
    ASSERT_TRUE(eventually([&] { return proxy.metric("weir_proxy_state_writes_total") >= 1; }));
    controller->process().signal(SIGKILL);
    controller->process().wait();
    proxy.process().signal(SIGKILL);
    EXPECT_EQ(proxy.process().wait(), 128 + SIGKILL);
  }
  ProxyProcess proxy(socket_, {"--state-file", state});
  ASSERT_TRUE(proxy.wait_ready()) << proxy.process().output();
  EXPECT_EQ(proxy.get("app.example").status, 200);
  EXPECT_EQ(Socket::connect_tls(proxy.ports().https, "secure.example").peer_subject(), subject);
  open_tunnels(proxy, 4);
  EXPECT_TRUE(all_echo("from the last good table"));

  ProxyProcess without(socket_);
  EXPECT_EQ(admin_get(without.ports().admin, "/healthz").status, 200);
  EXPECT_EQ(admin_get(without.ports().admin, "/readyz").status, 503);
  EXPECT_EQ(without.get("app.example").status, 503);

  // The controller comes back: the one that has all gets nothing, the other one all.
  controller = std::make_unique<ControllerProcess>(source_, socket_);
  EXPECT_TRUE(without.wait_ready());
  EXPECT_EQ(without.get("app.example").status, 200);
  EXPECT_TRUE(all_echo("still"));
}

TEST_F(Tunnels, GoLastWhenTheProxyDrains) {
  ControllerProcess controller(source_, socket_);
  ProxyProcess proxy(socket_, {"--drain-timeout", "2s"});
  ASSERT_TRUE(proxy.wait_ready());
  open_tunnels(proxy, 8);
  proxy.process().signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return !Socket::connect(proxy.ports().http).is_open(); }));
  EXPECT_EQ(admin_get(proxy.ports().admin, "/readyz").status, 503);
  EXPECT_TRUE(all_echo("while it drains"));
  for (auto& tunnel : tunnels_) EXPECT_EQ(tunnel.receive_all(), "");
  EXPECT_EQ(proxy.process().wait(), 0);
}

TEST_F(Tunnels, Pain42_ADrainHasAnEndWhateverClientsAndScrapersDo) {
  ControllerProcess controller(source_, socket_);
  ProxyProcess proxy(socket_, {"--drain-timeout", "5s"});
  ASSERT_TRUE(proxy.wait_ready());
  open_tunnels(proxy, 40);
  // A scraper that keeps its connection, and one that never ends its question.
  auto scraper = Socket::connect(proxy.ports().admin);
  scraper.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(scraper).status, 200);
  auto half = Socket::connect(proxy.ports().admin);
  half.send("GET /metr");
  auto slow = Socket::connect(proxy.ports().http);
  slow.send("GET / HT");
  proxy.process().signal(SIGTERM);
  for (auto& tunnel : tunnels_) {
    EXPECT_EQ(tunnel.receive_exactly(4).substr(2), "\x03\xe9") << "each is told, 1001";
  }
  // Nobody answers.
  EXPECT_EQ(proxy.process().wait(), 0);
}

}  // namespace
}  // namespace weir::test
