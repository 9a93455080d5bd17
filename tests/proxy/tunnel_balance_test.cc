#include <algorithm>
#include <atomic>
#include <map>

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

// Which endpoint a tunnel goes to (docs/tunnels.md). PainNN: the number of the pain there.

namespace weir::proxy {
namespace {

using test::Backend;
using test::Frame;
using test::Socket;
using test::WebSocketPeer;
using Role = WebSocketPeer::Role;
using State = table::Endpoint::State;

/// A backend that says its name, and counts its open tunnels.
class Named {
 public:
  explicit Named(std::string name)
      : name_(std::move(name)), backend_([this](Socket& socket) { serve(socket); }) {}
  std::uint16_t port() const { return backend_.port(); }
  int open() const { return open_; }
  int opened() const { return opened_; }

 private:
  void serve(Socket& socket) {
    for (;;) {
      const auto head = test::receive_head(socket);
      if (!head.ends_with("\r\n\r\n")) return;
      if (head.find("\r\nUpgrade: websocket\r\n") != std::string::npos) break;
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name_.size()) +
                  "\r\n\r\n" + name_);
    }
    // Counted before the client hears of it.
    ++open_;
    ++opened_;
    if (socket.send(test::kSwitchingProtocols)) {
      WebSocketPeer peer(socket, Role::Server);
      peer.send_text(name_);
      peer.echo();
    }
    --open_;
  }

  const std::string name_;
  std::atomic<int> open_ = 0;
  std::atomic<int> opened_ = 0;
  Backend backend_;  // last: its threads use the rest
};

class TunnelBalance : public ProxyTest {
 protected:
  void start_with(unsigned threads) {
    Options options;
    options.threads = threads;
    start(options);
  }
  /// Opens one and keeps it; the name of who serves it.
  std::string open_one(const std::string& more_fields = "") {
    sockets_.push_back(std::make_unique<Socket>(connect()));
    auto& socket = *sockets_.back();
    auto request = test::websocket_handshake("a");
    request.insert(request.size() - 2, more_fields);
    socket.send(request);
    answer_ = test::receive_response(socket);
    if (answer_.status != 101) return "status " + std::to_string(answer_.status);
    WebSocketPeer peer(socket, Role::Client);
    return peer.receive_message().value_or("nobody");
  }
  void serve_endpoints(const std::vector<std::pair<const Named*, State>>& endpoints,
                       const table::TunnelPolicy& policy = {}) {
    std::vector<std::uint16_t> ports;
    for (const auto& [named, state] : endpoints) ports.push_back(named->port());
    auto made = std::make_shared<table::Backend>(*backend("app", ports));
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      made->endpoints[i].state = endpoints[i].second;
    }
    std::ranges::sort(made->endpoints, {}, &table::Endpoint::id);
    Delta delta;
    delta.backends = {made};
    delta.hosts = {tunnel_host("", "app", policy)};
    adopt(std::move(delta));
  }

  std::vector<std::unique_ptr<Socket>> sockets_;
  test::Response answer_;
};

TEST_F(TunnelBalance, Pain08_NewTunnelsGoWhereTheFewestAreOverAllWorkers) {
  Named one("one");
  Named two("two");
  Named three("three");
  start_with(4);
  serve_endpoints({{&one, State::Ready}, {&two, State::Ready}, {&three, State::Ready}});
  for (int i = 0; i < 30; ++i) open_one();
  EXPECT_EQ(one.open(), 10);
  EXPECT_EQ(two.open(), 10);
  EXPECT_EQ(three.open(), 10);
  // Who has lost some gets the next ones, whatever the table has become meanwhile.
  serve_endpoints({{&one, State::Ready}, {&two, State::Ready}});
  Named four("four");
  serve_endpoints({{&one, State::Ready}, {&two, State::Ready}, {&four, State::Ready}});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(open_one(), "four") << i;
}

TEST_F(TunnelBalance, Pain08_PlainRequestsDoNotCount) {
  Named one("one");
  Named two("two");
  start_with(1);
  serve_endpoints({{&one, State::Ready}});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(open_one(), "one");
  serve_endpoints({{&one, State::Ready}, {&two, State::Ready}});
  std::vector<Socket> busy;
  for (int i = 0; i < 20; ++i) get();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(open_one(), "two") << i;
}

