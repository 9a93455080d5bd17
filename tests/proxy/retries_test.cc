#include <atomic>

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;
using test::Backend;
using test::receive_head;
using test::receive_response;
using test::Socket;

/// Takes a request and hangs up.
Backend::Script hang_up(std::atomic<int>& requests) {
  return [&requests](Socket& socket) {
    if (!receive_head(socket).empty()) ++requests;
    socket.close();
  };
}

/// Answers every request with this status, and counts them.
Backend::Script answer(std::atomic<int>& requests, int status) {
  return [&requests, status](Socket& socket) {
    while (!receive_head(socket).empty()) {
      ++requests;
      socket.send("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 2\r\n\r\nhi");
    }
  };
}

class Retries : public ProxyTest {
 protected:
  /// One host whose route has this policy, over these ports.
  void serve_with(const table::Retries& retries, std::shared_ptr<table::Backend> app) {
    table::Route route;
    route.origin = "default/test";
    route.backends = {{app->name, 1}};
    route.retries = retries;
    route.requests = requests_;
    route.sticky = app->sticky_cookie.has_value();
    auto all = std::make_shared<table::Host>();
    all->routes = {route};
    Delta delta;
    delta.backends = {std::move(app)};
    delta.hosts = {all};
    adopt(std::move(delta));
  }
  /// As `backend` of the fixture, each request to the next port in turn.
  static std::shared_ptr<table::Backend> in_turn(const std::vector<std::uint16_t>& ports) {
    auto made = std::make_shared<table::Backend>(*backend("app", ports));
    made->balancing.algorithm = table::Balancing::Algorithm::RoundRobin;
    return made;
  }
  test::Response request(const std::string& method, const std::string& body = "") const {
    auto socket = connect();
    socket.send(method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    return receive_response(socket);
  }
  std::uint64_t retried() const {
    return sum([](const Counters& c) -> const Cell& { return c.upstream_retries; });
  }
  std::uint64_t ejected() const {
    return sum([](const Counters& c) -> const Cell& { return c.endpoint_ejections; });
  }

  std::atomic<int> bad_requests_ = 0;
  std::atomic<int> good_requests_ = 0;
  table::RequestPolicy requests_;
};

TEST_F(Retries, AnEndpointThatHangsUpIsFollowedByAnother) {
  Backend bad(hang_up(bad_requests_));
  Backend good(answer(good_requests_, 200));
  start();
  serve_with({}, in_turn({bad.port(), good.port()}));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(request("GET").status, 200);
  EXPECT_EQ(good_requests_, 4);
  EXPECT_GE(bad_requests_, 1);
  EXPECT_EQ(retried(), static_cast<std::uint64_t>(bad_requests_));
}

TEST_F(Retries, ABodyThatIsStillHereGoesAlong) {
  std::string seen;
  Backend bad(hang_up(bad_requests_));
  Backend good([&](Socket& socket) {
    receive_head(socket);
    seen = socket.receive_exactly(5);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  start();
  for (int i = 0; i < 2; ++i) {
    serve_with({}, in_turn({bad.port(), good.port()}));
    seen.clear();
    EXPECT_EQ(request("PUT", "hello").status, 200);
    EXPECT_EQ(seen, "hello");
  }
}

TEST_F(Retries, WhatMustNotBeRepeatedIsNot) {
  Backend bad(hang_up(bad_requests_));
  start();
  serve_with({}, in_turn({bad.port(), bad.port() /* the same again */}));
  EXPECT_EQ(request("POST", "x").status, 502);
  EXPECT_EQ(bad_requests_, 1);

  table::Retries repeat;
  repeat.non_idempotent = true;
  serve_with(repeat, in_turn({bad.port()}));
  EXPECT_EQ(request("POST", "x").status, 502);
  EXPECT_EQ(bad_requests_, 4) << "three tries";
}

TEST_F(Retries, StopAtTheRoutesNumberOfTries) {
  Backend bad(hang_up(bad_requests_));
  start();
  for (const std::uint32_t tries : {1U, 2U, 5U}) {
    bad_requests_ = 0;
    table::Retries policy;
    policy.tries = tries;
    serve_with(policy, in_turn({bad.port()}));
    EXPECT_EQ(request("GET").status, 502);
    EXPECT_EQ(bad_requests_, static_cast<int>(tries));
  }
}

TEST_F(Retries, AreOffWhereTheRouteSaysSo) {
  Backend bad(hang_up(bad_requests_));
  start();
  table::Retries policy;
  policy.on_error = false;
  serve_with(policy, in_turn({bad.port()}));
  EXPECT_EQ(request("GET").status, 502);
  EXPECT_EQ(bad_requests_, 1);
}

TEST_F(Retries, BeginOnlyWithinTheirWindow) {
  Backend silent([&](Socket& socket) {
    if (!receive_head(socket).empty()) ++bad_requests_;
    socket.receive_all();
  });
  start();
  requests_.read_timeout_ms = 200;
  table::Retries policy;
  policy.window_ms = 1;
  serve_with(policy, in_turn({silent.port()}));
  EXPECT_EQ(request("GET").status, 504);
  EXPECT_EQ(bad_requests_, 1);

  policy.window_ms = 0;
  serve_with(policy, in_turn({silent.port()}));
  EXPECT_EQ(request("GET").status, 504);
  EXPECT_EQ(bad_requests_, 4);

  policy.on_timeout = false;
  serve_with(policy, in_turn({silent.port()}));
  EXPECT_EQ(request("GET").status, 504);
  EXPECT_EQ(bad_requests_, 5);
}

TEST_F(Retries, OfAnswersOnlyThoseThatAreNamed) {
  Backend bad(answer(bad_requests_, 503));
  Backend good(answer(good_requests_, 200));
  start();
  serve_with({}, in_turn({bad.port(), bad.port()}));
  EXPECT_EQ(request("GET").status, 503);
  EXPECT_EQ(bad_requests_, 1);

  table::Retries policy;
  policy.on_status = {502, 503};
  for (int i = 0; i < 2; ++i) {
    serve_with(policy, in_turn({bad.port(), good.port()}));
    EXPECT_EQ(request("GET").status, 200);
  }
  bad_requests_ = 0;
  serve_with(policy, in_turn({bad.port()}));
  const auto last = request("GET");
  EXPECT_EQ(last.status, 503) << "the last try's answer is passed on";
  EXPECT_EQ(last.body, "hi");
  EXPECT_EQ(bad_requests_, 3);
}

TEST_F(Retries, ABrokenResponseOnlyIfNamed) {
  Backend bad([&](Socket& socket) {
    if (!receive_head(socket).empty()) ++bad_requests_;
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
    socket.receive_all();
  });
  start();
  table::Retries policy;
  serve_with(policy, in_turn({bad.port()}));
  EXPECT_EQ(request("GET").status, 502);
  EXPECT_EQ(bad_requests_, 1);
  policy.on_invalid_response = true;
  serve_with(policy, in_turn({bad.port()}));
  EXPECT_EQ(request("GET").status, 502);
  EXPECT_EQ(bad_requests_, 4);
}

TEST_F(Retries, NotAfterTheClientHeardSomething) {
  Backend bad([&](Socket& socket) {
    if (!receive_head(socket).empty()) ++bad_requests_;
    socket.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    socket.close();
  });
  start();
  serve_with({}, in_turn({bad.port()}));
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 103);
  EXPECT_EQ(receive_response(client).status, 502);
  EXPECT_EQ(bad_requests_, 1);
}

TEST_F(Retries, AFailingBackendIsNotFloodedWithThem) {
  Backend bad(hang_up(bad_requests_));
  start();
  auto app = in_turn({bad.port()});
  app->passive_health.failures = 0;
  serve_with({}, app);
  constexpr int kRequests = 100;
  for (int i = 0; i < kRequests; ++i) EXPECT_EQ(request("GET").status, 502);
  EXPECT_LE(bad_requests_, kRequests + 10 + kRequests / 5);
  EXPECT_GE(bad_requests_, kRequests + 10);
}

TEST_F(Retries, ADeadEndpointIsLeftOutAfterSomeFailures) {
  Backend good(answer(good_requests_, 200));
  start();
  auto app = in_turn({test::unused_port(), good.port()});
  app->passive_health = {3, 3'600'000, 3'600'000};
  serve_with({}, app);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(request("GET").status, 200);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.upstream_connect_failures; }), 3U);
  EXPECT_EQ(ejected(), 1U);
}

