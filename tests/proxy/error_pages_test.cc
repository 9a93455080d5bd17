#include <atomic>
#include <mutex>

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

using test::Backend;
using test::receive_head;
using test::Socket;

/// Keeps the heads that it is asked with and gives one answer to all.
class Recorder {
 public:
  explicit Recorder(std::string answer)
      : answer_(std::move(answer)), backend_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            std::unique_lock lock(mutex_);
            asked_.push_back(head);
            const auto now = answer_;
            lock.unlock();
            if (now.empty()) return;
            socket.send(now);
            if (now.find("Connection: close") != now.npos) return;
          }
        }) {}

  std::uint16_t port() const { return backend_.port(); }
  int connections() const { return backend_.accepted(); }
  void answer_with(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::string answer_;
  std::vector<std::string> asked_;
  Backend backend_;
};

constexpr const char* kNotFound =
    "HTTP/1.1 404 Not Found\r\nX-App: 1\r\nContent-Length: 7\r\n\r\nmissing";
constexpr const char* kPage =
    "HTTP/1.1 410 Gone\r\nContent-Type: text/x-page\r\nX-Page: 1\r\nContent-Length: 4\r\n\r\npage";

class ErrorPages : public ProxyTest {
 protected:
  ErrorPages() { rules_.error_pages = table::ErrorPages{"errors", {401, 404, 502, 503}, false}; }

