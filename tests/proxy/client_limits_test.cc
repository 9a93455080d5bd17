#include "proxy/client_limits.h"

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

using namespace std::chrono_literals;
using test::Backend;
using test::Socket;
using test::WebSocketPeer;

table::ClientLimits limited(std::uint32_t per_second, std::uint32_t per_minute,
                            std::uint32_t multiplier) {
  table::ClientLimits limits;
  limits.zone = "default/app";
  limits.per_second = per_second;
  limits.per_minute = per_minute;
  limits.burst_multiplier = multiplier;
  return limits;
}

/// Buckets under a clock that is set by hand.
class Buckets : public testing::Test {
 protected:
  bool may_ask(const table::ClientLimits& policy, const std::string& client = "10.0.0.1") {
    const ClientLimits limits(policy);
    return use_.may_ask(*limits.counted(client), limits.rates(), now_, forgotten_);
  }
  /// How many of so many at once get in.
  int let_in(const table::ClientLimits& policy, int requests,
             const std::string& client = "10.0.0.1") {
    int in = 0;
    for (int i = 0; i < requests; ++i) in += may_ask(policy, client) ? 1 : 0;
    return in;
  }

  ClientUse use_;
  Cell forgotten_;
  ClientUse::Clock::time_point now_{24h};
};

TEST_F(Buckets, LetABurstAndOneInAndThenTheRate) {
  const auto ten = limited(10, 0, 5);
  EXPECT_EQ(let_in(ten, 100), 51);
  now_ += 100ms;
  EXPECT_EQ(let_in(ten, 100), 1);
  now_ += 1s;
  EXPECT_EQ(let_in(ten, 100), 10);
  now_ += 99ms;
  EXPECT_EQ(let_in(ten, 100), 0);
  now_ += 1ms;
  EXPECT_EQ(let_in(ten, 100), 1) << "those that were refused do not count";
  now_ += 1h;
  EXPECT_EQ(let_in(ten, 100), 51);
}

TEST_F(Buckets, OfOddRatesLoseNothing) {
  const auto three = limited(3, 0, 1);
  EXPECT_EQ(let_in(three, 10), 4);
  int in = 0;
  for (int i = 0; i < 1000; ++i) {
    now_ += 10ms;
    in += let_in(three, 5);
  }
  EXPECT_EQ(in, 30);
}

TEST_F(Buckets, BothRatesMustFitAndOneThatDoesNotCountsInNeither) {
  const auto both = limited(1, 6, 1);
  EXPECT_EQ(let_in(both, 10), 2) << "a second's";
  for (int i = 0; i < 5; ++i) {
    now_ += 1s;
    EXPECT_EQ(let_in(both, 10), 1) << i;
  }
  now_ += 1s;
  EXPECT_EQ(let_in(both, 10), 0) << "a minute's: six and one have been let in";
  now_ += 4s;
  EXPECT_EQ(let_in(both, 10), 1);
}

TEST_F(Buckets, AreOfOneAddressAndZone) {
  const auto one = limited(1, 0, 1);
  auto other = one;
  other.zone = "default/other";
  EXPECT_EQ(let_in(one, 5), 2);
  EXPECT_EQ(let_in(one, 5, "10.0.0.2"), 2);
  EXPECT_EQ(let_in(one, 5, "2001:db8::1"), 2);
  EXPECT_EQ(let_in(one, 5, "2001:db8::2"), 2) << "whole addresses";
  EXPECT_EQ(let_in(one, 5, "::ffff:10.0.0.1"), 0) << "the same address";
  EXPECT_EQ(let_in(other, 5), 2);
}

TEST_F(Buckets, OutliveAChangeOfTheirRate) {
  EXPECT_EQ(let_in(limited(0, 1, 5), 10), 6);
  const auto faster = limited(0, 60, 2);
  EXPECT_EQ(let_in(faster, 10), 0) << "as full as it can be by the new rate";
  now_ += 1s;
  EXPECT_EQ(let_in(faster, 10), 1);
}

TEST(ClientLimits, DoNotCountWhomTheyExemptAndWhatIsNoAddress) {
  auto policy = limited(1, 0, 1);
  policy.exempt = {"10.0.0.0/8", "2001:db8::/32"};
  const ClientLimits limits(policy);
  EXPECT_FALSE(limits.counted("10.9.9.9"));
  EXPECT_FALSE(limits.counted("2001:db8::9"));
  EXPECT_FALSE(limits.counted("unix:"));
  EXPECT_TRUE(limits.counted("192.0.2.1"));
}

