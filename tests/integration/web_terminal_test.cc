#include "integration/example.h"
#include "support/websocket_peer.h"

// examples/web-terminal, clause by clause.

namespace weir::test {
namespace {

constexpr const char* kHost = "terminal.localhost";

class WebTerminal : public Example {
 protected:
  void SetUp() override {
    start_server("web-terminal", {"--port", "0"});
    start("web-terminal", {{9443, server_port("listening on")}});
  }
  Socket connect() const { return Socket::connect_tls(proxy_->ports().https, kHost); }
  static std::string handshake(const std::string& origin) {
    auto text = websocket_handshake(kHost, "/socket");
    return text.insert(text.size() - 2, "Origin: " + origin + "\r\n");
  }
};

TEST_F(WebTerminal, ThePageComesOverTlsFromABackendWithItsOwnCertificate) {
  const auto page = https(kHost, "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("<title>web terminal</title>"), std::string::npos) << page.body;
  EXPECT_NE(page.field("Strict-Transport-Security"), "");
}

TEST_F(WebTerminal, PlainHttpLeadsThere) {
  const auto response = proxy_->get(kHost, "/x?y=1");
  EXPECT_EQ(response.status, 308);
  EXPECT_EQ(response.field("Location").find("https://terminal.localhost"), 0U);
}

TEST_F(WebTerminal, ItsWebSocketWorksOnTheSameHostWhileOtherThingsChange) {
  auto socket = connect();
  socket.send(handshake("https://terminal.localhost"));
  ASSERT_NE(receive_head(socket).find(" 101 "), std::string::npos);
  WebSocketPeer terminal(socket, WebSocketPeer::Role::Client);
  for (int i = 0; i < 5; ++i) {
    const auto said = "number " + std::to_string(i);
    ASSERT_TRUE(terminal.send_text("echo " + said));
    EXPECT_EQ(terminal.receive_message(), said);
    manifests_.replace(
        "other.yaml", manifest::service("other" + std::to_string(i), {1}) + "---\n" +
                          manifest::ingress("other", "other.example", "other" + std::to_string(i)));
    EXPECT_TRUE(settled(*controller_, *proxy_));
  }
  terminal.send_close(1000);
  EXPECT_EQ(terminal.receive_message(), std::nullopt);
  EXPECT_EQ(terminal.close_code(), 1000);
}

TEST_F(WebTerminal, TheTerminalsOwnCheckOfTheOriginSeesTheHostOfTheBrowser) {
  auto socket = connect();
  socket.send(handshake("https://evil.example"));
  EXPECT_EQ(receive_response(socket).status, 403);
  EXPECT_GE(proxy_->metric("weir_tunnel_handshake_failures_total{reason=\"backend_refused\""), 1);
}

}  // namespace
}  // namespace weir::test
