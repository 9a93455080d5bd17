#include <atomic>

#include "proxy/origin_rules.h"
#include "proxy/proxy_fixture.h"
#include "proxy/tunnel_registry.h"
#include "support/websocket_peer.h"

// Who may open a tunnel (docs/tunnels.md). PainNN: the number of the pain there.

namespace weir::proxy {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using test::Backend;
using test::receive_response;
using test::Response;
using test::Socket;

class TunnelAdmission : public ProxyTest {
 protected:
  void start_with(unsigned threads) {
    Options options;
    options.threads = threads;
    start(options);
  }
  static Backend::Script echo() {
    return [](Socket& socket) { test::websocket_echo(socket); };
  }
  /// One more, kept open; the answer.
  Response open_one(const std::string& more_fields = "") {
    auto client = connect();
    auto request = test::websocket_handshake("a");
    request.insert(request.size() - 2, more_fields);
    client.send(request);
    const auto response = receive_response(client);
    if (response.status == 101) open_.push_back(std::move(client));
    return response;
  }
  static bool carries(Socket& client) {
    client.send("hello");
    return client.receive_exactly(5) == "hello";
  }
  static void expect_unavailable(const Response& response) {
    EXPECT_EQ(response.status, 503);
    const auto after = response.field("Retry-After");
    EXPECT_TRUE(after >= "1" && after <= "4") << after;
  }

