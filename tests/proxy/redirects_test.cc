#include "proxy/proxy_fixture.h"

namespace weir::proxy {

namespace {

class Redirects : public ProxyTest {
 protected:
  /// A host for all names whose only Service has no endpoint: 503 is an answer behind redirects.
  void serve_with(const table::RouteRules& rules, const table::HostRedirects& redirects = {},
                  bool https_only = false) {
    auto made = std::make_shared<table::Host>(*host("", "app", https_only));
    made->routes.front().rules = rules;
    made->redirects = redirects;
    Delta delta;
    delta.settings = settings_;
    delta.backends = {backend("app", {})};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  static std::string location(const test::Response& response) {
    return std::to_string(response.status) + " " + response.field("Location");
  }

  table::Settings settings_;
};

TEST_F(Redirects, AreForEverybodyAndComeBeforeHttpsAndEndpoints) {
  table::RouteRules rules;
  rules.redirect = {"https://new.example/a?b=1", 307};
  rules.access.closed = true;
  start();
  serve_with(rules, {}, true);
  const auto response = get("/x/y?z=1");
  EXPECT_EQ(location(response), "307 https://new.example/a?b=1");
  EXPECT_TRUE(response.head.starts_with("HTTP/1.1 307 Temporary Redirect\r\n")) << response.head;
  EXPECT_EQ(answers(AnswerReason::Redirect), 1U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.requests_by_code[207]; }), 1U);
}

TEST_F(Redirects, By304HaveNoBodyForTheNextAnswerToBeMistakenFor) {
  table::RouteRules rules;
  rules.redirect = {"https://new.example", 304};
  start();
  serve_with(rules);
  auto socket = connect();
  for (int i = 0; i < 2; ++i) {
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = test::receive_head(socket);
    EXPECT_TRUE(head.starts_with("HTTP/1.1 304 Not Modified\r\n")) << head;
  }
}

TEST_F(Redirects, ToHttpsAndToWwwHaveTheStatusOfTheSettings) {
  settings_.status.https_redirect = 301;
  start();
  serve_with({}, {}, true);
  const auto response = get("/a");
  EXPECT_EQ(location(response), "301 https://a.example/a");
  EXPECT_TRUE(response.head.starts_with("HTTP/1.1 301 Moved Permanently\r\n")) << response.head;
  EXPECT_EQ(answers(AnswerReason::HttpsRedirect), 1U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.requests_by_code[201]; }), 1U);
  serve_with({}, {{}, "www.a.example"});
  EXPECT_TRUE(location(get("/a")).starts_with("301 http://www.a.example:"));
}

TEST_F(Redirects, ToHttpsKeepTheSlashAtTheEndIfToldSo) {
  table::RouteRules rules;
  start();
  serve_with(rules, {}, true);
  EXPECT_EQ(location(get("/a/?b=/")), "308 https://a.example/a/?b=");
  rules.keep_trailing_slash = true;
  serve_with(rules, {}, true);
  EXPECT_EQ(location(get("/a/?b=/")), "308 https://a.example/a/?b=/");
}

TEST_F(Redirects, OfTheRootAloneToTheAppComeFirst) {
  settings_.forwarded.trust_forwarded = true;
  table::RouteRules rules;
  rules.redirect = {"https://new.example", 301};
  start();
  serve_with(rules, {"/app", ""}, true);
  for (const auto* path : {"/", "/?a=1", "//", "/%2e"}) {
    EXPECT_EQ(location(get(path, "A.example:8080")), "302 http://A.example:8080/app") << path;
  }
  EXPECT_EQ(location(get("/app")), "301 https://new.example");
  auto socket = connect();
  socket.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n");
  EXPECT_EQ(location(test::receive_response(socket)), "302 http://a/app");
  auto tls = connect_tls("a");
  tls.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(location(test::receive_response(tls)), "302 https://a/app");
}

TEST_F(Redirects, OfAHostThatIsAnotherKeepThePathAndNameThePort) {
  settings_.public_http_port = 8080;
  start();
  auto made = std::make_shared<table::Host>();
  made->name = "www.a.example";
  made->redirects = table::HostRedirects{"", "a.example"};
  Delta delta;
  delta.settings = settings_;
  delta.hosts = {made};
  adopt(std::move(delta));
  EXPECT_EQ(location(get("/x/?y=1", "www.a.example")), "308 http://a.example:8080/x/?y=1");
  EXPECT_EQ(location(get("/x/", "www.a.example")), "308 http://a.example:8080/x");
  auto tls = connect_tls("www.a.example");
  tls.send("GET / HTTP/1.1\r\nHost: www.a.example\r\n\r\n");
  EXPECT_EQ(location(test::receive_response(tls)), "308 https://a.example:443");
}

}  // namespace

}  // namespace weir::proxy
