#include <mutex>

#include "proxy/proxy_fixture.h"

namespace weir::proxy {

namespace {

using test::receive_head;
using test::Socket;
using Kind = table::PathMatch::Kind;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Rewrite : public ProxyTest {
 protected:
  Rewrite()
      : app_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            {
              const std::lock_guard lock(mutex_);
              served_ = head;
            }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
          }
        }) {}

  /// Patterns in the order they are tried in, each with what it rewrites to.
  void serve_patterns(const std::vector<std::pair<std::string, table::Rewrite>>& patterns) {
    auto made = std::make_shared<table::Host>();
    for (const auto& [pattern, rewrite] : patterns) {
      table::Route route;
      route.match = {Kind::Regex, pattern};
      route.origin = pattern;
      route.backends = {{"app", 1}};
      table::RouteRules rules;
      rules.rewrite = rewrite;
      route.rules = rules;
      made->routes.push_back(std::move(route));
    }
    adopt_host(made);
  }
  void adopt_host(std::shared_ptr<const table::Host> made) {
    Delta delta;
    delta.backends = {backend("app", {app_.port()})};
    delta.hosts = {std::move(made)};
    adopt(std::move(delta));
  }

  /// The head that the endpoint got; the status if it got none.
  std::string served(const std::string& target, const std::string& fields = "") {
    auto socket = connect();
    socket.send("GET " + target + " HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n");
    const auto response = test::receive_response(socket);
    if (response.status != 200) return std::to_string(response.status);
    const std::lock_guard lock(mutex_);
    return served_;
  }
  /// Of its request line.
  std::string target_of(const std::string& target) {
    auto head = served(target);
    const auto begin = head.find(' ');
    if (begin == std::string::npos) return head;
    return head.substr(begin + 1, head.find(' ', begin + 1) - begin - 1);
  }

  std::mutex mutex_;
  std::string served_;
  test::Backend app_;
};

TEST_F(Rewrite, EndpointsGetThePathThatTheGroupsMakeAndTheQueryAsItCame) {
  start();
  serve_patterns({{"/x(/|$)(.*)", {"/$2", ""}}, {"/fixed", {"/one", ""}}, {"/", {"", ""}}});
  EXPECT_EQ(target_of("/X/1?q=%32/"), "/1?q=%32/");
  EXPECT_EQ(target_of("/x"), "/");
  EXPECT_EQ(target_of("/x/"), "/");
  EXPECT_EQ(target_of("/fixed/a/b?c"), "/one?c");
  EXPECT_EQ(target_of("/fixedly"), "/one");
  EXPECT_EQ(target_of("/other%20path//a"), "/other%20path//a") << "not rewritten: as it came";
}

TEST_F(Rewrite, PathsAreMatchedAsTheyAreReadAndWrittenAsTheyMustBe) {
  start();
  serve_patterns({{"/a((?s:.*))", {"/b$1", ""}}});
  EXPECT_EQ(target_of("/z/../a//c"), "/b/c");
  EXPECT_EQ(target_of("/%61%20%3f%25%23"), "/b%20%3F%25%23");
  EXPECT_EQ(target_of("/a/%0d%0aX:%20y"), "/b/%0D%0AX:%20y");
  EXPECT_EQ(target_of("/a/caf\xc3\xa9"), "/b/caf%C3%A9");
  EXPECT_EQ(target_of("/a/'()+,;=@!$&*"), "/b/'()+,;=@!$&*");
  EXPECT_EQ(target_of("/a%22%3c%3e%5c%5e%60%7b%7c%7d"), "/b%22%3C%3E%5C%5E%60%7B%7C%7D");
}

TEST_F(Rewrite, APathBeginsWithASlashWhateverTheGroupsTook) {
  start();
  serve_patterns({{"/a/?(.*)", {"$1", ""}}, {"/b(c)?", {"$9", ""}}});
  EXPECT_EQ(target_of("/a/c"), "/c");
  EXPECT_EQ(target_of("/a"), "/");
  EXPECT_EQ(target_of("/b"), "/");
}

TEST_F(Rewrite, TheFirstPatternCountsAndWhatIsNoneCountsNever) {
  start();
  serve_patterns({{"/foo/[a-z]{3}", {"/first", ""}},
                  {"/foo/(bar", {"/broken", ""}},
                  {"/foo/.*", {"/second", ""}}});
  EXPECT_EQ(target_of("/foo/abc"), "/first");
  EXPECT_EQ(target_of("/foo/(bar"), "/second");
  EXPECT_EQ(target_of("/fo"), "404");
  EXPECT_EQ(target_of("/x/foo/abc"), "404") << "it is for the path's start";
}

TEST_F(Rewrite, ThePrefixIsMadeInTheSameWayAndGoesBeforeTheClients) {
  start();
  serve_patterns({{"/(a|b)/(.*)", {"/$2", "/pre-$1"}}, {"/c", {"/d", ""}}});
  const auto head = served("/b/1", "x-forwarded-prefix: /mine\r\n");
  EXPECT_TRUE(has(head, "\r\nX-Forwarded-Prefix: /pre-b\r\n")) << head;
  EXPECT_FALSE(has(head, "mine")) << head;
  EXPECT_TRUE(has(served("/c", "X-Forwarded-Prefix: /mine\r\n"), "Prefix: /mine\r\n"));
  serve_patterns({{"/((?s:.*))", {"/", "/$1"}}});
  EXPECT_TRUE(has(served("/%0d%0aX:%20y"), "\r\nX-Forwarded-Prefix: /%0D%0AX:%20y\r\n"));
}

TEST_F(Rewrite, APatternThatTakesForEverCostsItsOwnRequestsAlone) {
  start();
  serve_patterns({{"/slow/(a+)+$", {"", ""}}, {"/", {"", ""}}});
  EXPECT_EQ(target_of("/slow/" + std::string(5'000, 'a') + "!"), "500");
  EXPECT_EQ(answers(AnswerReason::PatternLimit), 1U);
  EXPECT_EQ(target_of("/slow/aaa"), "/slow/aaa");
  EXPECT_EQ(target_of("/other"), "/other");
}

TEST_F(Rewrite, EndpointsGetTheHostThatTheRouteSays) {
  auto made = std::make_shared<table::Host>(*host("", "app"));
  table::RouteRules rules;
  rules.upstream_host = "inner.example:8080";
  made->routes.front().rules = rules;
  start();
  adopt_host(made);
  for (const auto* target : {"/", "http://shop.example/"}) {
    const auto head = served(target);
    EXPECT_TRUE(has(head, "\r\nHost: inner.example:8080\r\n")) << head;
    EXPECT_TRUE(has(head, "\r\nX-Forwarded-Host: shop.example\r\n")) << head;
    EXPECT_FALSE(has(head, "\r\nHost: shop.example\r\n")) << head;
  }
}

}  // namespace

}  // namespace weir::proxy