  std::vector<Socket> open_;
};

// ---- rates -------------------------------------------------------------------------------------

TEST(Pacer, Pain20_NoSecondHasMoreThanTheRate) {
  Pacer pacer;
  const Pacer::Clock::time_point begin{seconds(1'000)};
  const auto interval = nanoseconds(seconds(1)) / 200;
  // 5000 within a second: whoever is refused asks again a while later.
  std::map<std::int64_t, int> by_second;
  int taken = 0;
  auto now = begin;
  for (int i = 0; taken < 5'000; ++i, now += std::chrono::microseconds(200)) {
    if (!pacer.take(now, interval, 1, {})) continue;
    ++taken;
    ++by_second[(now - begin) / nanoseconds(seconds(1))];
  }
  for (const auto& [second, count] : by_second) EXPECT_LE(count, 200) << second;
  EXPECT_LE(now - begin, seconds(26)) << "none of the turns is lost either";
}

TEST(Pacer, Pain20_ABurstIsTakenAtOnceAndGrowsBackAtTheRate) {
  Pacer pacer;
  const Pacer::Clock::time_point now{seconds(1'000)};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(pacer.take(now, seconds(1), 10, {})) << i;
  EXPECT_FALSE(pacer.take(now, seconds(1), 10, {}));
  EXPECT_FALSE(pacer.take(now + std::chrono::milliseconds(999), seconds(1), 10, {}));
  EXPECT_TRUE(pacer.take(now + seconds(1), seconds(1), 10, {}));
  EXPECT_FALSE(pacer.take(now + seconds(1), seconds(1), 10, {}));
}

TEST(Pacer, Pain20_WhoWaitsHasATurnOfHisOwn) {
  Pacer pacer;
  const Pacer::Clock::time_point now{seconds(1'000)};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(pacer.take(now, seconds(1), 1, seconds(3)), seconds(i));
  }
  EXPECT_EQ(pacer.take(now, seconds(1), 1, seconds(3)), std::nullopt) << "too long a queue";
  EXPECT_EQ(pacer.take(now + seconds(1), seconds(1), 1, seconds(3)), seconds(3));
}

TEST_F(TunnelAdmission, Pain20_AboveTheRateIs503AndPlainRequestsAreNotConcerned) {
  Backend app(echo());
  start_with(2);
  table::TunnelPolicy policy;
  policy.opens_per_second = 1;
  policy.open_burst = 3;
  serve_tunnels({app.port()}, policy);
  const auto begin = Pacer::Clock::now();
  auto response = open_one();
  // However slow the machine is, no more came through than the rate allows.
  while (response.status == 101) {
    const auto lasted = std::chrono::ceil<seconds>(Pacer::Clock::now() - begin).count();
    ASSERT_LE(open_.size(), static_cast<std::size_t>(3 + lasted));
    response = open_one();
  }
  expect_unavailable(response);
  EXPECT_EQ(answers(AnswerReason::TunnelRate), 1U);
  EXPECT_GE(open_.size(), 3U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get().status, 200);
  for (auto& client : open_) EXPECT_TRUE(carries(client));
}

TEST_F(TunnelAdmission, Pain20_WhoMayWaitIsLetInAtHisTurn) {
  Backend app(echo());
  start_with(2);
  table::TunnelPolicy policy;
  policy.opens_per_second = 20;
  policy.open_wait_ms = 60'000;
  serve_tunnels({app.port()}, policy);
  const auto begin = Pacer::Clock::now();
  std::vector<Socket> clients;
  for (int i = 0; i < 9; ++i) {
    clients.push_back(connect());
    clients.back().send(test::websocket_handshake("a"));
  }
  for (auto& client : clients) {
    EXPECT_EQ(receive_response(client).status, 101);
    EXPECT_TRUE(carries(client));
  }
  EXPECT_GE(Pacer::Clock::now() - begin, std::chrono::milliseconds(8 * 50));
}

TEST_F(TunnelAdmission, Pain20_WhoLeavesWhileWaitingIsForgotten) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.opens_per_second = 1;
  policy.open_wait_ms = 3'600'000;
  serve_tunnels({app.port()}, policy);
  ASSERT_EQ(open_one().status, 101);
  // A turn a second: were they to have theirs, it would take longer than anybody waits here.
  for (int i = 0; i < 100; ++i) {
    auto waiting = connect();
    waiting.send(test::websocket_handshake("a"));
    waiting.wait_sent();
  }
  EXPECT_TRUE(test::eventually([&] {
    return sum([](const Counters& c) -> const Cell& { return c.requests_aborted; }) == 100;
  }));
}

// ---- limits ------------------------------------------------------------------------------------

TEST_F(TunnelAdmission, Pain21_AClientHasItsShareOfTunnelsAndAllItsPlainRequests) {
  Backend app(echo());
  start_with(4);
  table::TunnelPolicy policy;
  policy.limit_per_client = 10;
  Delta delta;
  delta.settings.emplace().forwarded.trust_forwarded = true;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {tunnel_host("", "app", policy)};
  adopt(std::move(delta));
  const std::string one = "X-Forwarded-For: 192.0.2.1\r\n";
  const std::string other = "X-Forwarded-For: 192.0.2.2\r\n";
  for (int i = 0; i < 10; ++i) ASSERT_EQ(open_one(one).status, 101) << i;
  expect_unavailable(open_one(one));
  EXPECT_EQ(answers(AnswerReason::TunnelLimit), 1U);
  EXPECT_EQ(open_one(other).status, 101) << "somebody else has a share of his own";
  for (int i = 0; i < 100; ++i) {
    auto plain = connect();
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n" + one + "\r\n");
    ASSERT_EQ(receive_response(plain).status, 200) << i;
  }
  // A place is free again however its tunnel ended.
  for (const bool reset : {false, true}) {
    for (auto& client : open_) EXPECT_TRUE(carries(client));  // each is counted
    auto leaving = std::move(open_.front());
    open_.erase(open_.begin());
    reset ? leaving.reset() : leaving.close();
    ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 10; }));
    EXPECT_EQ(open_one(one).status, 101);
    EXPECT_EQ(open_one(one).status, 503);
  }
}

TEST_F(TunnelAdmission, Pain21_ARefusedHandshakeGivesItsPlaceBack) {
  Backend app([](Socket& socket) {
    while (!test::receive_head(socket).empty()) {
      socket.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    }
  });
  start();
  table::TunnelPolicy policy;
  policy.limit = policy.limit_per_client = policy.limit_per_endpoint = 1;
  serve_tunnels({app.port()}, policy);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(open_one().status, 401) << i;
}

TEST_F(TunnelAdmission, Pain21_ARouteHasItsShareOverAllWorkers) {
  Backend app(echo());
  start_with(4);
  table::TunnelPolicy policy;
  policy.limit = 20;
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {tunnel_host("a", "app", policy), tunnel_host("b", "app", {})};
  adopt(std::move(delta));
  for (int i = 0; i < 20; ++i) ASSERT_EQ(open_one().status, 101) << i;
  expect_unavailable(open_one());
  auto elsewhere = connect();
  EXPECT_TRUE(test::open_websocket(elsewhere, "b")) << "of that route only";
  EXPECT_EQ(get("/", "a").status, 200);
}

TEST_F(TunnelAdmission, Pain22_AnEndpointTakesNoMoreThanItsCapOverWorkersAndGenerations) {
  std::atomic<int> opened[3] = {};
  const auto counting = [&](int i) {
    return [&opened, i](Socket& socket) {
      ++opened[i];
      test::websocket_echo(socket);
    };
  };
  Backend first(counting(0));
  Backend second(counting(1));
  Backend third(counting(2));
  start_with(4);
  table::TunnelPolicy policy;
  policy.limit_per_endpoint = 5;
  const std::vector<std::uint16_t> ports{first.port(), second.port(), third.port()};
  for (int i = 0; i < 15; ++i) {
    // Counts belong to the endpoint, whatever table it is in.
    serve_tunnels(ports, policy);
    ASSERT_EQ(open_one().status, 101) << i;
  }
  expect_unavailable(open_one());
  EXPECT_EQ(answers(AnswerReason::TunnelLimit), 1U);
  serve_tunnels(ports, policy);
  EXPECT_EQ(open_one().status, 503);
  for (const auto& count : opened) EXPECT_EQ(count, 5);
  policy.limit_per_endpoint = 6;
  serve_tunnels(ports, policy);
  EXPECT_EQ(open_one().status, 101);
}

TEST_F(TunnelAdmission, Pain23_TheProcessesOwnLimitRefusesWithItsNameAndCutsNobody) {
  Backend app(echo());
  Options options;
  options.limits.descriptors = 200;  // a quarter is for endpoints
  start(options);
  serve({app.port()});
  Response refused;
  for (int i = 0; i < 400 && refused.status == 0; ++i) {
    const auto response = open_one("Accept: application/json\r\n");
    if (response.status != 101) refused = response;
  }
  expect_unavailable(refused);
  EXPECT_GE(open_.size(), 60U);
  EXPECT_LE(open_.size(), 100U) << "each needs two";
  EXPECT_EQ(answers(AnswerReason::TooManyConnections), 1U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.connections_refused; }), 1U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.accept_errors; }), 0U);
  for (auto& client : open_) EXPECT_TRUE(carries(client));
}

