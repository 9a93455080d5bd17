#include "proxy_control/health_checker.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "support/socket.h"

// Checks of endpoints' health (docs/balancing.md).

namespace weir::proxy_control {
namespace {

using test::Backend;
using test::Socket;
using Kind = table::ActiveHealth::Kind;

table::ActiveHealth quick(Kind kind) {
  table::ActiveHealth health;
  health.kind = kind;
  health.interval_ms = 2;
  health.timeout_ms = 20'000;
  return health;
}

TEST(HealthTally, CountsOnlyWhatComesInARow) {
  HealthTally tally;
  const table::ActiveHealth policy;  // rise 2, fall 3
  for (const bool good : {false, false, true, false, false}) {
    EXPECT_FALSE(tally.count(good, policy));
  }
  EXPECT_TRUE(tally.count(false, policy));
  EXPECT_TRUE(tally.is_out());
  for (const bool good : {false, true, false, true}) EXPECT_FALSE(tally.count(good, policy));
  EXPECT_TRUE(tally.count(true, policy));
  EXPECT_FALSE(tally.is_out());
}

class HealthChecks : public testing::Test {
 protected:
  std::shared_ptr<table::Backend> backend(const std::vector<std::uint16_t>& ports,
                                          const table::ActiveHealth& health) {
    auto made = std::make_shared<table::Backend>();
    made->name = "app";
    for (const auto port : ports) {
      made->endpoints.push_back({id(port), "127.0.0.1", port, table::Endpoint::State::Ready, ""});
    }
    made->health = health;
    return made;
  }
  void adopt(std::shared_ptr<const table::Backend> backend) {
    proxy::Delta delta;
    delta.backends = {std::move(backend)};
    checker_->adopt(delta);
  }
  static std::string id(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
  bool fails(std::uint16_t port) { return shared_->member(id(port))->fails_checks; }
  /// Runs the control thread's loop until it is so; false after a minute.
  template <class Condition>
  bool until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io_.run_one_for(std::chrono::milliseconds(100));
      if (io_.stopped()) io_.restart();
    }
    return true;
  }

  boost::asio::io_context io_{1};
  proxy::SharedBackends backends_;
  proxy::SharedBackendRef shared_ = backends_.get("app");
  ControlCounters counters_;
  std::optional<HealthChecker> checker_{std::in_place, io_, backends_, counters_};
};

/// Answers with a status that the test may change, and keeps what it was asked.
class App {
 public:
  std::atomic<int> status = 200;
  std::atomic<int> asked = 0;

  std::string last_head() {
    const std::lock_guard lock(mutex_);
    return head_;
  }
  std::uint16_t port() const { return backend_.port(); }

 private:
  std::mutex mutex_;
  std::string head_;
  Backend backend_{[this](Socket& socket) {
    auto head = test::receive_head(socket);
    {
      const std::lock_guard lock(mutex_);
      head_ = std::move(head);
    }
    ++asked;
    socket.send("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n");
    socket.receive_all();
  }};
};

TEST_F(HealthChecks, AnEndpointIsInUntilItFailsAndComesBack) {
  App app;
  adopt(backend({app.port()}, quick(Kind::Http)));
  EXPECT_FALSE(fails(app.port()));
  ASSERT_TRUE(until([&] { return counters_.checks_good >= 3; }));
  EXPECT_FALSE(fails(app.port()));
  app.status = 503;
  ASSERT_TRUE(until([&] { return fails(app.port()); }));
  EXPECT_GE(counters_.checks_bad, 3U);
  EXPECT_EQ(counters_.endpoints_out, 1U);
  app.status = 200;
  ASSERT_TRUE(until([&] { return !fails(app.port()); }));
  EXPECT_EQ(counters_.endpoints_out, 0U);
}

TEST_F(HealthChecks, AskForThePathOfTheHost) {
  App app;
  auto health = quick(Kind::Http);
  health.path = "/up?all=1";
  health.host = "shop.example";
  adopt(backend({app.port()}, health));
  ASSERT_TRUE(until([&] { return app.asked > 0; }));
  EXPECT_TRUE(app.last_head().starts_with("GET /up?all=1 HTTP/1.1\r\nHost: shop.example\r\n"))
      << app.last_head();
  adopt(backend({app.port()}, quick(Kind::Http)));
  ASSERT_TRUE(until([&] { return app.last_head().find("Host: 127.0.0.1:") != std::string::npos; }));
}

TEST_F(HealthChecks, TakeTheStatusCodesThatAreGood) {
  App app;
  auto health = quick(Kind::Http);
  health.least_status = health.most_status = 404;
  app.status = 404;
  adopt(backend({app.port()}, health));
  ASSERT_TRUE(until([&] { return counters_.checks_good >= 4; }));
  EXPECT_EQ(counters_.checks_bad, 0U);
  for (const int wrong : {403, 405}) {
    app.status = wrong;
    EXPECT_TRUE(until([&] { return fails(app.port()); })) << wrong;
    app.status = 404;
    EXPECT_TRUE(until([&] { return !fails(app.port()); }));
  }
}

TEST_F(HealthChecks, ByTcpAsksOnlyForAConnection) {
  Backend app([](Socket& socket) { EXPECT_EQ(socket.receive_all(), ""); });
  const auto dead = test::unused_port();
  adopt(backend({app.port(), dead}, quick(Kind::Tcp)));
  ASSERT_TRUE(until([&] { return fails(dead) && counters_.checks_good > 3; }));
  EXPECT_FALSE(fails(app.port()));
  EXPECT_EQ(counters_.endpoints_out, 1U);
}

TEST_F(HealthChecks, WhatTakesTooLongHasFailed) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  auto health = quick(Kind::Http);
  health.timeout_ms = 20;
  adopt(backend({silent.port()}, health));
  ASSERT_TRUE(until([&] { return fails(silent.port()); }));
  EXPECT_GE(counters_.checks_timed_out, 3U);
  EXPECT_EQ(counters_.checks_bad, 0U);
}

