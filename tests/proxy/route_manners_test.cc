#include <mutex>

#include "proxy/proxy_fixture.h"

/// How a route speaks to endpoints and clients, beside what it forwards.
namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::Socket;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class RouteManners : public ProxyTest {
 protected:
  RouteManners()
      : app_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            {
              const std::lock_guard lock(mutex_);
              last_ = head;
            }
            socket.send(answer_);
          }
        }) {}

  void serve_with(const table::RouteRules& rules, const std::vector<std::uint16_t>& ports) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    made->routes.front().rules = rules;
    made->routes.front().upstream_tls = tls_;
    Delta delta;
    delta.backends = {backend("app", ports), backend("plain", {app_.port()})};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  void serve_with(const table::RouteRules& rules) { serve_with(rules, {app_.port()}); }
  std::string last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  std::string answer_ = "HTTP/1.1 200 OK\r\nVia: 1.1 app\r\nContent-Length: 2\r\n\r\nok";
  util::Boxed<table::UpstreamTls> tls_;
  mutable std::mutex mutex_;
  std::string last_;
  Backend app_;
};

TEST_F(RouteManners, PlainRequestsGoToTheBackendForSuch) {
  table::RouteRules rules;
  rules.plain_backend = "plain";
  tls_ = table::UpstreamTls{};
  start();
  serve_with(rules, {test::unused_port()});
  EXPECT_EQ(get().status, 200) << "in plain HTTP, whatever the others speak";
  auto secure = connect_tls();
  secure.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(test::receive_response(secure).status, 502) << "the route's own";
}

TEST_F(RouteManners, ViaGrowsByTheNameOfWeir) {
  table::RouteRules rules;
  rules.via = "portal";
  start();
  serve_with(rules);
  const auto response = get();
  EXPECT_TRUE(has(last(), "\r\nVia: 1.1 portal\r\n")) << last();
  EXPECT_TRUE(has(response.head, "\r\nVia: 1.1 app\r\n")) << response.head;
  EXPECT_TRUE(has(response.head, "\r\nVia: 1.1 portal\r\n")) << response.head;
  auto socket = connect();
  socket.send("GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 a\r\nvia: 1.0 b\r\n\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 200);
  EXPECT_TRUE(has(last(), "\r\nVia: 1.1 a, 1.0 b, 1.0 portal\r\n")) << last();
  EXPECT_FALSE(has(last(), "via: 1.0 b")) << last();
}

TEST_F(RouteManners, AStatusOfItsOwnTellsThatNobodyAnswered) {
  table::RouteRules rules;
  rules.unanswered_status = 400;
  start();
  serve_with(rules, {test::unused_port()});
  EXPECT_EQ(get().status, 400);
  Backend mute([](Socket& socket) { receive_head(socket); });
  serve_with(rules, {mute.port()});
  EXPECT_EQ(get().status, 400);
  serve_with(rules, {});
  EXPECT_EQ(get().status, 503) << "there is nobody to be asked";
  answer_ = "HTTP/1.1 502 Oh\r\nContent-Length: 0\r\n\r\n";
  serve_with(rules);
  EXPECT_EQ(get().status, 502) << "an endpoint's own";
}

TEST_F(RouteManners, AnErrorEndsTheConnectionWhereItIsTo) {
  table::RouteRules rules;
  rules.close_after_error = true;
  answer_ = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
  start();
  serve_with(rules);
  auto socket = connect();
  socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(test::receive_response(socket).head, "\r\nConnection: close\r\n"));
  EXPECT_TRUE(socket.at_end());
  serve_with(rules, {});
  auto own = connect();
  own.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(test::receive_response(own).status, 503);
  EXPECT_TRUE(own.at_end()) << "weir's own, too";
}

TEST_F(RouteManners, HttpOneZeroHasOneRequestAConnection) {
  table::RouteRules rules;
  rules.speaks_http_1_0 = true;
  start();
  serve_with(rules);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(get("/a").status, 200);
    EXPECT_TRUE(last().starts_with("GET /a HTTP/1.0\r\n")) << last();
    EXPECT_TRUE(has(last(), "\r\nConnection: close\r\n")) << last();
  }
  EXPECT_EQ(app_.accepted(), 2);
  auto socket = connect();
  socket.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 411);
}

