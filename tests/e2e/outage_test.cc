#include <csignal>
#include <thread>

#include "e2e/cluster.h"
#include "support/tcp_relay.h"

namespace weir::test {
namespace {

/// The API server goes away, in several ways, and comes back. The controller reaches it through a
/// relay, so that objects can change while the controller does not see them.
class Outage : public Cluster {
 protected:
  Outage()
      : relay_(cluster().api_port()),
        one_([](Socket& socket) { websocket_echo(socket, "one"); }, address_),
        two_(always("two"), address_) {
    server_was_away_ = true;
  }

  void SetUp() override {
    Cluster::SetUp();
    apply(service("app", {one_.port()}) + "---\n" + ingress("app", host("app"), "app"));
    apply(service("other", {one_.port()}) + "---\n" + ingress("other", host("other"), "other"));
    apply(ingress("secure", host("secure"), "app", "tls"));
    apply(ingress("tunnel", host("tunnel"), "app"));  // which nobody changes
    apply(manifest::tls_secret("tls", host("secure")));
    start_at(relay_.port());
    ASSERT_TRUE(answers(host("app"), "one"));
    ASSERT_TRUE(answers(host("other"), "one"));
    ASSERT_TRUE(shows(host("secure"), "/CN=" + host("secure")));
    tunnel_ = Socket::connect(proxy_->ports().http);
    ASSERT_TRUE(answers(host("tunnel"), "one"));
    ASSERT_TRUE(open_websocket(tunnel_, host("tunnel")));
  }

  void TearDown() override {
    // Whatever a test has left, the next one finds a server.
    cluster().etcd().signal(SIGCONT);
    cluster().start_server();
    Cluster::TearDown();
  }

  /// What was served before is served now, by requests and on the tunnel.
  void expect_still_served() {
    EXPECT_EQ(proxy_->get(host("app")).body, "one") << logs();
    EXPECT_EQ(proxy_->get(host("other")).body, "one") << logs();
    const auto tls = Socket::connect_tls(proxy_->ports().https, host("secure"));
    EXPECT_EQ(tls.is_open() ? tls.peer_subject() : "", "/CN=" + host("secure"));
    expect_tunnel();
  }
  void expect_tunnel() {
    EXPECT_TRUE(tunnel_.send("still here"));
    EXPECT_EQ(tunnel_.receive_exactly(10), "still here") << logs();
  }

  /// Something of every kind: changed, deleted and new.
  void change_all() {
    apply(service("other", {two_.port()}));
    apply(service("new", {two_.port()}) + "---\n" + ingress("new", host("new"), "new"));
    apply(ingress("app", host("app-renamed"), "app"));
    apply(manifest::tls_secret("tls", host("*")));
    EXPECT_TRUE(remove("Service", "new"));
    apply(service("new", {one_.port()}));
  }
  void expect_all_changed() {
    EXPECT_TRUE(answers(host("new"), "one"));
    EXPECT_TRUE(answers(host("other"), "two"));
    EXPECT_TRUE(answers(host("app-renamed"), "one"));
    EXPECT_TRUE(answers(host("app"), 404));
    EXPECT_TRUE(shows(host("secure"), "/CN=" + host("*")));
    expect_tunnel();
  }
  void delete_some() {
    EXPECT_TRUE(remove("Ingress", "new"));
    EXPECT_TRUE(remove("EndpointSlice", "other-0"));
    EXPECT_TRUE(remove("Secret", "tls"));
  }
  void expect_deleted() {
    EXPECT_TRUE(answers(host("new"), 404));
    EXPECT_TRUE(answers(host("other"), 503));
    EXPECT_TRUE(shows(host("secure"), kFake));
    EXPECT_TRUE(answers(host("app-renamed"), "one"));
    expect_tunnel();
  }
  bool logged(const std::string& text) {
    return !controller_->process().wait_for_line(text, &line_).empty();
  }

  TcpRelay relay_;
  Backend one_;
  Backend two_;
  Socket tunnel_;
  std::size_t line_ = 0;
};

TEST_F(Outage, ASlowRestartOfTheServerIsNotSeenByClients) {
  cluster().end_server(SIGTERM);
  EXPECT_TRUE(logged("trying again")) << logs();
  expect_still_served();
  cluster().start_server();
  expect_still_served();
  change_all();
  expect_all_changed();
  delete_some();
  expect_deleted();
}

TEST_F(Outage, AKilledServerIsNotSeenByClients) {
  cluster().end_server(SIGKILL);
  EXPECT_TRUE(logged("trying again")) << logs();
  expect_still_served();
  cluster().start_server();
  change_all();
  expect_all_changed();
}

TEST_F(Outage, WhatHappenedMeanwhileIsCaughtUpWith) {
  relay_.cut();
  EXPECT_TRUE(logged("trying again")) << logs();
  change_all();
  delete_some();
  expect_still_served();
  relay_.restore();
  expect_deleted();
}

TEST_F(Outage, WhatHappenedMeanwhileIsListedWhenTheHistoryIsGone) {
  relay_.cut();
  EXPECT_TRUE(logged("trying again")) << logs();
  change_all();
  delete_some();
  expect_still_served();
  // A new server's watch cache begins at the present, and what is before it etcd has forgotten.
  cluster().end_server(SIGTERM);
  cluster().compact();
  cluster().start_server();
  expect_still_served();
  relay_.restore();
  EXPECT_TRUE(logged("no longer has its version")) << logs();
  expect_deleted();
  // It is a watch again that follows.
  apply(ingress("later", host("later"), "app"));
  EXPECT_TRUE(answers(host("later"), "one"));
}

TEST_F(Outage, AHangingStoreIsNotSeenByClients) {
  const auto& etcd = cluster().etcd();
  etcd.signal(SIGSTOP);
  // Blocks until etcd goes on.
  std::thread writer([&] { apply(ingress("late", host("late"), "app")); });
  // All connections anew, to a server that cannot answer from its store.
  relay_.cut();
  EXPECT_TRUE(logged("trying again")) << logs();
  relay_.restore();
  const int passed = relay_.passed();
  EXPECT_TRUE(eventually([&] { return relay_.passed() > passed; })) << logs();
  expect_still_served();
  etcd.signal(SIGCONT);
  writer.join();
  EXPECT_TRUE(answers(host("late"), "one"));
  change_all();
  expect_all_changed();
}

}  // namespace
}  // namespace weir::test