TEST_F(HealthChecks, NoHttpIsBad) {
  Backend odd([](Socket& socket) {
    test::receive_head(socket);
    socket.send("SSH-2.0-OpenSSH_9.2\r\n");
    socket.receive_all();
  });
  adopt(backend({odd.port()}, quick(Kind::Http)));
  ASSERT_TRUE(until([&] { return fails(odd.port()); }));
  EXPECT_EQ(counters_.checks_good, 0U);
}

TEST_F(HealthChecks, ABackendThatWantsAProxyHeaderGetsOne) {
  for (const auto version : {table::ProxyProtocol::V1, table::ProxyProtocol::V2}) {
    App app;
    auto made = backend({app.port()}, quick(Kind::Http));
    made->proxy_protocol = version;
    adopt(made);
    ASSERT_TRUE(until([&] { return app.asked > 0; }));
    const std::string expected = version == table::ProxyProtocol::V1
                                     ? std::string("PROXY UNKNOWN\r\nGET ")
                                     : std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET ", 20);
    // Of version 2, the script's head ends within the signature.
    EXPECT_TRUE(app.last_head().starts_with(expected.substr(0, app.last_head().size())));
  }
}

TEST_F(HealthChecks, GoOnWhenTheTableChangesElsewhere) {
  const auto dead = test::unused_port();
  App app;
  adopt(backend({dead}, quick(Kind::Tcp)));
  ASSERT_TRUE(until([&] { return fails(dead); }));
  adopt(backend({dead, app.port()}, quick(Kind::Tcp)));
  EXPECT_TRUE(fails(dead));
  EXPECT_EQ(counters_.endpoints_out, 1U);
}

TEST_F(HealthChecks, EndWithTheEndpointTheSettingAndTheBackend) {
  const auto dead = test::unused_port();
  const auto end = [&](int way) {
    if (way == 0) return adopt(backend({}, quick(Kind::Tcp)));
    if (way == 1) return adopt(backend({dead}, {}));
    proxy::Delta delta;
    delta.removed_backends = {"app"};
    checker_->adopt(delta);
  };
  for (int way = 0; way < 3; ++way) {
    adopt(backend({dead}, quick(Kind::Tcp)));
    ASSERT_TRUE(until([&] { return fails(dead); }));
    end(way);
    EXPECT_FALSE(fails(dead)) << way;
    EXPECT_EQ(counters_.endpoints_out, 0U);
    // Nothing is under way any more: the loop runs out of work.
    io_.restart();
    while (io_.run_one_for(std::chrono::seconds(10)) > 0) {
    }
    EXPECT_TRUE(io_.stopped()) << way;
    io_.restart();
  }
}

TEST_F(HealthChecks, ManyAreNotMadeAtOnceAndAllHaveTheirTurn) {
  std::atomic<int> open = 0;
  std::atomic<int> most = 0;
  std::atomic<bool> answers = false;
  Backend app([&](Socket& socket) {
    const int now = ++open;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    test::receive_head(socket);
    while (!answers) std::this_thread::yield();
    --open;
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    socket.receive_all();
  });
  auto made = backend({}, quick(Kind::Http));
  constexpr std::size_t kMany = HealthChecker::kAtOnce + 40;
  for (std::size_t i = 100; i < 100 + kMany; ++i) {
    made->endpoints.push_back(
        {std::to_string(i), "127.0.0.1", app.port(), table::Endpoint::State::Ready, ""});
  }
  adopt(made);
  ASSERT_TRUE(until([&] { return open == static_cast<int>(HealthChecker::kAtOnce); }));
  answers = true;
  ASSERT_TRUE(until([&] { return counters_.checks_good >= 2 * kMany; }));
  EXPECT_LE(most, static_cast<int>(HealthChecker::kAtOnce));
}

TEST_F(HealthChecks, TheEndOfTheCheckerEndsThemAll) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  adopt(backend({silent.port(), test::unused_port()}, quick(Kind::Http)));
  ASSERT_TRUE(until([&] { return silent.accepted() > 0; }));
  checker_.reset();
  while (io_.run_one_for(std::chrono::seconds(10)) > 0) {
  }
  EXPECT_TRUE(io_.stopped());
}

}  // namespace
}  // namespace weir::proxy_control