TEST_F(RouteManners, ConnectionsThatAreToCloseAreNotUsedAgain) {
  table::RouteRules rules;
  rules.close_endpoints = true;
  start();
  serve_with(rules);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get().status, 200);
  EXPECT_TRUE(has(last(), " HTTP/1.1\r\n"));
  EXPECT_TRUE(has(last(), "\r\nConnection: close\r\n")) << last();
  EXPECT_EQ(app_.accepted(), 2);
}

TEST_F(RouteManners, OddNamesAreDroppedUnlessTheyMayGoOn) {
  start();
  serve_with({});
  const auto ask = [&] {
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\nX.Odd: 1\r\nX-Even: 2\r\n\r\n");
    EXPECT_EQ(test::receive_response(socket).status, 200);
  };
  ask();
  EXPECT_FALSE(has(last(), "X.Odd")) << last();
  EXPECT_TRUE(has(last(), "X-Even: 2")) << last();
  Delta delta;
  delta.settings.emplace().odd_names_in_headers = true;
  adopt(std::move(delta));
  ask();
  EXPECT_TRUE(has(last(), "X.Odd: 1")) << last();
}

TEST_F(RouteManners, TheAddressAloneIsBelieved) {
  start();
  serve_with({});
  Delta delta;
  auto& forwarded = delta.settings.emplace().forwarded;
  forwarded.trust_address = true;
  adopt(std::move(delta));
  auto socket = connect();
  socket.send(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
      "X-Forwarded-Host: b\r\n\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 200);
  EXPECT_TRUE(has(last(), "\r\nX-Real-IP: 192.0.2.7\r\n")) << last();
  EXPECT_TRUE(has(last(), "\r\nX-Forwarded-For: 192.0.2.7\r\n")) << last();
  EXPECT_TRUE(has(last(), "\r\nX-Forwarded-Proto: http\r\n")) << last();
  EXPECT_TRUE(has(last(), "\r\nX-Forwarded-Host: a\r\n")) << last();
}

/// Settings that the table has instead of the proxy's flags.
class ConnectionSettingsTest : public RouteManners {
 protected:
  void set(const table::ConnectionSettings& connections) {
    Delta delta;
    delta.settings.emplace().connections = connections;
    adopt(std::move(delta));
  }
  /// Requests that one connection takes, up to three.
  int requests_of_one() {
    auto socket = connect();
    for (int i = 1;; ++i) {
      socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      const auto response = test::receive_response(socket);
      EXPECT_EQ(response.status, 200);
      if (i == 3 || has(response.head, "Connection: close")) return i;
    }
  }
};

TEST_F(ConnectionSettingsTest, SayHowManyRequestsAConnectionTakes) {
  start();
  serve_with({});
  table::ConnectionSettings two;
  two.client_requests = 2;
  set(two);
  EXPECT_EQ(requests_of_one(), 2);
  table::ConnectionSettings none;
  none.client_idle_ms = 0;
  set(none);
  EXPECT_EQ(requests_of_one(), 1) << "without idle time";
  set({});
  EXPECT_EQ(requests_of_one(), 3) << "as the flags say";
}

TEST_F(ConnectionSettingsTest, SayHowLongConnectionsAreKept) {
  start();
  serve_with({});
  table::ConnectionSettings brief;
  brief.client_idle_ms = 1;
  set(brief);
  auto socket = connect();
  socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 200);
  EXPECT_TRUE(socket.at_end());
}

TEST_F(ConnectionSettingsTest, SayWhatAHeadMayTake) {
  start();
  serve_with({});
  table::ConnectionSettings small;
  small.uri_bytes = 1024;
  small.head_bytes = 2048;
  set(small);
  EXPECT_EQ(get("/" + std::string(1'100, 'a')).status, 414);
  auto socket = connect();
  socket.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2'100, 'a') + "\r\n\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 431);
}

TEST_F(ConnectionSettingsTest, SayHowConnectionsToEndpointsAreKept) {
  start();
  serve_with({});
  table::ConnectionSettings none;
  none.pool_size = 0;
  set(none);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get().status, 200);
  EXPECT_EQ(app_.accepted(), 2);
  set({});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get().status, 200);
  EXPECT_EQ(app_.accepted(), 3);
}

TEST_F(ConnectionSettingsTest, SayHowLongAHeadMayTake) {
  start();
  serve_with({});
  table::ConnectionSettings brief;
  brief.client_head_ms = 50;
  set(brief);
  auto socket = connect();
  socket.send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 408);
}

}  // namespace
}  // namespace weir::proxy
