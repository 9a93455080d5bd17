#include <atomic>
#include <mutex>

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

using table::TextPart;
using test::Backend;
using test::receive_head;
using test::Socket;

/// An auth service that gives one answer after the other and keeps what it was asked.
class AuthService {
 public:
  explicit AuthService(std::string first)
      : answer_(std::move(first)), backend_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            std::unique_lock lock(mutex_);
            asked_.push_back(head);
            const auto answer = answer_;
            lock.unlock();
            if (answer.empty()) return;
            socket.send(answer);
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

constexpr const char* kYes = "HTTP/1.1 204 No Content\r\n\r\n";

class ExternalAuth : public ProxyTest {
 protected:
  ExternalAuth()
      : app_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            {
              const std::lock_guard lock(mutex_);
              served_.push_back(head);
            }
            socket.send("HTTP/1.1 " + app_status_ + " X\r\nContent-Length: 2\r\n\r\nin");
          }
        }) {
    policy_.backend = "auth";
    policy_.host = "auth.example";
    policy_.target = {{TextPart::Source::Literal, "/check"}};
  }

  void serve_with(const std::vector<std::uint16_t>& auth_ports) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.access = access_;
    rules.access.external = policy_;
    made->routes.front().rules = rules;
    made->routes.front().requests = requests_;
    Delta delta;
    delta.backends = {backend("app", {app_.port()}), backend("auth", auth_ports)};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  test::Response ask(const std::string& fields = "", const std::string& target = "/a?b=1") {
    auto socket = connect();
    socket.send("GET " + target + " HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n");
    return test::receive_response(socket);
  }
  std::vector<std::string> served() const {
    const std::lock_guard lock(mutex_);
    return served_;
  }

  table::ExternalAuth policy_;
  table::Access access_;
  table::RequestPolicy requests_;
  std::string app_status_ = "200";
  mutable std::mutex mutex_;
  std::vector<std::string> served_;
  Backend app_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ExternalAuth, AYesLetsTheRequestGoOnWithTheHeadersOfTheService) {
  AuthService auth("HTTP/1.1 200 OK\r\nX-User: alice\r\nX-Empty:\r\nContent-Length: 4\r\n\r\nbody");
  policy_.response_headers = {"X-User", "X-Role"};
  start();
  serve_with({auth.port()});
  EXPECT_EQ(ask("X-User: mallory\r\nx-role: admin\r\nCookie: s=1\r\n").status, 200);
  const auto head = served().at(0);
  EXPECT_TRUE(has(head, "\r\nX-User: alice\r\n")) << head;
  EXPECT_FALSE(has(head, "mallory")) << head;
  EXPECT_FALSE(has(head, "admin")) << "the service says nothing of it, so nobody does: " << head;
  const auto asked = auth.asked().at(0);
  EXPECT_TRUE(asked.starts_with("GET /check HTTP/1.1\r\nHost: auth.example\r\n")) << asked;
  for (const auto* line :
       {"Cookie: s=1", "X-Original-URL: http://shop.example/a?b=1", "X-Original-Method: GET",
        "X-Sent-From: nginx-ingress-controller", "X-Auth-Request-Redirect: /a?b=1",
        "X-Real-IP: 127.0.0.1", "X-Forwarded-For: 127.0.0.1"}) {
    EXPECT_TRUE(has(asked, std::string("\r\n") + line + "\r\n")) << line << " in " << asked;
  }
  EXPECT_FALSE(has(asked, "X-Original-URI")) << asked;
}

TEST_F(ExternalAuth, FieldsForTheServiceReplaceTheClientsAndWeirsOwn) {
  AuthService auth(kYes);
  policy_.request_fields = {
      {"X-Realm", {{TextPart::Source::Literal, "of "}, {TextPart::Source::Host, ""}}},
      {"X-Real-IP", {{TextPart::Source::Literal, "none"}}},
      {"Cookie", {}}};
  start();
  serve_with({auth.port()});
  EXPECT_EQ(ask("Cookie: s=1\r\nx-realm: mine\r\n").status, 200);
  const auto asked = auth.asked().at(0);
  EXPECT_TRUE(has(asked, "\r\nX-Realm: of shop.example\r\n")) << asked;
  EXPECT_TRUE(has(asked, "\r\nX-Real-IP: none\r\n")) << asked;
  EXPECT_FALSE(has(asked, "mine")) << asked;
  EXPECT_FALSE(has(asked, "Cookie")) << asked;
  EXPECT_TRUE(has(served().at(0), "Cookie: s=1")) << "the endpoint gets the client's";
}