TEST(ClientUse, ForgetsWhoHasTheLeastToAnswerForAndRefusesNobodyForWantOfRoom) {
  constexpr std::size_t kClients = 6'400;
  ClientUse use(kClients);
  Cell forgotten;
  ClientUse::Clock::time_point now{24h};
  const ClientLimits limits(limited(0, 1, 5));
  const auto ask = [&](std::uint32_t client) {
    const auto address = std::to_string(client >> 16 & 255) + '.' +
                         std::to_string(client >> 8 & 255) + '.' + std::to_string(client & 255);
    return use.may_ask(*limits.counted("10." + address), limits.rates(), now, forgotten);
  };
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(ask(0));
  for (std::uint32_t client = 1; client < 3 * kClients; ++client) EXPECT_TRUE(ask(client));
  EXPECT_GE(forgotten.read(), kClients);
  EXPECT_FALSE(ask(0)) << "has asked for more than all others";
  now += 1h;
  const auto before = forgotten.read();
  for (std::uint32_t client = 0; client < kClients / 2; ++client) EXPECT_TRUE(ask(client));
  EXPECT_EQ(forgotten.read(), before) << "what has drained need not be remembered";
}

TEST(ClientUse, GivesPlacesBackWhoeverHoldsThem) {
  ClientUse use;
  const auto client = *ClientLimits(limited(1, 0, 1)).counted("10.0.0.1");
  ClientUse::Place first;
  ClientUse::Place second;
  ASSERT_TRUE(use.take(client, 1, first));
  EXPECT_FALSE(use.take(client, 1, second));
  {
    const ClientUse::Place holder = std::move(first);
    first.release();  // NOLINT(bugprone-use-after-move): it is empty, and may be
    EXPECT_FALSE(use.take(client, 1, second));
  }
  EXPECT_TRUE(use.take(client, 1, second));
  second.release();
  second.release();
  EXPECT_TRUE(use.take(client, 1, first));
}

/// Over sockets. What may be asked for in a test's time must not depend on how long that is: rates
/// are of a minute, and bursts are small.
class ClientLimitsTest : public ProxyTest {
 protected:
  ClientLimitsTest() : app_([](Socket& socket) { test::websocket_echo(socket, "in"); }) {}

  void serve_with(const table::ClientLimits& limits, const table::AnswerStatus& status = {},
                  const table::TunnelPolicy& tunnels = {}) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    auto& route = made->routes.front();
    table::RouteRules rules;
    rules.limits = limits;
    rules.access.denied = {"192.0.2.66"};
    route.rules = rules;
    route.tunnels = tunnels;
    auto slow = route;
    slow.match.path = "/slow";
    slow.backends.front().backend = "slow";
    auto open = route;
    open.match.path = "/open";
    open.rules = {};
    made->routes = {open, slow, route};
    std::ranges::sort(made->routes, [](const table::Route& a, const table::Route& b) {
      return table::comes_before(a.match, b.match);
    });
    Delta delta;
    delta.backends = {backend("app", {app_.port()}), backend("slow", {slow_port_})};
    delta.hosts = {made};
    table::Settings settings;
    settings.forwarded.trust_forwarded = true;
    settings.status = status;
    delta.settings = settings;
    adopt(std::move(delta));
  }

  Socket ask(const std::string& path = "/", const std::string& client = "192.0.2.1") const {
    auto socket = connect();
    socket.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + client + "\r\n\r\n");
    return socket;
  }
  test::Response response_to(const std::string& path = "/",
                             const std::string& client = "192.0.2.1") const {
    auto socket = ask(path, client);
    return test::receive_response(socket);
  }
  int status_of(const std::string& path = "/", const std::string& client = "192.0.2.1") const {
    return response_to(path, client).status;
  }
  static table::ClientLimits at_once(std::uint32_t most) {
    table::ClientLimits limits;
    limits.zone = "default/app";
    limits.at_once = most;
    return limits;
  }

  Backend app_;
  std::uint16_t slow_port_ = test::unused_port();
};

TEST_F(ClientLimitsTest, ARouteRefusesWhoAsksTooOften) {
  start();
  auto limits = limited(0, 1, 2);
  limits.exempt = {"198.51.100.0/24"};
  serve_with(limits);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(), 200) << i;
  const auto refused = response_to();
  EXPECT_EQ(refused.status, 503);
  EXPECT_FALSE(refused.field("Retry-After").empty());
  EXPECT_EQ(answers(AnswerReason::RateLimit), 1U);
  EXPECT_EQ(status_of("/", "192.0.2.2"), 200) << "another client";
  EXPECT_EQ(status_of("/open"), 200) << "another route";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of("/", "198.51.100.7"), 200) << "exempt";

  limits.exempt = {};
  serve_with(limits, {308, 429, 503});
  const auto again = response_to();
  EXPECT_EQ(again.status, 429) << "a change of the table keeps the count";
  EXPECT_TRUE(again.head.starts_with("HTTP/1.1 429 Too Many Requests\r\n")) << again.head;
  EXPECT_FALSE(again.field("Retry-After").empty());
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.requests_by_code[329]; }), 1U);
}

