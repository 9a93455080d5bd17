#include <atomic>

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::kSwitchingProtocols;
using test::receive_head;
using test::receive_response;
using test::Socket;

const auto kHandshake = test::websocket_handshake("a");

void echo(Socket& socket) {
  test::websocket_echo(socket);
}

class TunnelTest : public ProxyTest {
 protected:
  Socket open_tunnel(bool tls = false) {
    auto client = tls ? connect_tls() : connect();
    EXPECT_TRUE(test::open_websocket(client, "a"));
    return client;
  }
};

TEST_F(TunnelTest, BytesPassBothWays) {
  Backend app(echo);
  start();
  serve({app.port()});
  for (const bool tls : {false, true}) {
    auto client = open_tunnel(tls);
    client.send("hello");
    EXPECT_EQ(client.receive_exactly(5), "hello");
    const std::string large(3'000'000, 'x');
    std::string echoed;
    if (tls) {
      for (int i = 0; i < 100; ++i) {
        client.send(std::string_view(large).substr(0, 30'000));
        echoed += client.receive_exactly(30'000);
      }
    } else {
      std::thread sender([&] { client.send(large); });
      echoed = client.receive_exactly(large.size());
      sender.join();
    }
    EXPECT_TRUE(echoed == large);
  }
}

TEST_F(TunnelTest, BytesRightBehindTheHandshakeArriveAfterThe101) {
  std::promise<std::string> seen;
  Backend app([&](Socket& socket) {
    receive_head(socket);
    socket.send(std::string(kSwitchingProtocols) + "from backend");
    seen.set_value(socket.receive_exactly(11));
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send(kHandshake + "from client");
  EXPECT_EQ(receive_response(client).status, 101);
  EXPECT_EQ(client.receive_exactly(12), "from backend");
  EXPECT_EQ(seen.get_future().get(), "from client");
}

TEST_F(TunnelTest, NoClientByteReachesABackendThatRefuses) {
  std::promise<std::string> seen;
  Backend app([&](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    seen.set_value(socket.receive_all());
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send(kHandshake + "smuggled bytes");
  const auto response = receive_response(client);
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.body, "no");
  client.close();
  plane_->close_all();
  EXPECT_EQ(seen.get_future().get(), "");
}

TEST_F(TunnelTest, AFalse101Is502) {
  for (const std::string answer :
       {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: not-offered\r\n\r\n"}) {
    Backend app([&](Socket& socket) {
      receive_head(socket);
      socket.send(answer);
      socket.receive_all();
    });
    start();
    serve({app.port()});
    auto client = connect();
    client.send(kHandshake);
    EXPECT_EQ(receive_response(client).status, 502) << answer;
    EXPECT_EQ(sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.opened; }), 0U);
  }
}

TEST_F(TunnelTest, AnInvalidHandshakeIsAnOrdinaryRequest) {
  for (const std::string bad :
       {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"}) {
    std::promise<std::string> seen;
    Backend app([&](Socket& socket) {
      seen.set_value(receive_head(socket));
      socket.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
    });
    start();
    serve({app.port()});
    auto client = connect();
    client.send(bad);
    EXPECT_EQ(receive_response(client).status, 426);
    const auto head = seen.get_future().get();
    EXPECT_EQ(head.find("\r\nUpgrade:"), std::string::npos) << head;
    EXPECT_EQ(head.find("\r\nConnection:"), std::string::npos) << head;
    EXPECT_EQ(head.find("HTTP2-Settings"), std::string::npos) << head;
  }
}

TEST_F(TunnelTest, HalfClosePassesAndTheEndIsCounted) {
  std::promise<std::string> rest;
  Backend app([&](Socket& socket) {
    receive_head(socket);
    socket.send(kSwitchingProtocols);
    rest.set_value(socket.receive_all());
    socket.send("last words");
  });
  start();
  serve({app.port()});
  auto client = open_tunnel();
  client.send("bye");
  client.shutdown_write();
  EXPECT_EQ(rest.get_future().get(), "bye");
  EXPECT_EQ(client.receive_all(), "last words");
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::ClientClosed) == 1; }));
  EXPECT_EQ(open_tunnels(), 0U);
  EXPECT_EQ(plane_->open_connections(), 0U);
}

TEST_F(TunnelTest, ABackendsEndReachesTheClient) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send(std::string(kSwitchingProtocols) + "bye");
  });
  start();
  serve({app.port()});
  auto client = open_tunnel();
  EXPECT_EQ(client.receive_all(), "bye");
  client.close();
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::BackendClosed) == 1; }));
}

