#include "integration/example.h"
#include "support/websocket_peer.h"

// examples/tls-workshop, clause by clause.

namespace weir::test {
namespace {

constexpr const char* kHost = "workshop.localhost";

class TlsWorkshop : public Example {
 protected:
  void SetUp() override {
    start_server("tls-workshop", {"--app", "0", "--socket", "0", "--auth", "0"});
    start("tls-workshop", {{9011, server_port("app listening on")},
                           {9012, server_port("socket listening on")},
                           {9013, server_port("auth listening on")}});
  }
  /// What comes first over a WebSocket; "status N" if there is none.
  std::string greeting(const std::string& path, const std::string& fields = "") {
    socket_ = Socket::connect_tls(proxy_->ports().https, kHost);
    auto handshake = websocket_handshake(kHost, path);
    socket_.send(handshake.insert(handshake.size() - 2, fields));
    const auto head = receive_head(socket_);
    if (head.find(" 101 ") == std::string::npos) return "status " + head.substr(9, 3);
    return WebSocketPeer(socket_, WebSocketPeer::Role::Client).receive_message().value_or("");
  }

  Socket socket_;
};

TEST_F(TlsWorkshop, TheApplicationGetsTheHostOfTheBrowserAndPort80LeadsToIt) {
  const auto page = https(kHost, "/hello?a=b");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "the application on workshop.localhost: /hello?a=b\n");
  EXPECT_EQ(proxy_->get(kHost, "/hello").status, 308);
}

TEST_F(TlsWorkshop, SocketsAreForThoseWithAToken) {
  EXPECT_EQ(greeting("/socket"), "status 401");
  EXPECT_EQ(greeting("/socket?token=wrong"), "status 401");
  EXPECT_EQ(https(kHost, "/socket/page").status, 401);
  EXPECT_EQ(greeting("/socket?token=let-me-in"),
            "hello ada, on workshop.localhost/socket?token=let-me-in");
  EXPECT_EQ(greeting("/socket.io/?x=1", "Authorization: Bearer me-too\r\n"),
            "hello grace, on workshop.localhost/socket.io/?x=1");
  EXPECT_EQ(controller_->process().output().find("let-me-in"), std::string::npos);
  EXPECT_EQ(proxy_->process().output().find("let-me-in"), std::string::npos);
}

TEST_F(TlsWorkshop, NoClientSetsTheHeaderThatSaysWhoItIs) {
  EXPECT_EQ(greeting("/socket?token=let-me-in", "X-User: root\r\n"),
            "hello ada, on workshop.localhost/socket?token=let-me-in");
  WebSocketPeer peer(socket_, WebSocketPeer::Role::Client);
  peer.send_text("hi");
  EXPECT_EQ(peer.receive_message(), "ada: hi");
}

TEST_F(TlsWorkshop, APartOfItIsForSomeAddressesOnly) {
  EXPECT_EQ(https(kHost, "/admin").status, 200);
  auto text = text_of(manifests_.path("tls-workshop.yaml"));
  const auto at = text.find("127.0.0.1/32, ");
  ASSERT_NE(at, std::string::npos);
  manifests_.replace("tls-workshop.yaml", text.erase(at, 14));
  EXPECT_TRUE(eventually([&] { return https(kHost, "/admin").status == 403; }));
  EXPECT_EQ(https(kHost, "/hello").status, 200);
}

}  // namespace
}  // namespace weir::test