TEST_F(ClientLimitsTest, CountOverAllWorkers) {
  Options options;
  options.threads = 4;
  start(options);
  serve_with(limited(0, 1, 9));
  int in = 0;
  for (int i = 0; i < 40; ++i) in += status_of() == 200 ? 1 : 0;
  EXPECT_EQ(in, 10);
}

TEST_F(ClientLimitsTest, CountARequestOfOnesOwnAddressOnly) {
  start();
  serve_with(limited(0, 1, 1));
  EXPECT_EQ(status_of("/", "192.0.2.66"), 403);
  EXPECT_EQ(status_of("/", "192.0.2.66"), 403);
  EXPECT_EQ(status_of("/", "192.0.2.66"), 503) << "the limit comes before the lists";
  EXPECT_EQ(status_of(), 200);
}

TEST_F(ClientLimitsTest, AClientMayHaveSoManyRequestsUnderWay) {
  std::promise<void> answer;
  auto may_answer = answer.get_future().share();
  Backend slow([&](Socket& socket) {
    while (!test::receive_head(socket).empty()) {
      may_answer.wait();
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  slow_port_ = slow.port();
  start();
  serve_with(at_once(2), {308, 503, 420});
  auto first = ask("/slow");
  auto second = ask("/slow");
  ASSERT_TRUE(test::eventually([&] { return slow.accepted() == 2; }));
  EXPECT_EQ(status_of(), 420) << "of the same zone";
  EXPECT_EQ(answers(AnswerReason::ConnectionLimit), 1U);
  EXPECT_EQ(status_of("/", "192.0.2.2"), 200);
  answer.set_value();
  EXPECT_EQ(test::receive_response(first).status, 200);
  EXPECT_EQ(test::receive_response(second).status, 200);
  EXPECT_EQ(status_of(), 200) << "both have ended, though their connections are open";
  EXPECT_EQ(status_of(), 200);
}

TEST_F(ClientLimitsTest, ARequestWhoseClientLeavesGivesItsPlaceBack) {
  Backend slow([](Socket& socket) {
    test::receive_head(socket);
    socket.receive_exactly(1);
  });
  slow_port_ = slow.port();
  start();
  serve_with(at_once(1));
  auto first = ask("/slow");
  ASSERT_TRUE(test::eventually([&] { return slow.accepted() == 1; }));
  EXPECT_EQ(status_of(), 503);
  first.close();
  EXPECT_TRUE(test::eventually([&] { return status_of() == 200; }));
}

TEST_F(ClientLimitsTest, AnOpenTunnelCountsUntilItEnds) {
  start();
  serve_with(at_once(1));
  auto tunnel = connect();
  ASSERT_TRUE(test::open_websocket(tunnel, "a"));
  const std::string own = "127.0.0.1";
  EXPECT_EQ(status_of("/", own), 503);
  auto other = connect();
  EXPECT_FALSE(test::open_websocket(other, "a"));
  serve_with(at_once(2));
  EXPECT_EQ(status_of("/", own), 200);
  serve_with(at_once(1));
  EXPECT_EQ(status_of("/", own), 503) << "a change of the table keeps the count";
  tunnel.close();
  EXPECT_TRUE(test::eventually([&] { return status_of("/", own) == 200; }));
}

TEST_F(ClientLimitsTest, AHandshakeIsRefusedByCloseWhereTheRouteSaysSo) {
  start();
  table::TunnelPolicy tunnels;
  tunnels.refusal = table::TunnelPolicy::Refusal::Close;
  serve_with(limited(0, 1, 1), {308, 429, 503}, tunnels);
  for (int i = 0; i < 2; ++i) {
    auto socket = connect();
    EXPECT_TRUE(test::open_websocket(socket, "a"));
  }
  auto socket = connect();
  WebSocketPeer peer(socket, WebSocketPeer::Role::Client);
  ASSERT_TRUE(peer.open("a"));
  peer.receive_to_end();
  EXPECT_EQ(peer.close_code(), 1013);
  EXPECT_TRUE(peer.close_reason().starts_with("429 Too many requests")) << peer.close_reason();
  EXPECT_EQ(answers(AnswerReason::RateLimit), 1U);
}

}  // namespace

}  // namespace weir::proxy
