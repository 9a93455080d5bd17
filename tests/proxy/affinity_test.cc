#include "proxy/affinity.h"

#include <set>

#include <gtest/gtest.h>

#include "util/hash.h"

namespace weir::proxy {
namespace {

using Source = table::TextPart::Source;

class AffinityTest : public testing::Test {
 protected:
  /// A request with these field lines.
  const RequestHead& request(const std::string& fields, const std::string& target = "/a?x=1&yy=2") {
    bytes_ = "GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + fields + "\r\n";
    EXPECT_EQ(parse_request_head(bytes_, limits_, head_), HeadError::None);
    return head_;
  }
  std::uint64_t hash(const std::vector<table::TextPart>& parts, const std::string& fields = "",
                     const std::string& target = "/a?x=1&yy=2") {
    return hash_of(parts, {request(fields, target), "10.0.0.9", "shop"});
  }
  BackendRef backend(const table::StickyCookie& cookie) {
    table::Backend made;
    made.sticky_cookie = cookie;
    for (const char* id : {"a", "b", "c"}) {
      made.endpoints.push_back(
          {id, "127.0.0.1", static_cast<std::uint16_t>(id[0]), table::Endpoint::State::Ready, ""});
    }
    return BackendRef(new Backend(std::make_shared<const table::Backend>(made), endpoints_));
  }
  Affinity affinity(const Backend& backend, const std::string& fields) {
    return affinity_of(backend, {request(fields), "10.0.0.9", "shop"}, random_);
  }
  EndpointRef choose(const Backend& backend, const Affinity& affinity) {
    return backend.choose({loop_.now(), random_, affinity.hash, affinity.may_overflow, tried_});
  }

  EventLoop loop_;
  SharedBackends shared_;
  EndpointMap endpoints_{loop_, shared_};
  Limits limits_;
  RequestHead head_;
  std::string bytes_;
  std::uint64_t random_ = 7;
  std::vector<EndpointRef> tried_;
  const std::chrono::system_clock::time_point now_{std::chrono::seconds(784'111'777)};
};

TEST_F(AffinityTest, HashesThePartsThatAreNamed) {
  const auto expected = [](std::string_view text) {
    util::Hash64 hash;
    hash.add(text);
    return hash.value();
  };
  EXPECT_EQ(hash({{Source::Literal, "lit"}}), expected("lit"));
  EXPECT_EQ(hash({{Source::ClientAddress, ""}}), expected("10.0.0.9"));
  EXPECT_EQ(hash({{Source::Host, ""}}), expected("shop"));
  EXPECT_EQ(hash({{Source::RequestUri, ""}}), expected("/a?x=1&yy=2"));
  EXPECT_EQ(hash({{Source::Header, "x-user"}}, "X-User: joe\r\nX-User: ann\r\n"),
            expected("joe, ann"));
  EXPECT_EQ(hash({{Source::Header, "x-user"}}), expected(""));
  EXPECT_EQ(hash({{Source::Cookie, "id"}}, "Cookie: xid=1; id=2\r\n"), expected("2"));
  EXPECT_EQ(hash({{Source::Argument, "y"}}), expected("")) << "not yy";
  EXPECT_EQ(hash({{Source::Argument, "yy"}}), expected("2"));
  EXPECT_EQ(hash({{Source::Argument, "x"}}, "", "/a"), expected(""));
  EXPECT_EQ(hash({{Source::Literal, "a-"}, {Source::Argument, "x"}}), expected("a-1"));
}

TEST_F(AffinityTest, FindsACookieAmongOthers) {
  EXPECT_EQ(find_cookie(request("Cookie: a=1; route=x|y ; route=z\r\n"), "route"), "x|y ");
  EXPECT_EQ(find_cookie(request("Cookie: a=1\r\nCookie:route=\r\n"), "route"), "");
  EXPECT_EQ(find_cookie(request("Cookie: xroute=1; route; routex=2\r\n"), "route"), std::nullopt);
  EXPECT_EQ(find_cookie(request(""), "route"), std::nullopt);
}

TEST_F(AffinityTest, ABalancedCookieBringsTheClientBack) {
  table::StickyCookie cookie;
  cookie.name = "route";
  const auto app = backend(cookie);
  std::set<std::string> used;
  for (int i = 0; i < 50; ++i) {
    const auto first = affinity(*app, "");
    EXPECT_FALSE(first.is_sticky);
    const auto endpoint = choose(*app, first);
    used.insert(endpoint->id());
    const auto line = set_cookie_line(*app, first, endpoint, "/", false, now_);
    ASSERT_TRUE(line.starts_with("Set-Cookie: route=")) << line;
    const auto value = line.substr(12, line.find(';') - 12);

    const auto again = affinity(*app, "Cookie: " + value + "\r\n");
    EXPECT_TRUE(again.is_sticky);
    EXPECT_EQ(choose(*app, again), endpoint);
    EXPECT_EQ(set_cookie_line(*app, again, endpoint, "/", false, now_), "");
  }
  EXPECT_EQ(used.size(), 3U) << "new clients are spread";
}

TEST_F(AffinityTest, APersistentCookieNamesItsEndpoint) {
  table::StickyCookie cookie;
  cookie.mode = table::StickyCookie::Mode::Persistent;
  const auto app = backend(cookie);
  const auto first = affinity(*app, "");
  EXPECT_EQ(first.endpoint, nullptr);
  const auto endpoint = choose(*app, first);
  const auto line = set_cookie_line(*app, first, endpoint, "/", false, now_);

  const auto again = affinity(*app, "Cookie: " + line.substr(12, line.find(';') - 12) + "\r\n");
  EXPECT_EQ(again.endpoint, endpoint);
  EXPECT_EQ(set_cookie_line(*app, again, endpoint, "/", false, now_), "");

  const auto gone = affinity(*app, "Cookie: INGRESSCOOKIE=0123456789abcdef|x\r\n");
  EXPECT_EQ(gone.endpoint, nullptr);
  EXPECT_NE(set_cookie_line(*app, gone, choose(*app, gone), "/", false, now_), "");
}

TEST_F(AffinityTest, WritesTheAttributesInTheOrderOfIngressNginx) {
  table::StickyCookie cookie;
  cookie.mode = table::StickyCookie::Mode::Persistent;
  auto app = backend(cookie);
  auto endpoint = endpoints_.get({"a", "127.0.0.1", 'a', table::Endpoint::State::Ready, ""});
  const auto value =
      "Set-Cookie: INGRESSCOOKIE=" + app->cookie_key_of(*endpoint) + "|" + app->cookie_tag();
  EXPECT_EQ(set_cookie_line(*app, {}, endpoint, "/x;y", false, now_),
            value + "; Path=/x; HttpOnly\r\n");
  EXPECT_EQ(set_cookie_line(*app, {}, endpoint, "/", true, now_),
            value + "; Path=/; Secure; HttpOnly\r\n");

  cookie.expires_s = 1;
  cookie.max_age_s = 60;
  cookie.domain = "shop.example";
  cookie.path = "/shop";
  cookie.always_secure = true;
  cookie.same_site = table::StickyCookie::SameSite::Lax;
  app = backend(cookie);
  EXPECT_EQ(set_cookie_line(*app, {}, endpoint, "/", false, now_),
            value +
                "; Expires=Sun, 06 Nov 1994 08:49:38 GMT; Max-Age=60; Domain=shop.example; "
                "Path=/shop; Secure; HttpOnly; SameSite=Lax\r\n");
}

}  // namespace
}  // namespace weir::proxy
