#include <atomic>
#include <random>

#include "proxy/proxy_fixture.h"
#include "support/test_ca.h"
#include "support/tls_peer.h"
#include "support/websocket_peer.h"

// Frames arrive as they were sent, however the writes fall: above all those that share a segment
// with the handshake or with the 101.

namespace weir::proxy {
namespace {

using test::Backend;
using test::close_payload;
using test::Frame;
using test::kSwitchingProtocols;
using test::receive_head;
using test::Socket;
using test::WebSocketPeer;
using Role = WebSocketPeer::Role;

const auto kHandshake = test::websocket_handshake("a");

/// As that role sends them: fragments around a Ping, an empty message, a longer header, a Close.
std::string mixed_frames(Role role) {
  Socket none;
  WebSocketPeer sender(none, role);
  std::string bytes;
  for (const auto& frame :
       {Frame{Frame::kText, "hello"}, Frame{Frame::kText, "frag", false}, Frame{Frame::kPing, "?"},
        Frame{Frame::kContinuation, "ment"}, Frame{Frame::kBinary, ""},
        Frame{Frame::kBinary, std::string(126, '\0')},
        Frame{Frame::kClose, close_payload(1000, "bye")}}) {
    bytes += sender.bytes_to_send(frame);
  }
  return bytes;
}

struct Sides {
  const char* name;
  bool client_tls;
  bool backend_tls;
};

class TunnelBytesTest : public ProxyTest, public testing::WithParamInterface<Sides> {
 protected:
  TunnelBytesTest() { options_.certificate = test::TestCa().issue("DNS:app"); }

  void serve(const Backend& app) {
    start();
    auto route_host = std::make_shared<table::Host>(*host("", "app"));
    if (GetParam().backend_tls) route_host->routes[0].upstream_tls = table::UpstreamTls();
    Delta delta;
    delta.backends = {backend("app", {app.port()})};
    delta.hosts = {route_host};
    adopt(std::move(delta));
  }
  /// For Backend: over TLS if it is to be.
  Backend::Script over_tls(Backend::Script script) const {
    if (!GetParam().backend_tls) return script;
    return [script = std::move(script),
            server = std::make_shared<test::TlsServer>(options_)](Socket& socket) {
      if (server->accept(socket)) script(socket);
    };
  }
  Socket connect_client() const { return GetParam().client_tls ? connect_tls() : connect(); }