TEST_F(Retries, AStickyClientStaysWhereItWas) {
  std::atomic<int> other_requests = 0;
  Backend first(answer(good_requests_, 200));
  Backend second(answer(other_requests, 200));
  start();
  for (const auto mode :
       {table::StickyCookie::Mode::Balanced, table::StickyCookie::Mode::Persistent}) {
    good_requests_ = other_requests = 0;
    auto app = in_turn({first.port(), second.port()});
    app->sticky_cookie.emplace().mode = mode;
    serve_with({}, app);
    auto client = connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto cookie = receive_response(client).field("Set-Cookie");
    ASSERT_TRUE(cookie.starts_with("INGRESSCOOKIE=")) << cookie;
    for (int i = 0; i < 20; ++i) {
      client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie.substr(0, cookie.find(';')) +
                  "\r\n\r\n");
      EXPECT_EQ(receive_response(client).field("Set-Cookie"), "");
    }
    EXPECT_TRUE(good_requests_ == 21 || other_requests == 21)
        << good_requests_ << " " << other_requests;
  }
}

TEST_F(Retries, AStickyClientMovesAfterAFailureOnlyIfItMay) {
  Backend bad(hang_up(bad_requests_));
  Backend good(answer(good_requests_, 200));
  start();
  for (const bool may_move : {false, true}) {
    auto app = in_turn({bad.port(), good.port()});
    app->passive_health.failures = 0;
    app->sticky_cookie.emplace().change_on_failure = may_move;
    serve_with({}, app);
    // Every second key or so leads to the bad one: which, is drawn with its port.
    int met = 0;
    for (int key = 0; key < 64; ++key) {
      bad_requests_ = 0;
      auto socket = connect();
      socket.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: INGRESSCOOKIE=" + std::to_string(key) +
                  "|x\r\n\r\n");
      const auto response = receive_response(socket);
      if (bad_requests_ == 0) {
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.field("Set-Cookie"), "");
        continue;
      }
      if (met++ == 2) break;  // before the budget of retries is used up
      EXPECT_EQ(bad_requests_, may_move ? 1 : 3);
      EXPECT_EQ(response.status, may_move ? 200 : 502);
      EXPECT_EQ(response.field("Set-Cookie").empty(), !may_move);
    }
    EXPECT_GT(met, 0);
  }
}

TEST_F(Retries, PooledConnectionsAreReplacedAfterTheirRequests) {
  Backend good(answer(good_requests_, 200));
  Options options;
  options.limits.requests_per_upstream_connection = 3;
  start(options);
  serve_with({}, in_turn({good.port()}));
  for (int i = 0; i < 9; ++i) EXPECT_EQ(request("GET").status, 200);
  EXPECT_EQ(good.accepted(), 3);
}

}  // namespace
}  // namespace weir::proxy
