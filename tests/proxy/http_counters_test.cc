#include "proxy/http_counters.h"

#include <map>

#include "proxy/proxy_fixture.h"
#include "support/socket.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::eventually;
using test::receive_head;
using test::Socket;

class CountedByRoute : public ProxyTest {
 protected:
  /// An application that answers each request with this status.
  static Backend::Script answers_with(const std::string& status) {
    return [status](Socket& socket) {
      for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
        socket.send("HTTP/1.1 " + status + "\r\nContent-Length: 2\r\n\r\nok");
      }
    };
  }

  /// "default/test app /: GET 200" → how many, over all workers.
  std::map<std::string, std::uint64_t> requests() const {
    std::map<std::string, std::uint64_t> all;
    for (const auto& counters : plane_->http_counters().counters()) {
      const auto& labels = counters->labels();
      const auto route = labels.origin + " " + labels.backend + " " + labels.path + ": ";
      counters->for_each([&](RequestKind kind, const HttpSeries& series) {
        all[route + kind.method() + " " + kind.code()] += series.requests.read();
      });
    }
    return all;
  }
  /// A request counts when it is over, which the client may see a moment before.
  testing::AssertionResult counted(const std::string& what, std::uint64_t count) const {
    if (eventually([&] { return requests()[what] == count; })) return testing::AssertionSuccess();
    auto failure = testing::AssertionFailure() << what << ": " << requests()[what];
    return failure;
  }
  /// Of the one route that has requests.
  template <class Value>
  std::uint64_t total(Value value) const {
    std::uint64_t all = 0;
    for (const auto& counters : plane_->http_counters().counters()) {
      counters->for_each(
          [&](RequestKind, const HttpSeries& series) { all += value(*counters, series); });
    }
    return all;
  }

  static std::shared_ptr<table::Host> shop() {
    return std::make_shared<table::Host>(*host("a.example", "app"));
  }
};