// ---- off ---------------------------------------------------------------------------------------

TEST_F(TunnelAdmission, Pain31_ARouteTakesWebSocketsUnlessItSaysNo) {
  Backend app(echo());
  start();
  serve({app.port()});
  ASSERT_EQ(open_one().status, 101) << "nothing had to be switched on";
  EXPECT_TRUE(carries(open_.front()));
  EXPECT_EQ(app.accepted(), 1);

  table::TunnelPolicy off;
  off.websocket = false;
  serve_tunnels({app.port()}, off);
  EXPECT_EQ(open_one().status, 403);
  EXPECT_EQ(answers(AnswerReason::WebSocketOff), 1U);
  EXPECT_EQ(app.accepted(), 1) << "the backend is not asked";
  EXPECT_EQ(get().status, 200);
}

// ---- origins -----------------------------------------------------------------------------------

struct OriginCase {
  std::string name;
  std::vector<std::string> rules;
  std::string origin;  // "-": no such field
  bool allowed;
};

class Origins : public testing::TestWithParam<OriginCase> {};

TEST_P(Origins, Pain36_AreAllowedByRule) {
  const auto& c = GetParam();
  const bool present = c.origin != "-";
  EXPECT_EQ(origin_is_allowed(c.rules, present, present ? c.origin : "", "chat.example"),
            c.allowed);
}