 private:
  test::TlsOptions options_;
};

INSTANTIATE_TEST_SUITE_P(Proxy, TunnelBytesTest,
                         testing::Values(Sides{"Plain", false, false},
                                         Sides{"TlsToTheClient", true, false},
                                         Sides{"TlsToTheBackend", false, true},
                                         Sides{"TlsOnBothSides", true, true}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(TunnelBytesTest, TheBackendsArriveWhereverTheyAreCut) {
  const auto frames = mixed_frames(Role::Server);
  const auto bytes = std::string(kSwitchingProtocols) + frames;
  const auto go = test::bytes_of({Frame::kPing, "", true, Frame::Mask{1, 2, 3, 4}});
  std::atomic<std::size_t> cut = 0;
  Backend app(over_tls([&](Socket& socket) {
    receive_head(socket);
    socket.send(bytes.substr(0, cut));
    if (cut <= kSwitchingProtocols.size()) {
      socket.wait_sent();
    } else {
      EXPECT_EQ(socket.receive_exactly(go.size()), go);
    }
    socket.send(bytes.substr(cut));
    EXPECT_EQ(socket.receive_all(), "");
  }));
  serve(app);
  for (cut = 1; cut <= bytes.size(); ++cut) {
    auto client = connect_client();
    ASSERT_TRUE(test::open_websocket(client, "a")) << cut;
    std::string got;
    if (cut > kSwitchingProtocols.size()) {
      got = client.receive_exactly(cut - kSwitchingProtocols.size());
      client.send(go);
    }
    got += client.receive_exactly(frames.size() - got.size());
    ASSERT_EQ(got, frames) << cut;
    client.shutdown_write();
    ASSERT_EQ(client.receive_all(), "") << cut;
  }
}

TEST_P(TunnelBytesTest, TheClientsArriveWhereverTheyAreCut) {
  const auto frames = mixed_frames(Role::Client);
  const auto bytes = kHandshake + frames;
  const auto go = test::bytes_of({Frame::kPong, ""});
  std::atomic<std::size_t> cut = 0;
  Backend app(over_tls([&](Socket& socket) {
    receive_head(socket);
    socket.send(kSwitchingProtocols);
    std::string got;
    if (cut > kHandshake.size()) {
      got = socket.receive_exactly(cut - kHandshake.size());
      socket.send(go);
    }
    got += socket.receive_exactly(frames.size() - got.size());
    EXPECT_EQ(got, frames) << cut;
    EXPECT_EQ(socket.receive_all(), "") << cut;
  }));
  serve(app);
  for (cut = 1; cut <= bytes.size(); ++cut) {
    auto client = connect_client();
    client.send(bytes.substr(0, cut));
    if (cut <= kHandshake.size()) {
      client.wait_sent();
      client.send(bytes.substr(cut));
      ASSERT_EQ(test::receive_response(client).status, 101) << cut;
    } else {
      ASSERT_EQ(test::receive_response(client).status, 101) << cut;
      ASSERT_EQ(client.receive_exactly(go.size()), go) << cut;
      client.send(bytes.substr(cut));
    }
    client.shutdown_write();
    ASSERT_EQ(client.receive_all(), "") << cut;
  }
}

TEST_P(TunnelBytesTest, StrictPeersFindNothingWrong) {
  constexpr int kRounds = 60;
  Backend app(over_tls([&](Socket& socket) {
    WebSocketPeer server(socket, Role::Server);
    EXPECT_TRUE(server.accept(server.bytes_to_send({Frame::kText, "with the 101"})));
    server.echo();
    EXPECT_EQ(server.violations(), std::vector<std::string>());
    EXPECT_EQ(server.closes(), 1);
    EXPECT_EQ(server.pings(), kRounds);
    socket.shutdown_write();
  }));
  serve(app);
  auto socket = connect_client();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a", client.bytes_to_send({Frame::kText, "with the request"})));
  EXPECT_EQ(client.receive_message(), "with the 101");
  EXPECT_EQ(client.receive_message(), "with the request");

  std::mt19937 random(3);
  for (int round = 0; round < kRounds; ++round) {
    // Less than what fits between the two: nobody reads meanwhile.
    std::vector<Frame> frames;
    for (auto more = random() % 8; more > 0; --more) {
      const auto size = random() % 3 == 0 ? random() % 3000 : random() % 130;
      frames.push_back({Frame::kBinary, std::string(size, 'x'), false});
      frames.push_back({Frame::kContinuation, std::string(random() % 10, 'y')});
    }
    frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(random() % (frames.size() + 1)),
                  {Frame::kPing, "?"});
    std::string bytes;
    for (const auto& frame : frames) bytes += client.bytes_to_send(frame);
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto piece = rest.substr(0, 1 + random() % 700);
      client.send_raw(piece);
      rest.remove_prefix(piece.size());
    }
    for (const auto& frame : frames) {
      const auto got = client.receive_frame();
      ASSERT_TRUE(got) << round;
      ASSERT_EQ(got->opcode, frame.opcode == Frame::kPing ? Frame::kPong : frame.opcode) << round;
      ASSERT_EQ(got->payload, frame.payload) << round;
    }
  }
  client.send_close(1000, "done");
  client.receive_to_end();
  EXPECT_EQ(client.end(), WebSocketPeer::End::Fin);
  EXPECT_EQ(client.close_reason(), "done");
  EXPECT_EQ(client.violations(), std::vector<std::string>());
}

}  // namespace
}  // namespace weir::proxy
