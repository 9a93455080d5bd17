#include "proxy/proxy_fixture.h"

namespace weir::proxy {

namespace {

using table::TextPart;
using test::receive_head;
using test::Socket;

std::vector<TextPart> text(std::string literal) {
  return {{TextPart::Source::Literal, std::move(literal)}};
}

class ResponseRewrite : public ProxyTest {
 protected:
  ResponseRewrite()
      : app_([this](Socket& socket) {
          while (!receive_head(socket).empty()) {
            socket.send("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + fields_ + "\r\n");
          }
        }) {}

  /// The response's fields, for those that the application sends.
  std::string rewritten(const std::string& fields) {
    fields_ = fields;
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.response_rewrite = rewrite_;
    made->routes.front().rules = rules;
    Delta delta;
    delta.backends = {backend("app", {app_.port()})};
    delta.hosts = {made};
    adopt(std::move(delta));
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    const auto head = test::receive_response(socket).head;
    const auto begin = head.find("Content-Length: 0\r\n") + 19;
    return head.substr(begin, head.size() - begin - 2);
  }

  table::ResponseRewrite rewrite_;
  std::string fields_;  // set before a connection is made
  test::Backend app_;
};

TEST_F(ResponseRewrite, LocationsGetAnotherBeginning) {
  rewrite_.locations = {{"http://internal/app",
                         {{TextPart::Source::Scheme, ""},
                          {TextPart::Source::Literal, "://"},
                          {TextPart::Source::Host, ""}}},
                        {"http://internal", text("https://other")}};
  start();
  EXPECT_EQ(rewritten("Location: http://internal/app/a?b=1\r\n"),
            "Location: http://shop.example/a?b=1\r\n");
  EXPECT_EQ(rewritten("location:  http://internal/x\r\nX-After: 1\r\n"),
            "location: https://other/x\r\nX-After: 1\r\n");
  EXPECT_EQ(rewritten("Content-Location: http://internal/app\r\nURI: http://internal\r\n"),
            "Content-Location: http://shop.example\r\nURI: https://other\r\n");
  EXPECT_EQ(rewritten("Refresh: 5; URL=http://internal/app/x\r\n"),
            "Refresh: 5; URL=http://shop.example/x\r\n");
  for (const auto* other : {"Location: /app\r\n", "Location: HTTP://internal/app\r\n",
                            "X-Location: http://internal/app\r\n", "Refresh: 5\r\n"}) {
    EXPECT_EQ(rewritten(other), other);
  }
}

TEST_F(ResponseRewrite, CookiesGetAnotherDomainAndPath) {
  rewrite_.cookie_domains = {{"internal.example", text("shop.example")}};
  rewrite_.cookie_paths = {{"/app/", text("/")}, {"/", text("/all/")}};
  start();
  EXPECT_EQ(rewritten("Set-Cookie: a=/app/; Path=/app/x; HttpOnly; domain= .Internal.Example\r\n"
                      "Set-Cookie: b=1;PATH=/y\r\n"),
            "Set-Cookie: a=/app/; Path=/x; HttpOnly; domain= .shop.example\r\n"
            "Set-Cookie: b=1;PATH=/all/y\r\n");
  for (const auto* other :
       {"Set-Cookie: a=1; Domain=x.internal.example\r\n", "Set-Cookie: a=1; Path\r\n",
        "Set-Cookie: Path=/app/\r\n", "Set-Cookie: a=1;\r\n"}) {
    EXPECT_EQ(rewritten(other), other);
  }
}

TEST_F(ResponseRewrite, WeirsOwnAnswersStayAsTheyAre) {
  rewrite_.locations = {{"http", text("gopher")}};
  start();
  auto made = std::make_shared<table::Host>(*host("", "app"));
  table::RouteRules rules;
  rules.response_rewrite = rewrite_;
  rules.redirect = {"https://elsewhere.example/", 302};
  made->routes.front().rules = rules;
  Delta delta;
  delta.hosts = {made};
  adopt(std::move(delta));
  EXPECT_EQ(get().field("Location"), "https://elsewhere.example/");
}

}  // namespace

}  // namespace weir::proxy
