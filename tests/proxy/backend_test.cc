#include "proxy/backend.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;
using Algorithm = table::Balancing::Algorithm;
using State = table::Endpoint::State;

class BackendTest : public testing::Test {
 protected:
  /// A backend with endpoints of these names.
  BackendRef backend(const std::vector<std::string>& ids, Algorithm algorithm,
                     const std::string& draining = "") {
    table::Backend made;
    made.name = "app";
    made.health = health_;
    made.balancing.algorithm = algorithm;
    made.balancing.slow_start_ms = slow_start_ms_;
    for (const auto& id : ids) {
      made.endpoints.push_back(
          {id, "127.0.0.1", 80, id == draining ? State::Draining : State::Ready, ""});
    }
    return BackendRef(new Backend(std::make_shared<const table::Backend>(made), endpoints_));
  }

  Choosing choosing() { return {now_, random_, hash_, true, tried_}; }
  std::string choose(const BackendRef& backend) {
    const auto endpoint = backend->choose(choosing());
    return endpoint == nullptr ? "" : endpoint->id();
  }
  EndpointRef endpoint(const std::string& id) {
    return endpoints_.get({id, "127.0.0.1", 80, State::Ready, ""});
  }
  std::map<std::string, int> shares(const BackendRef& backend, int requests) {
    std::map<std::string, int> shares;
    for (int i = 0; i < requests; ++i) ++shares[choose(backend)];
    return shares;
  }

  EventLoop loop_;
  SharedBackends shared_;
  EndpointMap endpoints_{loop_, shared_};
  TimerWheel::TimePoint now_ = loop_.now();
  std::uint64_t random_ = 7;
  std::optional<std::uint64_t> hash_;
  std::vector<EndpointRef> tried_;
  std::uint32_t slow_start_ms_ = 0;
  table::ActiveHealth health_;
};

class EveryAlgorithm : public BackendTest, public testing::WithParamInterface<Algorithm> {
 protected:
  void SetUp() override {
    if (GetParam() == Algorithm::Hash) hash_ = 42;
  }
};

TEST_P(EveryAlgorithm, TriesEachEndpointOnce) {
  const auto app = backend({"a", "b", "c", "d"}, GetParam());
  std::set<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    const auto endpoint = app->choose(choosing());
    ASSERT_NE(endpoint, nullptr);
    seen.insert(endpoint->id());
    tried_.push_back(endpoint);
  }
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_EQ(app->choose(choosing()), nullptr);
}

TEST_P(EveryAlgorithm, TakesDrainingEndpointsLast) {
  const auto app = backend({"new", "old"}, GetParam(), "old");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(choose(app), "new");
  tried_.push_back(app->choose(choosing()));
  EXPECT_EQ(choose(app), "old");
}

TEST_P(EveryAlgorithm, PassesOverWhatFailsItsChecksButNotTheLastOne) {
  health_.kind = table::ActiveHealth::Kind::Tcp;
  const auto app = backend({"bad", "good"}, GetParam());
  const auto shared = shared_.get("app");
  shared->member("bad")->fails_checks = true;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(choose(app), "good");
  shared->member("good")->fails_checks = true;
  std::set<std::string> seen;
  for (int i = 0; i < 2; ++i) {
    const auto endpoint = app->choose(choosing());
    ASSERT_NE(endpoint, nullptr);
    seen.insert(endpoint->id());
    tried_.push_back(endpoint);
  }
  EXPECT_EQ(seen.size(), 2U) << "none of them is given up";
  tried_.clear();
  health_.kind = table::ActiveHealth::Kind::Off;
  const auto unchecked = backend({"bad"}, GetParam());
  EXPECT_FALSE(unchecked->fails_checks(*endpoint("bad"))) << "its results are those of the past";
}

