#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "proxy/proxy_fixture.h"

// Limits of endpoints, and who waits for room (docs/balancing.md).

namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::receive_response;
using test::Socket;

/// Answers a request when the test says so, and knows how many it had at once.
class Gate {
 public:
  Backend::Script script() {
    return [this](Socket& socket) {
      for (;;) {
        const auto head = receive_head(socket);
        if (head.empty()) return;
        enter(head);
        socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
      }
    };
  }
  void let_go(int requests) {
    const std::lock_guard lock(mutex_);
    tickets_ += requests;
    changed_.notify_all();
  }
  void open() { let_go(1'000'000); }
  int inside() const {
    const std::lock_guard lock(mutex_);
    return inside_;
  }
  int most() const {
    const std::lock_guard lock(mutex_);
    return most_;
  }
  /// Request lines, in the order in which they came.
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  void enter(const std::string& head) {
    std::unique_lock lock(mutex_);
    seen_.push_back(head.substr(0, head.find('\r')));
    most_ = std::max(most_, ++inside_);
    changed_.wait(lock, [this] { return tickets_ > 0; });
    --tickets_;
    --inside_;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int tickets_ = 0;
  int inside_ = 0;
  int most_ = 0;
  std::vector<std::string> seen_;
};

class EndpointLimits : public ProxyTest {
 protected:
  void start_with(unsigned threads) {
    Options options;
    options.threads = threads;
    start(options);
  }
  void serve_limited(const std::vector<std::uint16_t>& ports, const table::EndpointLimits& limits) {
    Delta delta;
    auto made = std::make_shared<table::Backend>(*backend("app", ports));
    made->limits = limits;
    delta.backends = {made};
    delta.hosts = {host("", "app")};
    adopt(std::move(delta));
  }
  /// A request on a connection of its own; its answer is yet to come.
  Socket ask(const std::string& path = "/") const {
    auto socket = connect();
    socket.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    return socket;
  }
  std::uint64_t waiting() const {
    return sum([](const Counters& c) -> const Cell& { return c.requests_waiting; });
  }
  bool waiting_becomes(std::uint64_t number) const {
    return test::eventually([&] { return waiting() == number; });
  }
  static bool has(const Gate& gate, int inside) {
    return test::eventually([&] { return gate.inside() == inside; });
  }
};

TEST_F(EndpointLimits, WhatIsAboveTheLimitWaitsForItsTurn) {
  Gate gate;
  Backend app(gate.script());
  start_with(2);
  serve_limited({app.port()}, {.requests = 2, .queue = 100, .queue_timeout_ms = 60'000});
  std::vector<Socket> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(ask());
  ASSERT_TRUE(waiting_becomes(18));
  ASSERT_TRUE(has(gate, 2));
  gate.open();
  for (auto& client : clients) EXPECT_EQ(receive_response(client).status, 200);
  EXPECT_EQ(gate.most(), 2) << "over both workers";
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(EndpointLimits, FirstComeFirstServed) {
  Gate gate;
  Backend app(gate.script());
  start_with(2);
  serve_limited({app.port()}, {.requests = 1, .queue = 100, .queue_timeout_ms = 60'000});
  std::vector<Socket> clients;
  std::vector<std::string> expected;
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto path = "/" + std::to_string(i);
    clients.push_back(ask(path));
    expected.push_back("GET " + path + " HTTP/1.1");
    ASSERT_TRUE(i == 0 ? has(gate, 1) : waiting_becomes(i));
  }
  gate.open();
  for (auto& client : clients) EXPECT_EQ(receive_response(client).status, 200);
  EXPECT_EQ(gate.seen(), expected);
}

TEST_F(EndpointLimits, AFullQueueRefusesAtOnce) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 1, .queue_timeout_ms = 60'000});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  auto second = ask();
  ASSERT_TRUE(waiting_becomes(1));
  const auto refused = get();
  EXPECT_EQ(refused.status, 503);
  const auto after = refused.field("Retry-After");
  EXPECT_TRUE(after >= "1" && after <= "4") << after;
  EXPECT_EQ(answers(AnswerReason::QueueFull), 1U);
  gate.open();
  EXPECT_EQ(receive_response(first).status, 200);
  EXPECT_EQ(receive_response(second).status, 200);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.requests_queued; }), 1U);
}

TEST_F(EndpointLimits, WithoutAQueueNobodyWaits) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 0, .queue_timeout_ms = 60'000});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  EXPECT_EQ(get().status, 503);
  gate.open();
  EXPECT_EQ(receive_response(first).status, 200);
  EXPECT_EQ(get().status, 200);
}