TEST_F(TunnelBalance, Pain08_AfterAScaleUpTheExcessMovesAndNoMore) {
  Named one("one");
  Named two("two");
  start_with(2);
  table::TunnelPolicy policy;
  policy.rebalances_per_minute = 6'000;
  serve_endpoints({{&one, State::Ready}}, policy);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(open_one(), "one");
  serve_endpoints({{&one, State::Ready}, {&two, State::Ready}}, policy);
  // A quarter above the mean of six, and one, may stay: eight.
  std::vector<std::thread> clients;
  std::atomic<int> moved = 0;
  for (auto& socket : sockets_) {
    clients.emplace_back([this, &moved, &socket] {
      WebSocketPeer peer(*socket, Role::Client);
      const auto frame = peer.receive_frame();
      if (!frame || frame->opcode != Frame::kClose) return;
      EXPECT_EQ(peer.close_code(), 1001);
      EXPECT_EQ(peer.close_reason(), "moving to another server");
      peer.send_close(1001);
      peer.receive_to_end();
      *socket = connect();
      EXPECT_TRUE(test::open_websocket(*socket, "a"));
      ++moved;
    });
  }
  EXPECT_TRUE(test::eventually([&] { return moved >= 4; }));
  EXPECT_TRUE(test::eventually([&] { return one.open() <= 8 && one.open() + two.open() == 12; }))
      << one.open() << " and " << two.open();
  EXPECT_LE(std::max(one.open(), two.open()), 8);
  EXPECT_TRUE(test::eventually(
      [&] { return tunnels_ended(TunnelEnd::Rebalance) == static_cast<std::uint64_t>(moved); }));
  plane_->close_all();
  for (auto& client : clients) client.join();
}

TEST_F(TunnelBalance, Pain08_NobodyIsMovedWhileEndpointsComeAndGo) {
  Named one("one");
  Named two("two");
  Named old("old");
  start_with(1);
  table::TunnelPolicy policy;
  policy.rebalances_per_minute = 6'000;
  serve_endpoints({{&one, State::Ready}}, policy);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(open_one(), "one");
  serve_endpoints({{&one, State::Ready}, {&two, State::Ready}, {&old, State::Draining}}, policy);
  // Another route's tunnels are moved meanwhile: the clock has struck more than once.
  auto other = std::make_shared<table::Backend>(*backend("other", {one.port()}));
  Delta delta;
  delta.backends = {other};
  delta.hosts = {tunnel_host("b", "other", policy)};
  adopt(std::move(delta));
  std::vector<Socket> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(connect());
    ASSERT_TRUE(test::open_websocket(others.back(), "b"));
  }
  auto both = std::make_shared<table::Backend>(*backend("other", {one.port(), two.port()}));
  std::ranges::sort(both->endpoints, {}, &table::Endpoint::id);
  Delta scaled;
  scaled.backends = {both};
  adopt(std::move(scaled));
  ASSERT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::Rebalance) >= 2; }));
  for (auto& socket : sockets_) {
    WebSocketPeer peer(*socket, Role::Client);
    peer.send_text("still here");
    EXPECT_EQ(peer.receive_message(), "still here");
  }
}

TEST_F(TunnelBalance, Pain09_ATerminatingEndpointGetsNoNewTunnelsWhileThereIsAnother) {
  Named leaving("leaving");
  Named staying("staying");
  start_with(2);
  table::TunnelPolicy keep;
  keep.on_endpoint_end = table::TunnelPolicy::Then::Keep;
  serve_endpoints({{&leaving, State::Ready}}, keep);
  EXPECT_EQ(open_one(), "leaving");
  serve_endpoints({{&leaving, State::Draining}, {&staying, State::Ready}}, keep);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(open_one(), "staying") << i;
  EXPECT_EQ(leaving.open(), 1) << "whom it has, it keeps";
  serve_endpoints({{&leaving, State::Draining}}, keep);
  EXPECT_EQ(open_one(), "leaving") << "better than nobody";
}