TEST_F(CountedByRoute, ByMethodAndStatusWhoeverAnswers) {
  Backend app(answers_with("201 Created"));
  start();
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {shop(), host("secure.example", "app", /*https_only=*/true)};
  adopt(std::move(delta));

  get();
  get("/cart?item=7");
  get("/", "secure.example");
  get("/", "other.example");
  auto client = connect();
  client.send("BREW / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  test::receive_response(client);
  auto broken = connect();
  broken.send("GET / HTTP/1.1\r\nBad Field\r\n\r\n");
  test::receive_response(broken);

  EXPECT_TRUE(counted("default/test app /: GET 201", 2));
  EXPECT_TRUE(counted("default/test app /: OTHER 201", 1));
  EXPECT_TRUE(counted("default/test app /: GET 308", 1));
  EXPECT_TRUE(counted("_/_ _ _: GET 404", 1));
  EXPECT_TRUE(counted("_/_ _ _: OTHER 400", 1));
}

TEST_F(CountedByRoute, TimesAndBytes) {
  Backend app(answers_with("200 OK"));
  start();
  serve({app.port()});
  auto client = connect();
  const std::string head = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n";
  client.send(head + "hello");
  const auto first = test::receive_response(client);
  client.send(head + "again");
  test::receive_response(client);
  ASSERT_TRUE(counted("default/test app /: POST 200", 2));

  const auto count = [this](HttpSeries::Times HttpSeries::*times) {
    return total([times](const HttpCounters&, const HttpSeries& series) {
      std::uint64_t all = 0;
      for (std::size_t i = 0; i < HttpSeries::Times::kBuckets; ++i) {
        all += (series.*times).count(i);
      }
      return all;
    });
  };
  EXPECT_EQ(count(&HttpSeries::durations), 2U);
  EXPECT_EQ(count(&HttpSeries::headers), 2U);
  EXPECT_EQ(count(&HttpSeries::responses), 2U);
  EXPECT_EQ(count(&HttpSeries::connects), 1U);  // the second one had its connection
  EXPECT_EQ(total([](const HttpCounters&, const HttpSeries& s) { return s.request_bytes.read(); }),
            2 * (head.size() + 5));
  // As the application sends them; weir adds nothing to a response.
  EXPECT_EQ(total([](const HttpCounters&, const HttpSeries& s) { return s.response_bytes.read(); }),
            2 * std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").size());
  EXPECT_EQ(first.status, 200);
}

TEST_F(CountedByRoute, ClientsThatLeaveAreAKindOfTheirOwn) {
  std::promise<void> asked;
  Backend app([&](Socket& socket) {
    receive_head(socket);
    asked.set_value();
    receive_head(socket);  // never answers
  });
  start();
  serve({app.port()});
  {
    auto client = connect();
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    asked.get_future().wait();
  }
  EXPECT_TRUE(counted("default/test app /: GET 499", 1));
}

TEST_F(CountedByRoute, TriesThatFailSayWhy) {
  Backend resets([](Socket& socket) { receive_head(socket); });
  start();
  serve({test::unused_port()});
  get();
  serve({resets.port()});
  get();
  ASSERT_TRUE(counted("default/test app /: GET 502", 2));
  const auto& counters = plane_->http_counters().counters();
  const auto sum_of = [&](auto cells, auto reason) {
    std::uint64_t all = 0;
    for (const auto& one : counters)
      all += ((*one).*cells)[static_cast<std::size_t>(reason)].read();
    return all;
  };
  EXPECT_GE(sum_of(&HttpCounters::connect_failures, ConnectFailure::Refused), 1U);
  EXPECT_EQ(sum_of(&HttpCounters::connect_failures, ConnectFailure::Tls), 0U);
  EXPECT_GE(sum_of(&HttpCounters::retries, RetryReason::Reset), 1U);
}

TEST_F(CountedByRoute, AChangeOfTheHostLosesNothing) {
  Backend app(answers_with("200 OK"));
  start();
  auto two_routes = shop();
  two_routes->routes.insert(two_routes->routes.begin(), two_routes->routes.front());
  two_routes->routes.front().match.path = "/cart";
  Delta delta;
  delta.backends = {backend("app", {app.port()}), backend("new", {app.port()})};
  delta.hosts = {two_routes};
  adopt(std::move(delta));
  get("/cart");
  get("/");
  ASSERT_TRUE(counted("default/test app /cart: GET 200", 1));
  ASSERT_TRUE(counted("default/test app /: GET 200", 1));

  auto other = shop();  // without /cart, and "/" is another policy's
  other->routes.front().requests = any_body();
  Delta change;
  change.hosts = {other};
  adopt(std::move(change));
  get("/");
  EXPECT_TRUE(counted("default/test app /: GET 200", 2));
  EXPECT_TRUE(eventually([&] { return !requests().contains("default/test app /cart: GET 200"); }));

  auto elsewhere = shop();
  elsewhere->routes.front().backends = {{"new", 1}};
  Delta move;
  move.hosts = {elsewhere};
  adopt(std::move(move));
  get("/");
  EXPECT_TRUE(counted("default/test new /: GET 200", 1));
  EXPECT_TRUE(eventually([&] { return !requests().contains("default/test app /: GET 200"); }));
}

TEST_F(CountedByRoute, ConnectionsSayWhyTheyEnd) {
  Backend app(answers_with("200 OK"));
  Options options;
  options.timeouts.keep_alive = std::chrono::milliseconds(50);
  options.limits.requests_per_connection = 2;
  start(options);
  serve({app.port()});
  const auto closed = [this](CloseReason reason) {
    return sum([reason](const Counters& c) -> const Cell& {
      return c.connections_closed[static_cast<std::size_t>(reason)];
    });
  };
  auto idle = connect();
  idle.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  EXPECT_EQ(test::receive_response(idle).status, 200);
  EXPECT_TRUE(idle.at_end());
  auto busy = connect();
  busy.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  test::receive_response(busy);
  test::receive_response(busy);
  EXPECT_TRUE(busy.at_end());
  auto broken = connect();
  broken.send("no HTTP\r\n\r\n");
  test::receive_response(broken);
  broken.close();
  auto plain = connect_to_https();
  plain.send("GET / HTTP/1.1\r\n\r\n");
  plain.close();
  { auto client = connect(); }
  busy.close();

  EXPECT_TRUE(eventually([&] { return closed(CloseReason::Idle) == 1; }));
  EXPECT_TRUE(eventually([&] { return closed(CloseReason::MaxRequests) == 1; }));
  EXPECT_TRUE(eventually([&] { return closed(CloseReason::ProtocolError) == 1; }));
  EXPECT_TRUE(eventually([&] { return closed(CloseReason::TlsError) == 1; }));
  EXPECT_TRUE(eventually([&] { return closed(CloseReason::Client) == 1; }));
}

TEST(RequestKind, AreOfClosedLists) {
  const auto kind = [](std::string_view method, int status) {
    const RequestKind made(RequestKind::number_of(method), status);
    return std::string(made.method()) + " " + made.code() + " " + made.code_class();
  };
  EXPECT_EQ(kind("GET", 200), "GET 200 2xx");
  EXPECT_EQ(kind("CONNECT", 511), "CONNECT 511 5xx");
  EXPECT_EQ(kind("get", 418), "OTHER 4xx 4xx");
  EXPECT_EQ(kind("PROPFIND", 599), "OTHER 5xx 5xx");
  EXPECT_EQ(kind("", 199), "OTHER 1xx 1xx");
}

}  // namespace
}  // namespace weir::proxy
