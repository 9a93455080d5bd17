#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "integration/example.h"
#include "support/websocket_peer.h"

// examples/balanced-dashboard, clause by clause.

namespace weir::test {
namespace {

constexpr const char* kHost = "dashboard.localhost";

/// A port that takes no connection and answers no SYN: its queue is full.
class DeafPort {
 public:
  DeafPort() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, any, size), 0);
    EXPECT_EQ(::listen(listener_, 0), 0);
    EXPECT_EQ(::getsockname(listener_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    // A queue of length 0 holds one; whatever else comes is not answered.
    for (int i = 0; i < 4; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      ::connect(fd, any, size);
      fillers_.push_back(fd);
    }
  }
  ~DeafPort() {
    for (const int fd : fillers_) ::close(fd);
    ::close(listener_);
  }
  DeafPort(const DeafPort&) = delete;
  DeafPort& operator=(const DeafPort&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<int> fillers_;
};

/// A member that says who it is, and counts what it got.
class Member {
 public:
  explicit Member(std::string name) : name_(std::move(name)) {}

  std::uint16_t port() const { return backend_.port(); }
  int tunnels() const { return tunnels_; }
  int requests() const { return requests_; }
  /// Connections are reset as soon as they are there.
  void reset_connections(bool on) { resets_ = on; }

 private:
  void serve(Socket& socket) {
    if (resets_) return socket.reset();
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      if (head.find("Upgrade: websocket") != std::string::npos) {
        socket.send(kSwitchingProtocols);
        ++tunnels_;
        while (!socket.receive().empty()) {
        }
        --tunnels_;
        return;
      }
      ++requests_;
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name_.size()) +
                  "\r\n\r\n" + name_);
    }
  }

  const std::string name_;
  std::atomic<int> tunnels_ = 0;
  std::atomic<int> requests_ = 0;
  std::atomic<bool> resets_ = false;
  Backend backend_{[this](Socket& socket) { serve(socket); }};
};

class Dashboard : public Example {
 protected:
  void start_with(std::uint16_t first, std::uint16_t second, std::uint16_t third) {
    start("balanced-dashboard", {{9021, first}, {9022, second}, {9023, third}});
  }
  /// How many of so many requests, each on a connection of its own, were answered as they should.
  int good_requests(int count) const {
    int good = 0;
    for (int i = 0; i < count; ++i) good += proxy_->get(kHost).status == 200 ? 1 : 0;
    return good;
  }
  bool open_tunnel() {
    tunnels_.push_back(Socket::connect(proxy_->ports().http));
    return open_websocket(tunnels_.back(), kHost, "/socket");
  }

  Member one_{"one"};
  Member two_{"two"};
  Member three_{"three"};
  std::vector<Socket> tunnels_;
};

TEST_F(Dashboard, ItsOwnServerSpeaksThroughIt) {
  start_server("balanced-dashboard", {"--port", "0", "--name", "this one"});
  start_with(server_port("listening on"), unused_port(), unused_port());
  EXPECT_NE(proxy_->get(kHost).body.find("<title>dashboard</title>"), std::string::npos);
  ASSERT_TRUE(open_tunnel());
  WebSocketPeer page(tunnels_.back(), WebSocketPeer::Role::Client);
  EXPECT_EQ(page.receive_message().value_or("").find("from this one, "), 0U);
}

TEST_F(Dashboard, TunnelsGoWhereTheFewestAre) {
  start_with(one_.port(), two_.port(), three_.port());
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(open_tunnel()) << i;
    ASSERT_TRUE(eventually([&] { return proxy_->metric("weir_tunnels_active") == i + 1; }));
  }
  for (const auto* member : {&one_, &two_, &three_}) EXPECT_EQ(member->tunnels(), 10);
}

TEST_F(Dashboard, NobodyNoticesAMemberThatRefuses) {
  start_with(one_.port(), two_.port(), unused_port());
  EXPECT_EQ(good_requests(60), 60);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(open_tunnel()) << i;
}

TEST_F(Dashboard, NobodyNoticesAMemberWhoseSynsAreLost) {
  const DeafPort deaf;
  start_with(one_.port(), deaf.port(), three_.port());
  EXPECT_EQ(good_requests(60), 60);
  EXPECT_GT(one_.requests(), 0);
  EXPECT_GT(three_.requests(), 0);
  EXPECT_GE(proxy_->metric("weir_upstream_connect_failures_total"), 1);
}

TEST_F(Dashboard, AMemberThatWasResetNowAndThenStaysIn) {
  start_with(one_.port(), unused_port(), unused_port());
  // The only one that answers: whatever befalls it, it is not given up.
  for (int i = 0; i < 20; ++i) {
    one_.reset_connections(true);
    proxy_->get(kHost);
    one_.reset_connections(false);
    EXPECT_TRUE(eventually([&] { return proxy_->get(kHost).status == 200; }));
  }
}

TEST_F(Dashboard, AMemberTakenOutByHandIsLeftAlone) {
  start_with(one_.port(), two_.port(), three_.port());
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(open_tunnel()) << i;
  ASSERT_TRUE(eventually([&] { return three_.tunnels() == 2; }));
  const auto port =
      "port: " + std::to_string(three_.port()) + "}]\nendpoints: [{addresses: [127.0.0.1]";
  auto text = text_of(manifests_.path("dashboard.yaml"));
  const auto at = text.find(port);
  ASSERT_NE(at, std::string::npos);
  manifests_.replace("dashboard.yaml",
                     text.insert(at + port.size(), ", conditions: {ready: false}"));
  ASSERT_TRUE(eventually([&] {
    const auto before = three_.requests();
    good_requests(30);
    return three_.requests() == before;
  }));
  EXPECT_EQ(good_requests(30), 30);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(open_tunnel()) << i;
  EXPECT_EQ(three_.tunnels(), 2) << "what it has goes on, and nothing new came";
}

}  // namespace
}  // namespace weir::test
