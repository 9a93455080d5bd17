#include "proxy/canary_rules.h"
#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

using test::Socket;

class CanaryTest : public ProxyTest {
 protected:
  CanaryTest()
      : app_([](Socket& socket) { test::websocket_echo(socket, "old"); }),
        canary_([](Socket& socket) { test::websocket_echo(socket, "new"); }) {}

  static table::Canary policy() {
    table::Canary canary;
    canary.backend = "canary";
    return canary;
  }
  void serve_with(const std::optional<table::Canary>& canary) {
    Delta delta;
    auto primary = std::make_shared<table::Backend>(*backend("app", app_ports_));
    auto other = std::make_shared<table::Backend>(*backend("canary", canary_ports_));
    if (!cookie_.name.empty()) {
      primary->sticky_cookie = other->sticky_cookie = cookie_;
      primary->sticky_cookie->salt = "default-app-80";
      other->sticky_cookie->salt = "default-canary-80";
    }
    delta.backends = {primary, other};
    auto made = std::make_shared<table::Host>(*host("", "app"));
    auto& route = made->routes.front();
    table::RouteRules rules;
    rules.canary = canary;
    route.rules = rules;
    route.sticky = !cookie_.name.empty();
    // A tunnel that is not to stay is ended before `adopt` returns.
    table::TunnelPolicy tunnels;
    tunnels.on_route_change = table::TunnelPolicy::Then::Cut;
    tunnels.close_timeout_ms = 100;
    route.tunnels = tunnels;
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  /// Who answers a request with these field lines.
  std::string answer_to(const std::string& lines = "") const {
    const auto response = response_to(lines);
    return response.status == 200 ? response.body : std::to_string(response.status);
  }
  test::Response response_to(const std::string& lines) const {
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n");
    return test::receive_response(socket);
  }

  test::Backend app_;
  test::Backend canary_;
  std::vector<std::uint16_t> app_ports_ = {app_.port()};
  std::vector<std::uint16_t> canary_ports_ = {canary_.port()};
  table::StickyCookie cookie_ = [] {
    table::StickyCookie none;
    none.name.clear();
    return none;
  }();
};

TEST_F(CanaryTest, TakesNothingUntilItIsToldTo) {
  start();
  serve_with(policy());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(answer_to(), "old");
}

TEST_F(CanaryTest, TheHeaderSaysAlwaysOrNeverBeforeCookieAndWeight) {
  start();
  auto canary = policy();
  canary.header = "X_Canary";
  canary.cookie = "try";
  serve_with(canary);
  EXPECT_EQ(answer_to("x-canary: always\r\n"), "new") << "_ is - as well";
  EXPECT_EQ(answer_to("X-Canary: perhaps\r\n"), "old");
  EXPECT_EQ(answer_to("X-Canary: perhaps\r\nCookie: try=always\r\n"), "new");
  EXPECT_EQ(answer_to("X-Canary: never\r\nCookie: try=always\r\n"), "old");
  EXPECT_EQ(answer_to("Cookie: try=perhaps\r\n"), "old");
  canary.weight = 100;
  serve_with(canary);
  EXPECT_EQ(answer_to(), "new");
  EXPECT_EQ(answer_to("X-Canary: Never\r\n"), "new") << "case counts";
  EXPECT_EQ(answer_to("X-Canary: never\r\n"), "old");
  EXPECT_EQ(answer_to("Cookie: try=never\r\n"), "old");
}

TEST_F(CanaryTest, AValueOfTheHeaderGoesBeforeAPatternAndReplacesTheWords) {
  start();
  auto canary = policy();
  canary.header = "X-User";
  canary.header_pattern = "^(ann|Joe)$";
  serve_with(canary);
  EXPECT_EQ(answer_to("X-User: Joe\r\n"), "new");
  EXPECT_EQ(answer_to("X-User: joe\r\n"), "old") << "case counts";
  EXPECT_EQ(answer_to("X-User: always\r\n"), "old");
  canary.header_value = "beta";
  serve_with(canary);
  EXPECT_EQ(answer_to("X-User: beta\r\n"), "new");
  EXPECT_EQ(answer_to("X-User: Joe\r\n"), "old");
  canary.weight = 100;
  serve_with(canary);
  EXPECT_EQ(answer_to("X-User: never\r\n"), "new") << "no word any more";
}

TEST_F(CanaryTest, APatternThatTakesTooLongOrIsNoneLeavesThePrimary) {
  start();
  auto canary = policy();
  canary.header = "X-User";
  canary.header_pattern = "(a+)+$";
  canary.weight = 100;
  serve_with(canary);
  EXPECT_EQ(answer_to("X-User: " + std::string(3'000, 'a') + "b\r\n"), "old");
  canary.header_pattern = "(";
  serve_with(canary);
  EXPECT_EQ(answer_to("X-User: a\r\n"), "old");
  EXPECT_EQ(answer_to(), "new");
}

TEST_F(CanaryTest, GetsItsShareOfTheRequests) {
  start();
  auto canary = policy();
  canary.weight = 50;
  canary.weight_total = 200;
  serve_with(canary);
  auto socket = connect();
  int taken = 0;
  for (int i = 0; i < 1'000; ++i) {
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    taken += test::receive_response(socket).body == "new" ? 1 : 0;
  }
  // Seven standard deviations.
  EXPECT_GT(taken, 250 - 96);
  EXPECT_LT(taken, 250 + 96);
}

TEST_F(CanaryTest, WithoutEndpointsItGetsNothingAndWithItMayStandIn) {
  start();
  canary_ports_ = {};
  auto canary = policy();
  canary.weight = 100;
  serve_with(canary);
  EXPECT_EQ(answer_to(), "old");
  canary.backend = "nobody";
  serve_with(canary);
  EXPECT_EQ(answer_to(), "old");
  canary_ports_ = {canary_.port()};
  app_ports_ = {};
  canary = policy();
  canary.header = "X-Canary";
  serve_with(canary);
  EXPECT_EQ(answer_to("X-Canary: always\r\n"), "new");
  EXPECT_EQ(answer_to(), "503");
}

TEST_F(CanaryTest, AClientWithACookieStaysWhereItIs) {
  for (const auto mode :
       {table::StickyCookie::Mode::Balanced, table::StickyCookie::Mode::Persistent}) {
    cookie_.name = "route";
    cookie_.mode = mode;
    if (plane_ == nullptr) start();
    auto canary = policy();
    canary.header = "X-Canary";
    canary.weight = 100;
    serve_with(canary);
    const auto cookie_for = [&](const std::string& word) {
      const auto value = response_to("X-Canary: " + word + "\r\n").field("Set-Cookie");
      return "Cookie: " + value.substr(0, value.find(';')) + "\r\n";
    };
    const auto of_old = cookie_for("never");
    const auto of_new = cookie_for("always");
    EXPECT_EQ(answer_to(of_old), "old");
    EXPECT_EQ(answer_to(of_old + "X-Canary: always\r\n"), "old") << "before the header";
    EXPECT_EQ(answer_to(of_new + "X-Canary: never\r\n"), "new");
    EXPECT_EQ(response_to(of_new).field("Set-Cookie"), "");
    EXPECT_EQ(answer_to("Cookie: route=x|y\r\n"), "new") << "of neither: the weight decides";
    EXPECT_EQ(answer_to("Cookie: route=x\r\n"), "new");
    canary.weight = 0;
    serve_with(canary);
    EXPECT_EQ(answer_to(of_new), "new");

    canary.sticky = false;
    serve_with(canary);
    EXPECT_EQ(answer_to(of_new), "old");
    EXPECT_EQ(answer_to(of_old + "X-Canary: always\r\n"), "new");
  }
}

TEST_F(CanaryTest, TunnelsToItStayWhileItIsThereAndEndPolitelyBehindIt) {
  start();
  auto canary = policy();
  canary.weight = 100;
  serve_with(canary);
  auto tunnel = connect();
  ASSERT_TRUE(test::open_websocket(tunnel, "a"));
  EXPECT_EQ(canary_.accepted(), 1);
  canary.weight = 1;
  serve_with(canary);
  tunnel.send("hello");
  EXPECT_EQ(tunnel.receive_exactly(5), "hello");
  EXPECT_EQ(tunnels_ended(TunnelEnd::RouteChanged), 0U);
  EXPECT_EQ(open_tunnels(), 1U);

  auto socket = connect();
  test::WebSocketPeer peer(socket, test::WebSocketPeer::Role::Client);
  canary.weight = 100;
  serve_with(canary);
  ASSERT_TRUE(peer.open("a"));
  EXPECT_EQ(canary_.accepted(), 2);
  serve_with(std::nullopt);
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::RouteChanged) == 2; }));
}

}  // namespace

}  // namespace weir::proxy
