#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

using table::TextPart;
using test::receive_head;
using test::Socket;

std::vector<TextPart> text(std::string literal) {
  return {{TextPart::Source::Literal, std::move(literal)}};
}

/// An application that answers with the request's head, and with a few fields of its own.
class Headers : public ProxyTest {
 protected:
  Headers()
      : app_([](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            socket.send(
                "HTTP/1.1 200 OK\r\nServer: app/1\r\nX-Powered-By: magic\r\nx-team: nobody\r\n"
                "X-Kept: yes\r\nContent-Length: " +
                std::to_string(head.size()) + "\r\n\r\n" + head);
          }
        }) {}

  void serve_headers() {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    made->routes.front().rules = rules_;
    Delta delta;
    delta.settings.emplace().headers = settings_;
    delta.backends = {backend("app", {app_.port()})};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  test::Response ask(const std::string& fields = "") {
    auto socket = connect();
    socket.send("GET /a?x=1 HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n");
    return test::receive_response(socket);
  }

  table::HeaderSettings settings_;
  table::RouteRules rules_;
  test::Backend app_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_F(Headers, ServerOfTheEndpointGoesOnOnlyIfSo) {
  start();
  serve_headers();
  EXPECT_EQ(ask().field("Server"), "");
  settings_.server = true;
  serve_headers();
  EXPECT_EQ(ask().field("Server"), "app/1");
}

TEST_F(Headers, OfTheRouteReplaceTheEndpoints) {
  rules_.response_fields = {{"X-Team", text("shop")},
                            {"X-Client", {{TextPart::Source::ClientAddress, ""}}},
                            {"X-Powered-By", {}}};
  start();
  serve_headers();
  const auto head = ask().head;
  EXPECT_TRUE(has(head, "\r\nX-Team: shop\r\n")) << head;
  EXPECT_FALSE(has(head, "nobody")) << head;
  EXPECT_TRUE(has(head, "\r\nX-Client: 127.0.0.1\r\n")) << head;
  EXPECT_FALSE(has(head, "X-Powered-By")) << "it comes to nothing: " << head;
  EXPECT_TRUE(has(head, "\r\nX-Kept: yes\r\n")) << head;
}

TEST_F(Headers, StandOnWeirsOwnAnswersInsteadOfItsOwn) {
  rules_.response_fields = {{"X-Team", text("shop")}, {"Content-Type", text("text/x-own")}};
  rules_.access.closed = true;
  settings_.response = {{"X-Team", text("all")}, {"X-All", text("1")}};
  settings_.hidden = {"Retry-After"};
  start();
  serve_headers();
  const auto head = ask().head;
  EXPECT_TRUE(head.starts_with("HTTP/1.1 503")) << head;
  EXPECT_TRUE(has(head, "\r\nX-Team: shop\r\n")) << "the route's goes before: " << head;
  EXPECT_EQ(count(head, "X-Team"), 1) << head;
  EXPECT_TRUE(has(head, "\r\nX-All: 1\r\n")) << head;
  EXPECT_TRUE(has(head, "\r\nContent-Type: text/x-own\r\n")) << head;
  EXPECT_EQ(count(head, "Content-Type"), 1) << head;
  EXPECT_TRUE(has(head, "\r\nRetry-After: ")) << "only of endpoints' responses: " << head;
}

TEST_F(Headers, OfAllResponsesStandWhereThereIsNoRoute) {
  settings_.response = {{"X-All", text("1")}};
  start();
  Delta delta;
  delta.settings.emplace().headers = settings_;
  delta.hosts = {host("known.example", "app")};
  adopt(std::move(delta));
  const auto response = get("/", "unknown.example");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.field("X-All"), "1");
}

TEST_F(Headers, HiddenOnesOfEndpointsDoNotGoOn) {
  settings_.hidden = {"x-powered-by", "X-None"};
  start();
  serve_headers();
  const auto head = ask().head;
  EXPECT_FALSE(has(head, "X-Powered-By")) << head;
  EXPECT_TRUE(has(head, "X-Kept")) << head;
}