TEST_P(EveryAlgorithm, PassesOverWhatIsOutButNotTheLastOne) {
  const auto app = backend({"a", "b", "c"}, GetParam());
  const table::PassiveHealth at_once{1, 1000, 1000};
  endpoint("a")->health.failed(now_, at_once);
  endpoint("b")->health.failed(now_, at_once);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(choose(app), "c");
  endpoint("c")->health.failed(now_, at_once);
  EXPECT_NE(choose(app), "") << "all are out: that is no reason to refuse";

  now_ += 2s;
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 200; ++i) {
    if (hash_) hash_ = i * 0x9e3779b97f4a7c15ULL;
    seen.insert(choose(app));
  }
  EXPECT_EQ(seen.size(), 3U);
}

TEST_P(EveryAlgorithm, ChoosesNothingOfNothing) {
  EXPECT_EQ(backend({}, GetParam())->choose(choosing()), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Balancing, EveryAlgorithm,
                         testing::Values(Algorithm::TwoChoices, Algorithm::RoundRobin,
                                         Algorithm::LeastConnections, Algorithm::Hash));

TEST_F(BackendTest, TwoChoicesAvoidWhatIsBusy) {
  const auto app = backend({"a", "b", "c", "d"}, Algorithm::TwoChoices);
  endpoint("a")->load = 5;
  const auto shares = this->shares(app, 4000);
  EXPECT_LT(shares.at("a"), 400) << "only when both draws are a";
  for (const char* other : {"b", "c", "d"}) EXPECT_NEAR(shares.at(other), 1250, 250) << other;
}

TEST_F(BackendTest, RoundRobinTakesTurns) {
  const auto app = backend({"a", "b", "c"}, Algorithm::RoundRobin);
  endpoint("a")->load = 100;
  for (const auto& [id, share] : shares(app, 300)) EXPECT_EQ(share, 100) << id;
  const auto first = choose(app);
  EXPECT_NE(choose(app), first);
}

TEST_F(BackendTest, LeastConnectionsTakesTheLeastLoaded) {
  const auto app = backend({"a", "b", "c", "d"}, Algorithm::LeastConnections);
  endpoint("a")->load = 3;
  endpoint("b")->load = 2;
  endpoint("c")->load = 2;
  endpoint("d")->load = 3;
  const auto shares = this->shares(app, 1000);
  EXPECT_EQ(shares.size(), 2U);
  EXPECT_NEAR(shares.at("b"), 500, 100) << "equals share";
}

TEST_F(BackendTest, AHashMovesOnlyTheShareOfWhatChanged) {
  const auto before = backend({"a", "b", "c", "d", "e"}, Algorithm::Hash);
  const auto after = backend({"a", "b", "d", "e", "f"}, Algorithm::Hash);
  std::map<std::string, int> shares;
  int moved = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    hash_ = i * 0x9e3779b97f4a7c15ULL;
    const auto first = choose(before);
    EXPECT_EQ(choose(before), first);
    ++shares[first];
    const auto second = choose(after);
    if (first == "c" || second == "f") {
      EXPECT_NE(second, "c");
    } else {
      moved += first == second ? 0 : 1;
    }
  }
  EXPECT_EQ(moved, 0);
  for (const auto& [id, share] : shares) EXPECT_NEAR(share, 1000, 150) << id;
}

TEST_F(BackendTest, AHashLeavesAnEndpointThatHasTooMuchToDo) {
  const auto app = backend({"a", "b", "c", "d"}, Algorithm::Hash);
  hash_ = 42;
  const auto home = app->choose(choosing());
  home->load = 15;
  EXPECT_EQ(app->choose(choosing()), home) << "a few requests are no overload";
  home->load = 1000;
  const auto next = app->choose(choosing());
  EXPECT_NE(next, home);
  EXPECT_EQ(app->choose(choosing()), next) << "the second best, each time";
  auto stays = choosing();
  stays.may_overflow = false;
  EXPECT_EQ(app->choose(stays), home);
  for (const char* id : {"a", "b", "c", "d"}) endpoint(id)->load = 1000;
  EXPECT_EQ(app->choose(choosing()), home) << "all have as much";
}