INSTANTIATE_TEST_SUITE_P(
    TunnelAdmission, Origins,
    testing::Values(
        OriginCase{"NoRules", {}, "https://evil.example", true},
        OriginCase{"Exact", {"https://a.example"}, "https://a.example", true},
        OriginCase{"AnotherHost", {"https://a.example"}, "https://b.example", false},
        OriginCase{"AnotherScheme", {"https://a.example"}, "http://a.example", false},
        OriginCase{"AHostThatEndsTheSame", {"https://a.example"}, "https://aa.example", false},
        OriginCase{
            "AHostThatBeginsTheSame", {"https://a.example"}, "https://a.example.evil", false},
        OriginCase{
            "OneOfTwo", {"https://a.example", "https://b.example"}, "https://b.example", true},
        OriginCase{"Wildcard", {"https://*.a.example"}, "https://x.a.example", true},
        OriginCase{"WildcardOfTwoLabels", {"https://*.a.example"}, "https://x.y.a.example", true},
        OriginCase{
            "WildcardIsNotTheNameItself", {"https://*.a.example"}, "https://a.example", false},
        OriginCase{"WildcardNeedsTheDot", {"https://*.a.example"}, "https://xa.example", false},
        OriginCase{"WildcardNeedsALabel", {"https://*.a.example"}, "https://.a.example", false},
        OriginCase{"Port", {"https://a.example:8443"}, "https://a.example:8443", true},
        OriginCase{"AnotherPort", {"https://a.example:8443"}, "https://a.example:8444", false},
        OriginCase{"NoPort", {"https://a.example:8443"}, "https://a.example", false},
        OriginCase{"TheSchemesPort", {"https://a.example"}, "https://a.example:443", true},
        OriginCase{"TheSchemesPortInTheRule", {"http://a.example:80"}, "http://a.example", true},
        OriginCase{"TheOtherSchemesPort", {"https://a.example"}, "https://a.example:80", false},
        OriginCase{
            "WildcardWithPort", {"https://*.a.example:8443"}, "https://x.a.example:8443", true},
        OriginCase{"Null", {"https://a.example", "same-host", "none"}, "null", false},
        OriginCase{"Absent", {"https://a.example", "same-host"}, "-", false},
        OriginCase{"AbsentIsFine", {"https://a.example", "none"}, "-", true},
        OriginCase{"NoneIsOnlyAbsence", {"none"}, "https://a.example", false},
        OriginCase{"UpperCase", {"https://a.example"}, "HTTPS://A.Example", true},
        OriginCase{
            "Punycode", {"https://xn--bcher-kva.example"}, "https://xn--bcher-kva.example", true},
        OriginCase{"NotPunycode",
                   {"https://xn--bcher-kva.example"},
                   "https://b\xc3\xbc"
                   "cher.example",
                   false},
        OriginCase{"SameHost", {"same-host"}, "https://chat.example", true},
        OriginCase{"SameHostOnAnotherPort", {"same-host"}, "http://chat.example:8080", true},
        OriginCase{"NotTheSameHost", {"same-host"}, "https://evil.example", false},
        OriginCase{"Address", {"https://[2001:db8::1]:8443"}, "https://[2001:db8::1]:8443", true},
        OriginCase{
            "APathIsNoHost", {"https://*.a.example"}, "https://evil.example/x.a.example", false},
        OriginCase{
            "AUserIsNoHost", {"https://*.a.example"}, "https://evil.example@x.a.example", false},
        OriginCase{"NoOrigin", {"https://a.example"}, "a.example", false}),
    [](const auto& param) { return param.param.name; });

TEST_F(TunnelAdmission, Pain36_AnotherSitesPageDoesNotReachTheBackend) {
  std::promise<std::string> head;
  std::atomic<int> asked = 0;
  Backend app([&](Socket& socket) {
    auto seen = test::receive_head(socket);
    if (asked++ == 0) head.set_value(std::move(seen));
    socket.send(test::kSwitchingProtocols);
    socket.receive_all();
  });
  start();
  table::TunnelPolicy policy;
  policy.allowed_origins = {"same-host", "https://*.friends.example"};
  serve_tunnels({app.port()}, policy);
  for (const std::string fields : {"Origin: https://evil.example\r\n", "Origin: null\r\n", "",
                                   "Origin: https://a\r\nOrigin: https://evil.example\r\n"}) {
    EXPECT_EQ(open_one(fields).status, 403) << fields;
  }
  EXPECT_EQ(app.accepted(), 0);
  EXPECT_EQ(answers(AnswerReason::OriginDenied), 4U);
  // Origin and Host go on as they came.
  EXPECT_EQ(open_one("origin: HTTPS://A:443\r\n").status, 101);
  const auto seen = head.get_future().get();
  EXPECT_NE(seen.find("\r\norigin: HTTPS://A:443\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("\r\nHost: a\r\n"), std::string::npos) << seen;
  EXPECT_EQ(open_one("Origin: https://x.friends.example\r\n").status, 101);
}

TEST_F(TunnelAdmission, Pain36_WhoMayNoLongerOpenOneLosesIt) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.drain_window_ms = 0;
  serve_tunnels({app.port()}, policy);
  ASSERT_EQ(open_one("Origin: https://evil.example\r\n").status, 101);
  policy.allowed_origins = {"same-host"};
  serve_tunnels({app.port()}, policy);
  // The page of another site gets a Close, 1001.
  EXPECT_EQ(open_.front().receive_exactly(4).substr(2), "\x03\xe9");
}

}  // namespace
}  // namespace weir::proxy