TEST_F(Headers, OfRequestsReplaceTheClientsAndWeirsOwn) {
  settings_.request = {{"X-Real-IP", text("none")},
                       {"X-Request-ID", text("one")},
                       {"X-Scheme", {}},
                       {"X-Tenant", {{TextPart::Source::Host, ""}}},
                       {"X-Argument", {{TextPart::Source::Argument, "x"}}}};
  start();
  serve_headers();
  const auto seen = ask("x-tenant: mallory\r\nX-Other: kept\r\n").body;
  EXPECT_TRUE(has(seen, "\r\nX-Real-IP: none\r\n")) << seen;
  EXPECT_EQ(count(seen, "X-Real-IP"), 1) << seen;
  EXPECT_TRUE(has(seen, "\r\nX-Request-ID: one\r\n")) << seen;
  EXPECT_EQ(count(seen, "X-Request-ID"), 1) << seen;
  EXPECT_FALSE(has(seen, "X-Scheme")) << seen;
  EXPECT_TRUE(has(seen, "\r\nX-Forwarded-Scheme: http\r\n")) << seen;
  EXPECT_TRUE(has(seen, "\r\nX-Tenant: shop.example\r\n")) << seen;
  EXPECT_FALSE(has(seen, "mallory")) << seen;
  EXPECT_TRUE(has(seen, "\r\nX-Argument: 1\r\n")) << seen;
  EXPECT_TRUE(has(seen, "\r\nX-Other: kept\r\n")) << seen;
}

TEST_F(Headers, ThatFrameOrRouteAreWeirsOwn) {
  settings_.request = {{"Host", text("other")}, {"Content-Length", text("5")}};
  settings_.response = {{"Transfer-Encoding", text("chunked")}, {"Connection", text("close")}};
  start();
  serve_headers();
  auto socket = connect();
  for (int i = 0; i < 2; ++i) {
    socket.send("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    const auto response = test::receive_response(socket);
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(has(response.body, "\r\nHost: shop.example\r\n")) << response.body;
    EXPECT_FALSE(has(response.body, "Content-Length")) << response.body;
    EXPECT_FALSE(has(response.head, "Transfer-Encoding")) << response.head;
    EXPECT_FALSE(has(response.head, "Connection")) << response.head;
  }
}

TEST_F(Headers, OwnStrictTransportSecurityGoesBeforeThatOfAll) {
  rules_.response_fields = {{"Strict-Transport-Security", text("max-age=1")}};
  start();
  serve_headers();
  Delta delta;
  delta.settings.emplace().hsts.emplace();
  adopt(std::move(delta));
  auto socket = connect_tls();
  socket.send("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  const auto head = test::receive_response(socket).head;
  EXPECT_EQ(count(head, "Strict-Transport-Security"), 1) << head;
  EXPECT_TRUE(has(head, "max-age=1\r\n")) << head;
}

TEST_F(Headers, AChangeDuringARequestLeavesItWhatItBeganWith) {
  std::promise<void> asked;
  std::promise<void> may_answer;
  test::Backend slow([&](Socket& socket) {
    if (receive_head(socket).empty()) return;
    asked.set_value();
    may_answer.get_future().wait();
    socket.send("HTTP/1.1 200 OK\r\nX-All: endpoint\r\nContent-Length: 0\r\n\r\n");
  });
  start();
  for (const auto* value : {"first", "second"}) {
    Delta delta;
    delta.settings.emplace().headers.response = {{"X-All", text(value)}};
    delta.backends = {backend("app", {slow.port()})};
    delta.hosts = {host("", "app")};
    if (value == std::string_view("first")) {
      adopt(std::move(delta));
      continue;
    }
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    asked.get_future().wait();
    adopt(std::move(delta));
    may_answer.set_value();
    EXPECT_EQ(test::receive_response(socket).field("X-All"), "first");
  }
}

TEST_F(Headers, StandOnTheAnswerToAHandshake) {
  test::Backend echo([](Socket& socket) { test::websocket_echo(socket, "hello"); });
  start();
  Delta delta;
  delta.settings.emplace().headers.response = {{"X-All", text("1")}};
  delta.backends = {backend("app", {echo.port()})};
  delta.hosts = {host("", "app")};
  adopt(std::move(delta));
  auto socket = connect();
  socket.send(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const auto head = socket.receive_until("\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101")) << head;
  EXPECT_TRUE(has(head, "\r\nX-All: 1\r\n")) << head;
}

}  // namespace

}  // namespace weir::proxy