TEST_F(ExternalAuth, TheServiceHearsNothingOfBodyAndUpgrade) {
  AuthService auth(kYes);
  policy_.method = "POST";
  policy_.tells_uri = true;
  policy_.redirect = {{TextPart::Source::Scheme, ""}, {TextPart::Source::Literal, "://front"}};
  start();
  serve_with({auth.port()});
  auto socket = connect();
  socket.send(
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(test::eventually([&] { return auth.asked().size() == 1; }));
  const auto asked = auth.asked().at(0);
  EXPECT_TRUE(asked.starts_with("POST /check")) << asked;
  for (const auto* name : {"Transfer-Encoding", "Expect", "Content-Length"}) {
    EXPECT_FALSE(has(asked, name)) << asked;
  }
  EXPECT_TRUE(has(asked, "\r\nX-Original-Method: PUT\r\n")) << asked;
  EXPECT_TRUE(has(asked, "\r\nX-Original-URI: /\r\nX-Scheme: http\r\n")) << asked;
  EXPECT_TRUE(has(asked, "\r\nX-Auth-Request-Redirect: http://front\r\n")) << asked;
}

TEST_F(ExternalAuth, ANoIsTheAnswer) {
  AuthService auth("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n");
  start();
  serve_with({auth.port()});
  const auto no = ask();
  EXPECT_EQ(no.status, 401);
  EXPECT_TRUE(has(no.head, "\r\nWWW-Authenticate: Bearer\r\n")) << no.head;
  EXPECT_EQ(answers(AnswerReason::AuthRequired), 1U);
  auth.answer_with("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ask().status, 403);
  auth.answer_with("HTTP/1.1 302 Away\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ask().status, 500);
  auth.answer_with("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ask().status, 500);
  EXPECT_TRUE(served().empty());
  EXPECT_EQ(answers(AnswerReason::AuthFailed), 2U);
}

TEST_F(ExternalAuth, ASilentOrAbsentServiceLetsNobodyIn) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  requests_.read_timeout_ms = 100;
  start();
  serve_with({silent.port()});
  EXPECT_EQ(ask().status, 500);
  serve_with({test::unused_port()});
  EXPECT_EQ(ask().status, 500);
  serve_with({});
  EXPECT_EQ(ask().status, 500);
  AuthService garbage("no HTTP at all\r\n\r\n");
  serve_with({garbage.port()});
  EXPECT_EQ(ask().status, 500);
  EXPECT_TRUE(served().empty());
}

TEST_F(ExternalAuth, A401SendsTheClientToSignIn) {
  AuthService auth("HTTP/1.1 401 No\r\nSet-Cookie: csrf=1\r\nContent-Length: 0\r\n\r\n");
  policy_.signin = {{TextPart::Source::Literal, "https://login.example/start"}};
  start();
  serve_with({auth.port()});
  const auto away = ask();
  EXPECT_EQ(away.status, 302);
  EXPECT_TRUE(has(away.head,
                  "\r\nLocation: "
                  "https://login.example/start?rd=http://shop.example%2Fa%3Fb%3D1\r\n"))
      << away.head;
  EXPECT_TRUE(has(away.head, "\r\nSet-Cookie: csrf=1\r\n")) << away.head;
  policy_.signin.front().text = "https://login.example/start?rd=/home";
  serve_with({auth.port()});
  EXPECT_TRUE(has(ask().head, "\r\nLocation: https://login.example/start?rd=/home\r\n"));
  policy_.signin.front().text = "https://login.example/start?x=1";
  policy_.signin_parameter = "back";
  serve_with({auth.port()});
  EXPECT_TRUE(has(ask().head, "/start?x=1&back=http://shop.example%2Fa%3Fb%3D1\r\n"));
}

TEST_F(ExternalAuth, CookiesOfTheServiceGoToTheClientWithGoodAnswersOnly) {
  AuthService auth("HTTP/1.1 200 OK\r\nSet-Cookie: s=2\r\nContent-Length: 0\r\n\r\n");
  start();
  serve_with({auth.port()});
  EXPECT_TRUE(has(ask().head, "\r\nSet-Cookie: s=2\r\n"));
  app_status_ = "404";
  EXPECT_FALSE(has(ask().head, "Set-Cookie"));
  policy_.always_set_cookie = true;
  serve_with({auth.port()});
  EXPECT_TRUE(has(ask().head, "\r\nSet-Cookie: s=2\r\n"));
}

TEST_F(ExternalAuth, ConnectionsToTheServiceAreKept) {
  AuthService auth("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n");
  start();
  serve_with({auth.port()});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(auth.connections(), 1);
}

TEST_F(ExternalAuth, OneThatEndsAKeptConnectionIsAskedAgain) {
  std::atomic<int> asked = 0;
  Backend once([&](Socket& socket) {
    if (receive_head(socket).empty()) return;
    ++asked;
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  start();
  serve_with({once.port()});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(asked, 3);
}

TEST_F(ExternalAuth, AHandshakeIsAskedAboutToo) {
  AuthService auth("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  start();
  serve_with({auth.port()});
  Socket socket = connect();
  EXPECT_FALSE(test::open_websocket(socket, "a"));
  EXPECT_FALSE(has(auth.asked().at(0), "Sec-WebSocket-Key")) << auth.asked().at(0);
}

TEST_F(ExternalAuth, AClientThatLeavesLeavesNothingBehind) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  start();
  serve_with({silent.port()});
  {
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(test::eventually([&] { return silent.accepted() == 1; }));
  }
  EXPECT_TRUE(test::eventually([&] {
    return sum([](const Counters& c) -> const Cell& { return c.requests_aborted; }) == 1;
  }));
  EXPECT_TRUE(served().empty());
}

TEST_F(ExternalAuth, AnyOfListsAndServiceIsEnoughIfSo) {
  AuthService auth("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  access_.any = true;
  access_.allowed = {"127.0.0.0/8"};
  start();
  serve_with({auth.port()});
  EXPECT_EQ(ask().status, 200) << "by its address";
  EXPECT_TRUE(auth.asked().empty());
  access_.allowed = {"10.0.0.0/8"};
  serve_with({auth.port()});
  EXPECT_EQ(ask().status, 403);
  EXPECT_EQ(answers(AnswerReason::AuthForbidden), 1U) << "the service has the last word";
  auth.answer_with(kYes);
  EXPECT_EQ(ask().status, 200);
  access_.any = false;
  serve_with({auth.port()});
  EXPECT_EQ(ask().status, 403);
  EXPECT_EQ(auth.asked().size(), 2U) << "by its address, without asking";
}

}  // namespace

}  // namespace weir::proxy