TEST_F(TunnelTest, AResetReachesTheOtherSide) {
  std::promise<void> go;
  std::promise<bool> reset;
  std::atomic<int> connections = 0;
  Backend app([&](Socket& socket) {
    receive_head(socket);
    socket.send(kSwitchingProtocols);
    if (connections++ == 0) {
      go.get_future().wait();
      socket.reset();
      return;
    }
    socket.receive();
    reset.set_value(socket.was_reset());
  });
  start();
  serve({app.port()});
  auto first = open_tunnel();
  go.set_value();
  EXPECT_EQ(first.receive(), "");
  EXPECT_TRUE(first.was_reset());
  auto second = open_tunnel();
  second.reset();
  EXPECT_TRUE(reset.get_future().get());
  EXPECT_TRUE(test::eventually([&] {
    return tunnels_ended(TunnelEnd::BackendReset) == 1 &&
           tunnels_ended(TunnelEnd::ClientReset) == 1;
  }));
}

TEST_F(TunnelTest, EndsWhenNeitherSideSpeaks) {
  Backend app(echo);
  start();
  table::TunnelPolicy policy;
  policy.idle_timeout_ms = 150;
  serve_tunnels({app.port()}, policy);
  auto client = open_tunnel();
  client.send("x");
  EXPECT_EQ(client.receive_exactly(1), "x");
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::IdleTimeout) == 1; }));
}

TEST_F(TunnelTest, ASlowReaderStopsTheSenderAndCostsLittle) {
  std::atomic<std::size_t> taken = 0;
  std::promise<void> read_now;
  auto may_read = read_now.get_future().share();
  Backend app([&](Socket& socket) {
    receive_head(socket);
    socket.send(kSwitchingProtocols);
    may_read.wait();
    for (auto bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
      taken += bytes.size();
    }
  });
  start();
  serve({app.port()});
  auto client = open_tunnel();
  std::atomic<std::size_t> sent = 0;
  const std::string piece(64 * 1024, 'x');
  constexpr std::size_t kAll = 64 * 1024 * 1024;
  std::thread sender([&] {
    while (sent < kAll && client.send(piece)) sent += piece.size();
    client.shutdown_write();
  });
  // Kernel buffers and one scratch fill up, then the sender stands still.
  std::size_t before = 0;
  EXPECT_TRUE(test::eventually([&] {
    const auto now = sent.load();
    const bool still = now == before && now > 0;
    before = now;
    return still;
  }));
  EXPECT_LT(sent, kAll);
  read_now.set_value();
  sender.join();
  EXPECT_TRUE(test::eventually([&] { return taken == kAll; }));
}

TEST_F(TunnelTest, TableChangesLeaveTunnelsAlone) {
  Backend app(echo);
  start();
  serve({app.port()});
  auto client = open_tunnel();
  for (int i = 0; i < 50; ++i) {
    Delta delta;
    delta.hosts = {host("h" + std::to_string(i), "app")};
    if (i == 25) delta.removed_hosts = {""};
    if (i == 30) delta.removed_backends = {"app"};
    adopt(std::move(delta));
    client.send("ping");
    ASSERT_EQ(client.receive_exactly(4), "ping") << i;
  }
  EXPECT_EQ(open_tunnels(), 1U);
}

TEST_F(TunnelTest, DrainKeepsTunnelsUntilTheyAreClosed) {
  Backend app(echo);
  start();
  serve({app.port()});
  auto client = open_tunnel();
  plane_->stop_accepting();
  EXPECT_TRUE(test::eventually([&] { return !connect().is_open(); }));
  client.send("still");
  EXPECT_EQ(client.receive_exactly(5), "still");
  EXPECT_EQ(plane_->open_connections(), 1U);
  plane_->close_all();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::Drain) == 1; }));
}

}  // namespace
}  // namespace weir::proxy
