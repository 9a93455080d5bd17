#include "proxy/auth_cache.h"

#include <mutex>

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using std::chrono::minutes;
using table::TextPart;
using test::Backend;
using test::receive_head;
using test::Socket;

const table::PathMatch kMatch{table::PathMatch::Kind::Prefix, "/"};

AuthVerdict yes(const std::string& user) {
  AuthVerdict verdict;
  verdict.refused.reset();
  verdict.fields = {{"X-User", user}};
  return verdict;
}

TEST(AuthCacheTest, GivesAnswersUntilTheirTimeIsOver) {
  AuthCache cache;
  table::ExternalAuth auth;
  auth.response_headers = {"X-User"};
  const auto now = AuthCache::TimePoint{} + minutes(1);
  const auto key = AuthCache::key_of(auth, "a", kMatch, "alice");
  EXPECT_FALSE(cache.find(key, auth, now));
  cache.put(key, yes("alice"), now + minutes(5));
  const auto known = cache.find(key, auth, now + minutes(4));
  ASSERT_TRUE(known);
  EXPECT_FALSE(known->refused);
  ASSERT_EQ(known->fields.size(), 1U);
  EXPECT_EQ(known->fields[0].value, "alice");
  EXPECT_FALSE(cache.find(key, auth, now + minutes(5)));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(AuthCacheTest, TellsRequestsRoutesAndServicesApart) {
  table::ExternalAuth auth;
  const auto key = AuthCache::key_of(auth, "a", kMatch, "x");
  EXPECT_NE(key, AuthCache::key_of(auth, "a", kMatch, "y"));
  EXPECT_NE(key, AuthCache::key_of(auth, "b", kMatch, "x"));
  EXPECT_NE(key, AuthCache::key_of(auth, "a", {table::PathMatch::Kind::Exact, "/"}, "x"));
  EXPECT_NE(AuthCache::key_of(auth, "a", {table::PathMatch::Kind::Prefix, "/b"}, "c"),
            AuthCache::key_of(auth, "a", {table::PathMatch::Kind::Prefix, "/"}, "bc"));
  auto other = auth;
  other.backend = "other";
  EXPECT_NE(key, AuthCache::key_of(other, "a", kMatch, "x"));
  other = auth;
  other.response_headers = {"X-User"};
  EXPECT_NE(key, AuthCache::key_of(other, "a", kMatch, "x"));
}

TEST(AuthCacheTest, ForgetsWhatWasNotUsedForTheLongest) {
  AuthCache cache;
  const table::ExternalAuth auth;
  const auto now = AuthCache::TimePoint{};
  const auto key = [&](std::size_t i) {
    return AuthCache::key_of(auth, "a", kMatch, std::to_string(i));
  };
  for (std::size_t i = 0; i < AuthCache::kMostAnswers; ++i) cache.put(key(i), {}, now + minutes(1));
  EXPECT_TRUE(cache.find(key(0), auth, now));
  cache.put(key(AuthCache::kMostAnswers), {}, now + minutes(1));
  EXPECT_EQ(cache.size(), AuthCache::kMostAnswers);
  EXPECT_TRUE(cache.find(key(0), auth, now)) << "it was used";
  EXPECT_FALSE(cache.find(key(1), auth, now));

  AuthVerdict large;
  large.challenges.assign(AuthCache::kMostBytes / 4, 'x');
  for (std::size_t i = 0; i < 8; ++i) cache.put(key(i), large, now + minutes(1));
  EXPECT_LT(cache.size(), 4U) << "bytes are bounded, too";
}

ResponseHead head_of(const std::string& bytes, const Limits& limits) {
  ResponseHead head;
  EXPECT_EQ(parse_response_head(bytes, "GET", limits, head), HeadError::None);
  return head;
}

TEST(AuthCacheTest, KeepsByStatusAndNothingThatIsForOneAlone) {
  table::ExternalAuth auth;
  auth.cache_times = {{{200, 202}, 1'000}, {{200, 401}, 2'000}};
  const Limits limits;
  const auto time = [&](const std::string& status, const std::string& fields = "") {
    const std::string bytes = "HTTP/1.1 " + status + " X\r\n" + fields + "\r\n";
    const auto head = head_of(bytes, limits);
    const auto found = cache_time_of(auth, head);
    return found ? found->count() : -1;
  };
  EXPECT_EQ(time("200"), 1'000);
  EXPECT_EQ(time("401"), 2'000);
  EXPECT_EQ(time("403"), -1);
  EXPECT_EQ(time("200", "Set-Cookie: a=b\r\n"), -1);
  EXPECT_EQ(time("200", "Cache-Control: max-age=5, Private\r\n"), -1);
  EXPECT_EQ(time("200", "Cache-Control: max-age=5\r\n"), 1'000);
}

/// An application behind an auth service that says yes to "good".
class CachedAuth : public ProxyTest {
 protected:
  CachedAuth()
      : auth_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            const std::lock_guard lock(mutex_);
            ++asked_;
            const bool good = head.find("Cookie: good") != std::string::npos;
            socket.send(good ? "HTTP/1.1 200 OK\r\nX-User: alice\r\nContent-Length: 0\r\n\r\n"
                             : "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
          }
        }),
        app_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            {
              const std::lock_guard lock(mutex_);
              last_ = head;
            }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
          }
        }) {
    policy_.backend = "auth";
    policy_.host = "auth.example";
    policy_.target = {{TextPart::Source::Literal, "/check"}};
    policy_.response_headers = {"X-User"};
    policy_.cache_key = {{TextPart::Source::Header, "cookie"}};
    policy_.cache_times = {{{200, 401}, 60'000}};
  }
  void serve_with_auth() {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.access.external = policy_;
    made->routes.front().rules = rules;
    Delta delta;
    delta.backends = {backend("app", {app_.port()}), backend("auth", {auth_.port()})};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  int ask(const std::string& cookie, const std::string& path = "/") {
    auto socket = connect();
    socket.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n" +
                (cookie.empty() ? "" : "Cookie: " + cookie + "\r\n") + "\r\n");
    return test::receive_response(socket).status;
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::string last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  table::ExternalAuth policy_;
  mutable std::mutex mutex_;
  int asked_ = 0;
  std::string last_;
  Backend auth_;
  Backend app_;
};

TEST_F(CachedAuth, AsksOnceForRequestsOfOneKey) {
  start();
  serve_with_auth();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask("good", "/" + std::to_string(i)), 200);
    EXPECT_NE(last().find("X-User: alice"), std::string::npos) << last();
  }
  EXPECT_EQ(asked(), 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("bad"), 401);
  EXPECT_EQ(asked(), 2) << "a no is kept, too";
  EXPECT_EQ(ask("good"), 200);
  EXPECT_EQ(asked(), 2);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.auth_cache_hits; }), 5U);
}

TEST_F(CachedAuth, AsksForEachRequestWithoutAKey) {
  start();
  serve_with_auth();
  EXPECT_EQ(ask(""), 401);
  EXPECT_EQ(ask(""), 401);
  EXPECT_EQ(asked(), 2);
}

TEST_F(CachedAuth, KeepsNothingOfOtherStatuses) {
  policy_.cache_times = {{{401}, 60'000}};
  start();
  serve_with_auth();
  EXPECT_EQ(ask("good"), 200);
  EXPECT_EQ(ask("good"), 200);
  EXPECT_EQ(asked(), 2);
}

}  // namespace
}  // namespace weir::proxy