  void serve_pages(const std::vector<std::uint16_t>& app,
                   const std::vector<std::uint16_t>& errors) {
    auto made = std::make_shared<table::Host>(*host("", "default/shop:80"));
    made->routes.front().origin = "default/web";
    made->routes.front().rules = rules_;
    made->routes.front().requests = requests_;
    Delta delta;
    delta.backends = {backend("default/shop:80", app), backend("errors", errors)};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  test::Response ask(const std::string& fields = "", const std::string& method = "GET") {
    auto socket = connect();
    socket.send(method + " /a?b=1 HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n");
    return test::receive_response(socket, method == "HEAD");
  }

  table::RouteRules rules_;
  table::RequestPolicy requests_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ErrorPages, TakeThePlaceOfAnEndpointsAnswer) {
  Recorder app(kNotFound);
  Recorder errors(kPage);
  start();
  serve_pages({app.port()}, {errors.port()});
  const auto page = ask(
      "Accept: text/html\r\nX-Request-ID: 7\r\nX-Code: 200\r\nCookie: s=1\r\nRange: bytes=0-1\r\n");
  EXPECT_EQ(page.status, 410);
  EXPECT_EQ(page.body, "page");
  EXPECT_EQ(page.field("X-Page"), "1");
  EXPECT_EQ(page.field("Content-Length"), "4");
  EXPECT_EQ(page.field("X-App"), "") << page.head;
  const auto asked = errors.asked().at(0);
  EXPECT_TRUE(asked.starts_with("GET / HTTP/1.1\r\nHost: shop.example\r\n")) << asked;
  for (const auto* line : {"X-Code: 404", "X-Format: text/html", "X-Original-URI: /a?b=1",
                           "X-Namespace: default", "X-Ingress-Name: web", "X-Service-Name: shop",
                           "X-Service-Port: 80", "X-Request-ID: 7", "Cookie: s=1"}) {
    EXPECT_TRUE(has(asked, std::string("\r\n") + line + "\r\n")) << line << " in " << asked;
  }
  EXPECT_FALSE(has(asked, "X-Code: 200")) << asked;
  EXPECT_FALSE(has(asked, "Range")) << asked;
}

TEST_F(ErrorPages, OtherStatusesGoOn) {
  Recorder app("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\noh");
  Recorder errors(kPage);
  start();
  serve_pages({app.port()}, {errors.port()});
  EXPECT_EQ(ask().body, "oh");
  EXPECT_TRUE(errors.asked().empty());
}

TEST_F(ErrorPages, AllConnectionsAreKept) {
  Recorder app(kNotFound);
  Recorder errors("HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npage\r\n0\r\n\r\n");
  start();
  serve_pages({app.port()}, {errors.port()});
  auto socket = connect();
  for (int i = 0; i < 3; ++i) {
    socket.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto page = test::receive_response(socket);
    EXPECT_EQ(page.body, "page");
    EXPECT_EQ(page.field("Content-Length"), "4") << page.head;
    EXPECT_EQ(page.field("Transfer-Encoding"), "") << page.head;
  }
  EXPECT_EQ(app.connections(), 1);
  EXPECT_EQ(errors.connections(), 1);
}

TEST_F(ErrorPages, AnEndpointsLargeBodyIsNotReadForNothing) {
  const std::string rest(8 * 1024 * 1024, 'x');
  std::atomic<bool> was_cut = false;
  Backend app([&](Socket& socket) {
    if (receive_head(socket).empty()) return;
    socket.send("HTTP/1.1 404 No\r\nContent-Length: 1000000000\r\n\r\n");
    while (socket.send(rest)) {
    }
    was_cut = true;
  });
  Recorder errors(kPage);
  start();
  serve_pages({app.port()}, {errors.port()});
  auto socket = connect();
  for (int i = 0; i < 2; ++i) {
    socket.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(test::receive_response(socket).body, "page");
  }
  EXPECT_TRUE(test::eventually([&] { return was_cut.load(); }));
  EXPECT_EQ(app.accepted(), 2);
}

TEST_F(ErrorPages, TakeThePlaceOfWeirsOwnAnswer) {
  Recorder errors(kPage);
  start();
  serve_pages({}, {errors.port()});
  EXPECT_EQ(ask().body, "page");
  EXPECT_TRUE(has(errors.asked().at(0), "\r\nX-Code: 503\r\n"));
  EXPECT_EQ(answers(AnswerReason::NoEndpoint), 1U);
  serve_pages({test::unused_port()}, {errors.port()});
  EXPECT_EQ(ask().body, "page");
  EXPECT_TRUE(has(errors.asked().at(1), "\r\nX-Code: 502\r\n"));
}

TEST_F(ErrorPages, OnlyWeirsOwnIfSo) {
  Recorder app(kNotFound);
  Recorder errors(kPage);
  rules_.error_pages->only_own = true;
  start();
  serve_pages({app.port()}, {errors.port()});
  EXPECT_EQ(ask().body, "missing");
  serve_pages({}, {errors.port()});
  EXPECT_EQ(ask().body, "page");
}

TEST_F(ErrorPages, WithoutOneTheAnswerStands) {
  const std::string large(300'000, 'x');
  Recorder app("HTTP/1.1 404 No\r\nX-App: 1\r\nContent-Length: 300000\r\n\r\n" + large);
  Recorder silent("");
  start();
  for (const auto& errors :
       std::vector<std::vector<std::uint16_t>>{{}, {test::unused_port()}, {silent.port()}}) {
    serve_pages({app.port()}, errors);
    const auto response = ask();
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.field("X-App"), "1");
    EXPECT_EQ(response.body, large);
    serve_pages({}, errors);
    EXPECT_EQ(ask().status, 503);
  }
  EXPECT_FALSE(silent.asked().empty());
}

TEST_F(ErrorPages, OneThatIsTooLargeOrCutShortIsNone) {
  Recorder app(kNotFound);
  Recorder errors("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n" +
                  std::string(1024 * 1024 + 1, 'x'));
  start();
  serve_pages({app.port()}, {errors.port()});
  EXPECT_EQ(ask().body, "missing");
  errors.answer_with("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nshort");
  EXPECT_EQ(ask().body, "missing");
  errors.answer_with("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
  EXPECT_EQ(ask().body, "until the end");
}

TEST_F(ErrorPages, HaveNoBodyForHead) {
  Recorder app("HTTP/1.1 404 No\r\nContent-Length: 7\r\n\r\n");
  Recorder errors("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\n");
  start();
  serve_pages({app.port()}, {errors.port()});
  const auto page = ask("", "HEAD");
  EXPECT_EQ(page.status, 404);
  EXPECT_EQ(page.field("Content-Length"), "4");
  EXPECT_TRUE(errors.asked().at(0).starts_with("HEAD / "));
}

TEST_F(ErrorPages, TheRequestsBodyGoesToTheEndpointAlone) {
  Backend app([](Socket& socket) {
    while (!receive_head(socket).empty()) {
      EXPECT_EQ(socket.receive_exactly(5), "hello");
      socket.send(kNotFound);
    }
  });
  Recorder errors(kPage);
  start();
  serve_pages({app.port()}, {errors.port()});
  auto socket = connect();
  for (int i = 0; i < 2; ++i) {
    socket.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: x\r\n\r\nhello");
    EXPECT_EQ(test::receive_response(socket).body, "page");
  }
  const auto asked = errors.asked().at(1);
  EXPECT_TRUE(asked.starts_with("POST / HTTP/1.1\r\n")) << asked;
  EXPECT_TRUE(has(asked, "\r\nContent-Length: 0\r\n")) << asked;
  EXPECT_FALSE(has(asked, "Expect")) << asked;
}

TEST_F(ErrorPages, AnAnswerBeforeTheWholeBodyClosesTheConnectionBehindIt) {
  Recorder app(kNotFound);
  Recorder errors(kPage);
  start();
  serve_pages({app.port()}, {errors.port()});
  auto socket = connect();
  socket.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nhello");
  const auto page = test::receive_response(socket);
  EXPECT_EQ(page.body, "page");
  EXPECT_EQ(page.field("Connection"), "close");
  EXPECT_TRUE(socket.at_end());
}

TEST_F(ErrorPages, KeepTheChallengeOfA401) {
  Recorder app("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n");
  Recorder errors(kPage);
  rules_.response_fields = {{"X-Team", {{table::TextPart::Source::Literal, "shop"}}}};
  start();
  serve_pages({app.port()}, {errors.port()});
  const auto page = ask();
  EXPECT_EQ(page.field("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(page.field("X-Team"), "shop");
  serve_pages({app.port()}, {});
  const auto head = ask().head;
  EXPECT_EQ(head.find("WWW-Authenticate"), head.rfind("WWW-Authenticate")) << head;
}

TEST_F(ErrorPages, StandForTheRefusalOfAHandshake) {
  Recorder app(kNotFound);
  Recorder errors(kPage);
  start();
  serve_pages({app.port()}, {errors.port()});
  auto socket = connect();
  EXPECT_FALSE(test::open_websocket(socket, "a"));
  const auto asked = errors.asked().at(0);
  EXPECT_FALSE(has(asked, "Upgrade")) << asked;
  EXPECT_FALSE(has(asked, "Sec-WebSocket")) << asked;
}

TEST_F(ErrorPages, AClientThatLeavesLeavesNothingBehind) {
  Recorder app(kNotFound);
  Backend silent([](Socket& socket) { socket.receive_all(); });
  start();
  serve_pages({app.port()}, {silent.port()});
  {
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(test::eventually([&] { return silent.accepted() == 1; }));
  }
  EXPECT_TRUE(test::eventually([&] {
    return sum([](const Counters& c) -> const Cell& { return c.requests_aborted; }) == 1;
  }));
}

TEST_F(ErrorPages, AFallbackServesWhileThereIsNoEndpoint) {
  Recorder app("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin");
  Recorder errors("HTTP/1.1 503 Later\r\nContent-Length: 4\r\n\r\npage");
  rules_.fallback = "errors";
  start();
  serve_pages({}, {errors.port()});
  auto socket = connect();
  socket.send(
      "POST /a?b=1 HTTP/1.1\r\nHost: a\r\nx-code: 1\r\nContent-Length: 0\r\nAccept: x/y\r\n\r\n");
  const auto response = test::receive_response(socket);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "page");
  ASSERT_EQ(errors.asked().size(), 1U) << "it is not asked about its own answer";
  const auto asked = errors.asked().at(0);
  EXPECT_TRUE(asked.starts_with("POST /a?b=1 HTTP/1.1\r\n")) << asked;
  for (const auto* line :
       {"X-Code: 503", "X-Format: x/y", "X-Original-URI: /a?b=1", "X-Namespace: default",
        "X-Service-Name: shop", "X-Real-IP: 127.0.0.1"}) {
    EXPECT_TRUE(has(asked, std::string("\r\n") + line + "\r\n")) << line << " in " << asked;
  }
  EXPECT_FALSE(has(asked, "x-code: 1")) << asked;
  serve_pages({app.port()}, {errors.port()});
  EXPECT_EQ(ask().body, "in");
  serve_pages({}, {});
  EXPECT_EQ(ask().status, 503);
  EXPECT_EQ(answers(AnswerReason::NoEndpoint), 1U);
}

TEST_F(ErrorPages, AFallbackAsksNobodyWhoMayNotComeIn) {
  Recorder errors(kPage);
  rules_.fallback = "errors";
  rules_.error_pages.reset();
  rules_.access.denied = {"127.0.0.1"};
  start();
  serve_pages({}, {errors.port()});
  EXPECT_EQ(ask().status, 403);
  EXPECT_TRUE(errors.asked().empty());
}

}  // namespace

}  // namespace weir::proxy