TEST_F(EndpointLimits, WaitingEndsByTheQueuesTime) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 10, .queue_timeout_ms = 100});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  const auto refused = get();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.field("Retry-After"), "");
  EXPECT_EQ(answers(AnswerReason::QueueTimeout), 1U);
  EXPECT_EQ(waiting(), 0U);
  gate.open();
  EXPECT_EQ(receive_response(first).status, 200);
}

TEST_F(EndpointLimits, AClientThatLeavesFreesItsPlace) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 1, .queue_timeout_ms = 60'000});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  {
    auto leaves = ask();
    ASSERT_TRUE(waiting_becomes(1));
  }
  ASSERT_TRUE(waiting_becomes(0));
  auto next = ask();
  ASSERT_TRUE(waiting_becomes(1));
  gate.open();
  EXPECT_EQ(receive_response(first).status, 200);
  EXPECT_EQ(receive_response(next).status, 200);
  EXPECT_EQ(gate.seen().size(), 2U);
}

TEST_F(EndpointLimits, AnotherEndpointWithRoomGoesBeforeWaiting) {
  Gate one;
  Gate other;
  Backend app(one.script());
  Backend app_too(other.script());
  start_with(2);
  serve_limited({app.port(), app_too.port()}, {.requests = 1, .queue = 0});
  auto first = ask();
  ASSERT_TRUE(test::eventually([&] { return one.inside() + other.inside() == 1; }));
  auto second = ask();
  ASSERT_TRUE(has(one, 1) && has(other, 1));
  one.open();
  other.open();
  EXPECT_EQ(receive_response(first).status, 200);
  EXPECT_EQ(receive_response(second).status, 200);
}

TEST_F(EndpointLimits, ANewEndpointTakesThoseWhoWait) {
  Gate busy;
  Backend app(busy.script());
  Backend fresh(test::always("new"));
  start_with(2);
  const table::EndpointLimits limits{.requests = 1, .queue = 10, .queue_timeout_ms = 60'000};
  serve_limited({app.port()}, limits);
  auto first = ask();
  ASSERT_TRUE(has(busy, 1));
  auto second = ask();
  auto third = ask();
  ASSERT_TRUE(waiting_becomes(2));
  serve_limited({app.port(), fresh.port()}, limits);
  EXPECT_EQ(receive_response(second).body, "new");
  EXPECT_EQ(receive_response(third).body, "new");
  busy.open();
  EXPECT_EQ(receive_response(first).status, 200);
}

TEST_F(EndpointLimits, AnEndpointThatComesBackTakesThoseWhoWait) {
  Gate busy;
  Backend app(busy.script());
  Backend back(test::always("back"));
  start_with(2);
  auto made = std::make_shared<table::Backend>(*backend("app", {app.port(), back.port()}));
  made->limits = table::EndpointLimits{.requests = 1, .queue = 10, .queue_timeout_ms = 60'000};
  table::ActiveHealth health;
  health.kind = table::ActiveHealth::Kind::Tcp;
  made->health = health;
  const auto shared = plane_->backends().get("app");
  const auto member = shared->member(made->endpoints.back().id);
  member->fails_checks = true;
  Delta delta;
  delta.backends = {made};
  delta.hosts = {host("", "app")};
  adopt(std::move(delta));
  auto first = ask();
  ASSERT_TRUE(has(busy, 1)) << "not the one that fails";
  auto second = ask();
  ASSERT_TRUE(waiting_becomes(1)) << "for one that is in";
  member->fails_checks = false;
  shared->call_everyone();
  EXPECT_EQ(receive_response(second).body, "back");
  busy.open();
  EXPECT_EQ(receive_response(first).status, 200);
}

TEST_F(EndpointLimits, RequestsOfTheOldTableCountInTheNewOne) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 0});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  serve_limited({app.port()}, {.requests = 1, .queue = 0, .queue_timeout_ms = 7});
  EXPECT_EQ(get().status, 503);
  serve_limited({app.port()}, {.requests = 2, .queue = 0});
  auto second = ask();
  EXPECT_TRUE(has(gate, 2));
  gate.open();
  EXPECT_EQ(receive_response(first).status, 200);
  EXPECT_EQ(receive_response(second).status, 200);
}

