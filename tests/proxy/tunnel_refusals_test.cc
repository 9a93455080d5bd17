#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::Frame;
using test::receive_head;
using test::receive_response;
using test::WebSocketPeer;
using Refusal = table::TunnelPolicy::Refusal;

class TunnelRefusals : public ProxyTest {
 protected:
  static table::TunnelPolicy by_close() {
    table::TunnelPolicy policy;
    policy.refusal = Refusal::Close;
    return policy;
  }
  /// weir takes the handshake, says why not, and ends.
  void expect_refused(std::uint16_t code, const std::string& reason,
                      const std::string& fields = "") {
    auto socket = connect();
    auto handshake = test::websocket_handshake("a");
    handshake.insert(handshake.size() - 2, fields);
    socket.send(handshake);
    const auto head = receive_head(socket);
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 ")) << head;
    EXPECT_NE(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), head.npos);
    if (!fields.empty()) {
      EXPECT_NE(head.find("Sec-WebSocket-Protocol: chat\r\n"), head.npos) << head;
    }
    WebSocketPeer client(socket, WebSocketPeer::Role::Client);
    EXPECT_TRUE(client.receive_frame().has_value());
    EXPECT_EQ(client.close_code(), code);
    EXPECT_TRUE(client.close_reason().starts_with(reason)) << client.close_reason();
    client.send_close(code);
    EXPECT_TRUE(client.receive_to_end().empty());
    EXPECT_EQ(client.end(), WebSocketPeer::End::Fin);
    EXPECT_TRUE(client.violations().empty());
  }
};

TEST_F(TunnelRefusals, Pain16_ABrowserLearnsWhyFromACloseFrame) {
  Backend app([](test::Socket& socket) { test::websocket_echo(socket); });
  start();
  auto policy = by_close();
  policy.websocket = false;
  serve_tunnels({app.port()}, policy);
  expect_refused(1008, "403 ", "Sec-WebSocket-Protocol: chat, superchat\r\n");
  EXPECT_EQ(answers(AnswerReason::WebSocketOff), 1U);
  serve_tunnels({}, by_close());
  expect_refused(1013, "503 ");
  EXPECT_EQ(answers(AnswerReason::NoEndpoint), 1U);
  serve_tunnels({test::unused_port()}, by_close());
  expect_refused(1014, "502 ");
  EXPECT_EQ(app.accepted(), 0);
  EXPECT_EQ(open_tunnels(), 0U);
}

TEST_F(TunnelRefusals, Pain16_WhatTheBackendAnswersGoesThroughAsItIs) {
  Backend app([](test::Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
  });
  start();
  serve_tunnels({app.port()}, by_close());
  auto socket = connect();
  socket.send(test::websocket_handshake("a"));
  EXPECT_EQ(receive_response(socket).status, 401);
}

TEST_F(TunnelRefusals, Pain16_ByDefaultARefusalIsAStatus) {
  start();
  table::TunnelPolicy policy;
  policy.websocket = false;
  serve_tunnels({test::unused_port()}, policy);
  auto socket = connect();
  socket.send(test::websocket_handshake("a"));
  EXPECT_EQ(receive_response(socket).status, 403);
}

TEST_F(TunnelRefusals, Pain23_AllTunnelsTogetherHaveALimit) {
  Backend app([](test::Socket& socket) { test::websocket_echo(socket); });
  start();
  Delta delta;
  delta.settings.emplace().tunnels.limit = 2;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {host("a", "app"), host("b", "app")};
  adopt(std::move(delta));
  auto first = connect();
  ASSERT_TRUE(test::open_websocket(first, "a"));
  {
    auto second = connect();
    ASSERT_TRUE(test::open_websocket(second, "b"));
    auto third = connect();
    third.send(test::websocket_handshake("a"));
    const auto refusal = receive_response(third);
    EXPECT_EQ(refusal.status, 503);
    EXPECT_NE(refusal.field("Retry-After"), "");
    EXPECT_EQ(answers(AnswerReason::TunnelTotalLimit), 1U);
    EXPECT_EQ(get("/", "a").status, 200) << "a tunnel is not a request";
  }
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 1; }));
  auto again = connect();
  EXPECT_TRUE(test::open_websocket(again, "b"));
}

TEST_F(TunnelRefusals, Pain20_AllHandshakesTogetherHaveARate) {
  Backend app([](test::Socket& socket) { test::websocket_echo(socket); });
  start();
  Delta delta;
  auto& tunnels = delta.settings.emplace().tunnels;
  tunnels.opens_per_second = 1;
  tunnels.open_burst = 2;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {host("a", "app"), host("b", "app")};
  adopt(std::move(delta));
  // At once: it would take half a minute to find a turn for each.
  std::vector<test::Socket> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(connect());
    clients.back().send(test::websocket_handshake(i % 2 == 0 ? "a" : "b"));
  }
  std::uint64_t refused = 0;
  for (auto& client : clients) {
    if (receive_head(client).starts_with("HTTP/1.1 503 ")) ++refused;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, 30U);
  EXPECT_EQ(answers(AnswerReason::TunnelRate), refused);
}

constexpr const char* kSpdy =
    "POST /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";

TEST_F(TunnelRefusals, Pain32_AnotherProtocolOpensATunnelWhereThePolicyNamesIt) {
  std::promise<std::string> seen;
  Backend app([&](test::Socket& socket) {
    seen.set_value(receive_head(socket));
    socket.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
    test::websocket_echo(socket);
  });
  start();
  table::TunnelPolicy policy;
  policy.other_protocols = {"spdy/3.1"};
  policy.websocket = false;
  policy.max_frame_bytes = 1;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  socket.send(kSpdy);
  const auto head = receive_head(socket);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 ")) << head;
  EXPECT_NE(head.find("Upgrade: spdy/3.1\r\n"), head.npos) << head;
  EXPECT_NE(seen.get_future().get().find("Connection: Upgrade\r\nUpgrade: spdy/3.1\r\n"),
            head.npos);
  // The 101 goes out before the tunnel counts.
  EXPECT_TRUE(test::eventually([&] { return open_tunnels() == 1; }));
  // Nobody takes its bytes for frames.
  socket.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(receive_head(socket).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.unwatched; }), 0U);
}

TEST_F(TunnelRefusals, Pain32_ElsewhereItIsAnOrdinaryRequest) {
  std::promise<std::string> seen;
  Backend app([&](test::Socket& socket) {
    seen.set_value(receive_head(socket));
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  });
  start();
  serve({app.port()});
  auto socket = connect();
  socket.send(kSpdy);
  EXPECT_EQ(receive_response(socket).status, 200);
  const auto head = seen.get_future().get();
  EXPECT_EQ(head.find("Upgrade"), head.npos) << head;
}

TEST_F(TunnelRefusals, Pain32_TheAnswerMustNameTheSameProtocol) {
  Backend app([](test::Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    socket.receive_all();
  });
  start();
  table::TunnelPolicy policy;
  policy.other_protocols = {"spdy/3.1", "tcp"};
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  socket.send(kSpdy);
  EXPECT_EQ(receive_response(socket).status, 502);
}

}  // namespace
}  // namespace weir::proxy