TEST_F(TunnelBalance, Pain09_AnEndpointThatIsNotReadyGetsNone) {
  Named unready("unready");
  Named ready("ready");
  start_with(1);
  serve_endpoints({{&unready, State::Unready}, {&ready, State::Ready}});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(open_one(), "ready") << i;
  serve_endpoints({{&unready, State::Unready}});
  EXPECT_EQ(open_one(), "status 503");
}

TEST_F(TunnelBalance, Pain12_TheHandshakeGoesWhereThePollingWent) {
  Named one("one");
  Named two("two");
  Named three("three");
  start_with(2);
  auto balanced = table::StickyCookie();
  auto persistent = table::StickyCookie();
  persistent.mode = table::StickyCookie::Mode::Persistent;
  for (const auto& cookie : {balanced, persistent}) {
    auto sticky =
        std::make_shared<table::Backend>(*backend("app", {one.port(), two.port(), three.port()}));
    std::ranges::sort(sticky->endpoints, {}, &table::Endpoint::id);
    sticky->sticky_cookie = cookie;
    auto all = std::make_shared<table::Host>(*host("", "app"));
    all->routes.front().sticky = true;
    Delta delta;
    delta.backends = {sticky};
    delta.hosts = {all};
    adopt(std::move(delta));
    for (int i = 0; i < 20; ++i) {
      const auto polled = get();
      const auto set = polled.field("Set-Cookie");
      ASSERT_FALSE(set.empty());
      const auto key = "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
      EXPECT_EQ(open_one(key), polled.body) << i;
      EXPECT_EQ(answer_.field("Set-Cookie"), "") << "it has one";
    }
  }
}

TEST_F(TunnelBalance, Pain12_AClientWithoutACookieGetsItWithThe101) {
  Named one("one");
  Named two("two");
  start_with(2);
  auto sticky = std::make_shared<table::Backend>(*backend("app", {one.port(), two.port()}));
  std::ranges::sort(sticky->endpoints, {}, &table::Endpoint::id);
  sticky->sticky_cookie.emplace();
  auto all = std::make_shared<table::Host>(*host("", "app"));
  all->routes.front().sticky = true;
  Delta delta;
  delta.backends = {sticky};
  delta.hosts = {all};
  adopt(std::move(delta));
  for (int i = 0; i < 10; ++i) {
    const auto first = open_one();
    const auto set = answer_.field("Set-Cookie");
    ASSERT_TRUE(set.starts_with("INGRESSCOOKIE=")) << answer_.head;
    EXPECT_EQ(open_one("Cookie: " + set.substr(0, set.find(';')) + "\r\n"), first);
  }
}

TEST_F(TunnelBalance, Pain12_AKeyInTheQueryLeadsToTheSameEndpoint) {
  Named one("one");
  Named two("two");
  Named three("three");
  start_with(2);
  auto hashed =
      std::make_shared<table::Backend>(*backend("app", {one.port(), two.port(), three.port()}));
  std::ranges::sort(hashed->endpoints, {}, &table::Endpoint::id);
  hashed->balancing.algorithm = table::Balancing::Algorithm::Hash;
  hashed->balancing.hash_key = {{table::TextPart::Source::Argument, "sid"}};
  Delta delta;
  delta.backends = {hashed};
  delta.hosts = {host("", "app")};
  adopt(std::move(delta));
  std::map<std::string, int> used;
  for (int i = 0; i < 30; ++i) {
    const auto target = "/socket.io/?transport=x&sid=" + std::to_string(i);
    const auto polled = get(target).body;
    ++used[polled];
    auto client = connect();
    ASSERT_TRUE(test::open_websocket(client, "a", target));
    WebSocketPeer peer(client, Role::Client);
    EXPECT_EQ(peer.receive_message(), polled) << i;
  }
  EXPECT_EQ(used.size(), 3U);
}

TEST_F(TunnelBalance, Pain28_EveryWorkerHasItsShare) {
  // The kernel deals connections out at random: each of two gets half of 400, give or take ten.
  Named app("app");
  start_with(2);
  serve_endpoints({{&app, State::Ready}});
  for (int i = 0; i < 400; ++i) ASSERT_EQ(open_one(), "app") << i;
  for (const auto* worker : plane_->counters()) {
    EXPECT_GE(worker->connections_open.read(), 100U);
  }
}

}  // namespace
}  // namespace weir::proxy
