#include <mutex>

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

using test::Backend;
using test::receive_head;
using test::Socket;
using test::WebSocketPeer;
using Role = WebSocketPeer::Role;

std::string answer(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n";
}

class TunnelAuthTest : public ProxyTest {
 protected:
  TunnelAuthTest()
      : app_([](Socket& socket) {
          WebSocketPeer peer(socket, Role::Server);
          if (peer.accept()) peer.echo();
        }),
        auth_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            std::unique_lock lock(mutex_);
            asked_.push_back(head);
            const int status = status_;
            lock.unlock();
            if (status == 0) continue;  // silence
            socket.send(answer(status));
          }
        }) {}

  void serve_asking(std::uint32_t interval_ms, const table::Access& access = {}) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.access = access;
    auto& external = rules.access.external.emplace();
    external.backend = "auth";
    external.host = "auth.example";
    external.target = {{table::TextPart::Source::Literal, "/check"}};
    made->routes.front().rules = rules;
    table::TunnelPolicy tunnels;
    tunnels.auth_interval_ms = interval_ms;
    made->routes.front().tunnels = tunnels;
    Delta delta;
    delta.backends = {backend("app", {app_.port()}), backend("auth", {auth_.port()})};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  /// 0: no answer at all.
  void answer_with(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  bool asked_times(std::size_t count) const {
    return test::eventually([&] { return asked().size() >= count; });
  }
  std::uint64_t count(Cell Counters::*cell) const {
    return sum([cell](const Counters& c) -> const Cell& { return c.*cell; });
  }

  mutable std::mutex mutex_;
  int status_ = 200;
  std::vector<std::string> asked_;
  Backend app_;
  Backend auth_;
};

TEST_F(TunnelAuthTest, Pain33_AHandshakeIsAskedAboutBeforeAnEndpointHearsOfIt) {
  answer_with(401);
  start();
  serve_asking(0);
  auto socket = connect();
  socket.send(test::websocket_handshake("a"));
  EXPECT_EQ(test::receive_response(socket).status, 401);
  EXPECT_EQ(app_.accepted(), 0);
  answer_with(200);
  auto again = connect();
  EXPECT_TRUE(test::open_websocket(again, "a"));
}

TEST_F(TunnelAuthTest, Pain34_ATunnelEndsWhenTheServiceSaysNo) {
  start();
  serve_asking(1);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  ASSERT_TRUE(asked_times(3)) << "at the handshake, and again and again";
  EXPECT_EQ(asked()[1], asked()[0]) << "with the same words";
  EXPECT_GE(count(&Counters::tunnel_auth_yes), 1U);
  client.send_text("still here");
  EXPECT_EQ(client.receive_message(), "still here");
  answer_with(403);
  const auto frame = client.receive_frame();
  ASSERT_TRUE(frame.has_value()) << "the end came without a Close";
  EXPECT_EQ(client.close_code(), 1008);
  EXPECT_EQ(client.close_reason(), "authorisation expired");
  client.send_close(1008);
  EXPECT_TRUE(client.receive_to_end().empty());
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::AuthExpired) == 1; }));
  EXPECT_EQ(count(&Counters::tunnel_auth_no), 1U);
}

TEST_F(TunnelAuthTest, Pain34_NoAnswerIsNoWord) {
  start();
  serve_asking(1);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  answer_with(500);
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::tunnel_auth_unknown) >= 2; }));
  client.send_text("still here");
  EXPECT_EQ(client.receive_message(), "still here");
}

TEST_F(TunnelAuthTest, ATunnelThatEndsWhileTheServiceIsAskedLeavesNothingBehind) {
  start();
  serve_asking(1);
  {
    auto socket = connect();
    ASSERT_TRUE(test::open_websocket(socket, "a"));
    answer_with(0);
    ASSERT_TRUE(asked_times(2));
  }
  EXPECT_TRUE(test::eventually([&] { return open_tunnels() == 0; }));
}

TEST_F(TunnelAuthTest, WhoCameInByAddressIsNotAskedAboutLater) {
  table::Access access;
  access.any = true;
  access.allowed = {"127.0.0.0/8"};
  start();
  serve_asking(1, access);
  auto socket = connect();
  ASSERT_TRUE(test::open_websocket(socket, "a"));
  // Another tunnel's questions come meanwhile.
  access.allowed = {"10.0.0.0/8"};
  serve_asking(1, access);
  auto other = connect();
  ASSERT_TRUE(test::open_websocket(other, "b"));
  ASSERT_TRUE(asked_times(4));
  for (const auto& head : asked()) EXPECT_NE(head.find("//b/"), std::string::npos) << head;
}

}  // namespace

}  // namespace weir::proxy
