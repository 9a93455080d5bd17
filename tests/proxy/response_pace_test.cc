#include "proxy/response_pace.h"

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using test::Backend;
using test::Socket;

TEST(ResponsePaceTest, IsOffWithoutARate) {
  EXPECT_FALSE(ResponsePace(table::ResponseRate{0, 100}).is_on());
}

TEST(ResponsePaceTest, LetsASecondsWorthGoAheadAndThenTheRate) {
  ResponsePace pace(table::ResponseRate{1'000, 500});
  const auto begun = ResponsePace::TimePoint{} + milliseconds(5);
  EXPECT_GT(pace.room(begun), 1'000'000U) << "the head is not counted";
  pace.sent(100, begun);
  EXPECT_EQ(pace.room(begun), 1'400U) << "what is free, and a second's worth";
  pace.sent(1'400, begun);
  EXPECT_EQ(pace.room(begun), 0U);
  EXPECT_GE(pace.pause(begun), milliseconds(60)) << "until a sixteenth of a second's is due";
  EXPECT_LE(pace.pause(begun), milliseconds(70));
  EXPECT_EQ(pace.room(begun + milliseconds(500)), 500U);
  pace.sent(500, begun + milliseconds(500));
  EXPECT_EQ(pace.room(begun + milliseconds(500)), 0U);
}

class PacedResponse : public ProxyTest {
 protected:
  void serve_paced(std::uint16_t port, const table::ResponseRate& rate) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.response_rate = rate;
    made->routes.front().rules = rules;
    Delta delta;
    delta.backends = {backend("app", {port})};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
};

TEST_F(PacedResponse, TakesItsTimeAndComesWhole) {
  constexpr std::size_t kSize = 300'000;
  Backend app(test::always(std::string(kSize, 'x')));
  start();
  serve_paced(app.port(), {200'000, 50'000});
  const auto begun = std::chrono::steady_clock::now();
  const auto response = get();
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.size(), kSize);
  // 250 000 go at once; the rest is a quarter of a second's, less the last part, that is due ahead.
  EXPECT_GE(took, milliseconds(150));
}

TEST_F(PacedResponse, HoldsNobodyUpWhereItIsSmall) {
  Backend app(test::always("small"));
  start();
  serve_paced(app.port(), {1'024, 0});
  auto socket = connect();
  for (int i = 0; i < 3; ++i) {
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(test::receive_response(socket).body, "small");
  }
}

TEST_F(PacedResponse, EndsWhenTheClientGoes) {
  Backend app(test::always(std::string(100'000, 'x')));
  start();
  serve_paced(app.port(), {1, 1'000});
  {
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    socket.receive(1);
  }
  ASSERT_TRUE(test::eventually([&] {
    return sum([](const Counters& c) -> const Cell& { return c.requests_aborted; }) == 1;
  }));
}

}  // namespace
}  // namespace weir::proxy