TEST_F(EndpointLimits, WhenTheLimitGoesNobodyWaits) {
  Gate gate;
  Backend app(gate.script());
  start_with(2);
  serve_limited({app.port()}, {.requests = 1, .queue = 10, .queue_timeout_ms = 60'000});
  std::vector<Socket> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(ask());
  ASSERT_TRUE(waiting_becomes(4));
  serve({app.port()});
  EXPECT_TRUE(has(gate, 5));
  gate.open();
  for (auto& client : clients) EXPECT_EQ(receive_response(client).status, 200);
}

TEST_F(EndpointLimits, WhenTheBackendGoesThoseWhoWaitAreTold) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 10, .queue_timeout_ms = 60'000});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  auto second = ask();
  ASSERT_TRUE(waiting_becomes(1));
  Delta delta;
  delta.removed_backends = {"app"};
  adopt(std::move(delta));
  EXPECT_EQ(receive_response(second).status, 503);
  EXPECT_EQ(answers(AnswerReason::NoEndpoint), 1U);
  gate.open();
  EXPECT_EQ(receive_response(first).status, 200);
}

TEST_F(EndpointLimits, AFailedEndpointIsFollowedByOneWithRoom) {
  Gate gate;
  Backend good(gate.script());
  start_with(1);
  serve_limited({test::unused_port(), good.port()},
                {.requests = 1, .queue = 10, .queue_timeout_ms = 60'000});
  std::vector<Socket> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(ask());
  ASSERT_TRUE(waiting_becomes(3)) << "for the one that answers";
  gate.open();
  for (auto& client : clients) EXPECT_EQ(receive_response(client).status, 200);
}

TEST_F(EndpointLimits, ASessionWaitsForItsOwnEndpointAndHoldsUpNobodyElse) {
  Gate busy;
  Gate idle;
  Backend app(busy.script());
  Backend app_too(idle.script());
  start_with(1);
  auto made = std::make_shared<table::Backend>(*backend("app", {app.port(), app_too.port()}));
  made->limits = table::EndpointLimits{.requests = 1, .queue = 10, .queue_timeout_ms = 60'000};
  made->sticky_cookie.emplace().mode = table::StickyCookie::Mode::Persistent;
  auto all = std::make_shared<table::Host>(*host("", "app"));
  all->routes.front().sticky = true;
  Delta delta;
  delta.backends = {made};
  delta.hosts = {all};
  adopt(std::move(delta));
  // A client of the busy one.
  std::string cookie;
  while (cookie.empty()) {
    auto client = ask();
    ASSERT_TRUE(test::eventually([&] { return busy.inside() + idle.inside() == 1; }));
    const bool is_busy = busy.inside() == 1;
    (is_busy ? busy : idle).let_go(1);
    const auto line = receive_response(client).field("Set-Cookie");
    if (is_busy) cookie = line.substr(0, line.find(';'));
  }
  const auto ask_with_cookie = [&] {
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\n\r\n");
    return socket;
  };
  auto first = ask_with_cookie();
  ASSERT_TRUE(has(busy, 1));
  auto second = ask_with_cookie();
  ASSERT_TRUE(waiting_becomes(1));
  auto other = ask();
  EXPECT_TRUE(has(idle, 1));
  idle.let_go(1);
  EXPECT_EQ(receive_response(other).status, 200);
  EXPECT_EQ(waiting(), 1U);
  busy.let_go(2);
  EXPECT_EQ(receive_response(first).status, 200);
  EXPECT_EQ(receive_response(second).status, 200);
}

TEST_F(EndpointLimits, ADrainLetsThoseWhoWaitFinish) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 10, .queue_timeout_ms = 60'000});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  auto second = ask();
  ASSERT_TRUE(waiting_becomes(1));
  plane_->stop_accepting();
  gate.open();
  EXPECT_EQ(receive_response(first).status, 200);
  EXPECT_EQ(receive_response(second).status, 200);
  EXPECT_TRUE(test::eventually([&] { return plane_->open_connections() == 0; }));
}

TEST_F(EndpointLimits, TheEndOfADrainEndsThoseWhoWait) {
  Gate gate;
  Backend app(gate.script());
  start_with(1);
  serve_limited({app.port()}, {.requests = 1, .queue = 10, .queue_timeout_ms = 60'000});
  auto first = ask();
  ASSERT_TRUE(has(gate, 1));
  auto second = ask();
  ASSERT_TRUE(waiting_becomes(1));
  plane_->close_all();
  EXPECT_EQ(second.receive_all(), "");
  EXPECT_TRUE(waiting_becomes(0));
  gate.open();
}

TEST_F(EndpointLimits, NobodyIsForgottenUnderLoad) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto script = [&](Socket& socket) {
    while (!receive_head(socket).empty()) {
      const int now = ++inside;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      --inside;
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    }
  };
  Backend one(script);
  Backend two(script);
  start_with(3);
  serve_limited({one.port(), two.port()},
                {.requests = 1, .queue = 100, .queue_timeout_ms = 100'000});
  std::atomic<int> good = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      auto socket = connect();
      for (int j = 0; j < 200; ++j) {
        if (!socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) return;
        if (receive_response(socket).status == 200) ++good;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 12 * 200) << "a 503 was one that nobody called for 100 s";
  EXPECT_LE(most, 2);
  EXPECT_EQ(waiting(), 0U);
}

}  // namespace
}  // namespace weir::proxy
