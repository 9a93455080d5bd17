#include "proxy/proxy_fixture.h"

namespace weir::proxy {

namespace {

using test::receive_head;
using test::Socket;

class Cors : public ProxyTest {
 protected:
  Cors()
      : app_([](Socket& socket) {
          while (!receive_head(socket).empty()) {
            socket.send(
                "HTTP/1.1 200 OK\r\naccess-control-allow-origin: https://own\r\n"
                "Access-Control-Allow-Private-Network: true\r\nContent-Length: 2\r\n\r\nin");
          }
        }) {
    cors_.allow_methods = "GET, PUT";
    cors_.allow_headers = "X-A,X-B";
    cors_.max_age_s = 60;
  }

  void serve_cors(const table::Access& access = {}, bool https_only = false) {
    auto made = std::make_shared<table::Host>(*host("", "app", https_only));
    table::RouteRules rules;
    rules.access = access;
    rules.cors = cors_;
    made->routes.front().rules = rules;
    Delta delta;
    delta.backends = {backend("app", {app_.port()})};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  /// The head of the response.
  std::string ask(const std::string& method, const std::string& origin) const {
    auto socket = connect();
    socket.send(method + " / HTTP/1.1\r\nHost: a\r\n" +
                (origin.empty() ? "" : "Origin: " + origin + "\r\n") + "\r\n");
    return socket.receive_until("\r\n\r\n");
  }

  table::Cors cors_;
  test::Backend app_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Cors, AnybodyMayWithoutAList) {
  cors_.expose_headers = "*";
  start();
  serve_cors();
  for (const auto* origin : {"", "https://a.example"}) {
    const auto head = ask("GET", origin);
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
    EXPECT_TRUE(has(head,
                    "Access-Control-Allow-Origin: *\r\n"
                    "Access-Control-Allow-Credentials: true\r\n"
                    "Access-Control-Allow-Methods: GET, PUT\r\n"
                    "Access-Control-Allow-Headers: X-A,X-B\r\n"
                    "Access-Control-Expose-Headers: *\r\nAccess-Control-Max-Age: 60\r\n"))
        << head;
    EXPECT_FALSE(has(head, "https://own")) << "the Service's is replaced: " << head;
    EXPECT_TRUE(has(head, "Private-Network")) << "others stay: " << head;
  }
}

TEST_F(Cors, OriginsOfTheListGetThemselves) {
  cors_.any_origin = false;
  cors_.allow_credentials = false;
  cors_.origins = {"https://a.example:8443", "https://*.b.example", "null"};
  start();
  serve_cors();
  for (const std::string origin :
       {"https://a.example:8443", "HTTPS://A.example:8443", "https://x-1.b.example", "null"}) {
    const auto head = ask("GET", origin);
    EXPECT_TRUE(has(head, "\r\nAccess-Control-Allow-Origin: " + origin + "\r\n")) << head;
    EXPECT_FALSE(has(head, "Credentials")) << head;
    EXPECT_TRUE(ask("OPTIONS", origin).starts_with("HTTP/1.1 204")) << origin;
  }
  for (const std::string origin :
       {"", "https://a.example", "http://a.example:8443", "https://b.example",
        "https://x.y.b.example", "https://.b.example", "https://evil.example/x.b.example",
        "xhttps://x.b.example", "https://a.example:84430", "nulls"}) {
    const auto head = ask("GET", origin);
    EXPECT_FALSE(has(head, "Access-Control-Max-Age")) << origin << " in " << head;
    EXPECT_TRUE(has(head, "https://own")) << "the Service speaks for itself: " << head;
    EXPECT_TRUE(ask("OPTIONS", origin).starts_with("HTTP/1.1 200")) << "the Service's: " << origin;
  }
}

TEST_F(Cors, PreflightsAreAnsweredBeforeAnythingElse) {
  table::Access access;
  access.denied = {"127.0.0.1"};
  start();
  serve_cors(access, /*https_only=*/true);
  auto head = ask("OPTIONS", "https://a.example");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 204 No Content\r\n")) << head;
  EXPECT_TRUE(has(head, "Access-Control-Allow-Origin: *\r\n")) << head;
  EXPECT_FALSE(has(head, "Content-Length")) << head;
  EXPECT_EQ(answers(AnswerReason::CorsPreflight), 1);
  head = ask("GET", "https://a.example");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 308")) << head;
  EXPECT_TRUE(has(head, "Access-Control-Allow-Origin: *\r\n")) << "weir's own have it: " << head;
  serve_cors(access);
  head = ask("GET", "https://a.example");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 403")) << head;
  EXPECT_TRUE(has(head, "Access-Control-Allow-Origin: *\r\n")) << head;
}

TEST_F(Cors, TheConnectionStaysOpenBehindAPreflight) {
  start();
  serve_cors();
  auto socket = connect();
  socket.send("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(socket.receive_until("\r\n\r\n").starts_with("HTTP/1.1 204"));
  EXPECT_EQ(test::receive_response(socket).body, "in");
}

}  // namespace

}  // namespace weir::proxy