TEST_F(BackendTest, ANewEndpointStartsSlowly) {
  slow_start_ms_ = 10'000;
  backend({"a", "b"}, Algorithm::RoundRobin);
  const auto a = endpoint("a");
  const auto b = endpoint("b");
  // a and b are old when c comes: the loop's clock stands still here, so that time is given.
  const auto app = backend({"a", "b"}, Algorithm::RoundRobin);
  now_ += 20s;
  EXPECT_NEAR(shares(app, 1000).at("a"), 500, 1);

  now_ = loop_.now();
  const auto grown = backend({"a", "b", "c"}, Algorithm::RoundRobin);
  now_ += 1s;
  const auto all_new = shares(grown, 3000);
  EXPECT_EQ(all_new.size(), 3U) << "when all are new, all are used";
}

TEST_F(BackendTest, CookiesNameTheirEndpointAsIngressNginxDoes) {
  table::Backend made;
  made.sticky_cookie.emplace();
  made.sticky_cookie->mode = table::StickyCookie::Mode::Persistent;
  made.sticky_cookie->salt = "default-shop-80";
  made.endpoints = {{"a", "10.0.0.1", 8080, State::Ready, ""},
                    {"b", "2001:db8::1", 8080, State::Draining, ""}};
  const BackendRef app(new Backend(std::make_shared<const table::Backend>(made), endpoints_));
  const auto a = endpoints_.get(made.endpoints[0]);
  const auto b = endpoints_.get(made.endpoints[1]);
  // printf 'default-shop-8010.0.0.1:8080' | md5sum
  EXPECT_EQ(app->cookie_key_of(*a), "9809cb30f0cbee517e98ec6f00e4532e");
  EXPECT_EQ(app->find_by_cookie(app->cookie_key_of(*a)), a);
  EXPECT_EQ(app->find_by_cookie(app->cookie_key_of(*b)), b);
  EXPECT_EQ(app->find_by_cookie("0123456789abcdef0123456789abcdef"), nullptr);
  // printf "$(printf default-shop-80 | md5sum | cut -c1-32)default-shop-80" | md5sum
  EXPECT_EQ(app->cookie_tag(), "a630d342a7253deaa8858cf51930c012");
}

TEST(EndpointHealth, IsOutAfterFailuresInARowForLongerEachTime) {
  const table::PassiveHealth policy{3, 1000, 5000};
  EndpointHealth health;
  auto now = EndpointHealth::TimePoint{} + 1h;
  EXPECT_FALSE(health.failed(now, policy));
  EXPECT_FALSE(health.failed(now, policy));
  EXPECT_FALSE(health.is_out(now));
  EXPECT_TRUE(health.failed(now, policy));
  EXPECT_TRUE(health.is_out(now + 999ms));
  EXPECT_FALSE(health.failed(now + 10ms, policy)) << "of a request that was under way";
  for (const auto out : {2000ms, 4000ms, 5000ms, 5000ms}) {
    now += 10s;
    EXPECT_FALSE(health.is_out(now));
    EXPECT_TRUE(health.failed(now, policy)) << "one is enough, once it was out";
    EXPECT_TRUE(health.is_out(now + out - 1ms));
    EXPECT_FALSE(health.is_out(now + out));
  }
  health.succeeded();
  EXPECT_FALSE(health.is_out(now));
  EXPECT_FALSE(health.failed(now, policy)) << "forgotten";
}

TEST(EndpointHealth, NeverWithoutAPolicy) {
  EndpointHealth health;
  const auto now = EndpointHealth::TimePoint{} + 1h;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(health.failed(now, {0, 1000, 1000}));
  EXPECT_FALSE(health.is_out(now));
}

TEST(RetryBudget, LetsAFifthThroughBesidesItsReserve) {
  RetryBudget budget;
  int retries = 0;
  const auto drain = [&] {
    while (!budget.empty()) {
      budget.take();
      ++retries;
    }
  };
  drain();
  EXPECT_EQ(retries, 10);
  for (int i = 0; i < 1000; ++i) {
    budget.request_began();
    drain();
  }
  EXPECT_EQ(retries, 210);
  for (int i = 0; i < 1000; ++i) budget.request_began();
  drain();
  EXPECT_EQ(retries, 220) << "quiet times are not saved up";
}

}  // namespace
}  // namespace weir::proxy
