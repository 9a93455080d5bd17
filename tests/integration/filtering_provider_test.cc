#include <atomic>
#include <mutex>
#include <vector>

#include "integration/example.h"
#include "support/websocket_peer.h"

// examples/filtering-provider, clause by clause.

namespace weir::test {
namespace {

constexpr const char* kHost = "filtered.localhost";

std::string request(const std::string& fields = "") {
  std::string text = "GET / HTTP/1.1\r\nHost: ";
  text.append(kHost).append("\r\n").append(fields).append("\r\n");
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// An origin that keeps what it was asked, and sends the bytes of tunnels back.
class Origin {
 public:
  std::uint16_t port() const { return backend_.port(); }
  int requests() const { return requests_; }
  std::string last_head() const {
    const std::lock_guard lock(mutex_);
    return last_head_;
  }
  /// Takes connections, and says nothing on them.
  void be_silent() { is_silent_ = true; }
  void answer_with(int status) { status_ = status; }

 private:
  void serve(Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      {
        const std::lock_guard lock(mutex_);
        last_head_ = head;
      }
      ++requests_;
      if (is_silent_) {
        socket.receive_all();
        return;
      }
      if (status_ == 200 && has(head, "Upgrade: websocket")) {
        socket.send(kSwitchingProtocols);
        for (auto bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
          if (bytes == "end") return;
          socket.send(bytes);
        }
        return;
      }
      socket.send("HTTP/1.1 " + std::to_string(status_) + " X\r\nContent-Length: 2\r\n\r\nok");
    }
  }

  mutable std::mutex mutex_;
  std::string last_head_;
  std::atomic<int> requests_ = 0;
  std::atomic<int> status_ = 200;
  std::atomic<bool> is_silent_ = false;
  Backend backend_{[this](Socket& socket) { serve(socket); }};
};

class FilteringProvider : public Example {
 protected:
  void start_with(std::uint16_t first, std::uint16_t second) {
    start("filtering-provider", {{9031, first}, {9032, second}});
  }
  Socket open_tunnel(bool& open) {
    auto socket = Socket::connect(proxy_->ports().http);
    open = open_websocket(socket, kHost, "/");
    return socket;
  }

  Origin one_;
  Origin two_;
};

TEST_F(FilteringProvider, AnAddressHasOneOrigin) {
  start_with(one_.port(), two_.port());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(proxy_->get(kHost).status, 200);
  EXPECT_EQ(one_.requests() + two_.requests(), 10);
  EXPECT_EQ(one_.requests() * two_.requests(), 0) << "all of them went to one";
}

TEST_F(FilteringProvider, AnAddressIsCountedFirstOfAll) {
  start_with(one_.port(), two_.port());
  std::vector<Socket> tunnels;
  for (int i = 0; i < 4; ++i) {
    bool open = false;
    tunnels.push_back(open_tunnel(open));
    EXPECT_TRUE(open) << i;
  }
  EXPECT_EQ(proxy_->get(kHost).status, 503);
  EXPECT_EQ(one_.requests() + two_.requests(), 4) << "no origin hears of it";
}

TEST_F(FilteringProvider, HeadersAreAddedAndOddOnesDropped) {
  start_with(one_.port(), one_.port());
  auto socket = Socket::connect(proxy_->ports().http);
  socket.send(request("X_Under: 1\r\nX.Odd: 2\r\nX-Even: 3\r\n"));
  EXPECT_EQ(receive_response(socket).status, 200);
  const auto head = one_.last_head();
  for (const auto* line :
       {"X-Real-IP: 127.0.0.1", "X-Forwarded-For: 127.0.0.1", "Via: 1.1 filter", "X-Even: 3"}) {
    EXPECT_TRUE(has(head, std::string("\r\n") + line + "\r\n")) << line << " in " << head;
  }
  EXPECT_TRUE(has(head, "\r\nX-Request-ID: ")) << head;
  EXPECT_FALSE(has(head, "X_Under")) << head;
  EXPECT_FALSE(has(head, "X.Odd")) << head;
}

TEST_F(FilteringProvider, AnotherOriginIsAskedWhereOneIsDead) {
  start_with(unused_port(), two_.port());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(proxy_->get(kHost).status, 200);
  bool open = false;
  const auto tunnel = open_tunnel(open);
  EXPECT_TRUE(open);
}

TEST_F(FilteringProvider, AnotherOriginIsAskedAfterFiveSeconds) {
  start_with(one_.port(), two_.port());
  EXPECT_EQ(proxy_->get(kHost).status, 200);
  (one_.requests() == 1 ? one_ : two_).be_silent();
  bool open = false;
  const auto tunnel = open_tunnel(open);
  EXPECT_TRUE(open);
  EXPECT_EQ(one_.requests() + two_.requests(), 3);
}

TEST_F(FilteringProvider, NoAnswerAtAllIs400) {
  start_with(unused_port(), unused_port());
  auto socket = Socket::connect(proxy_->ports().http);
  socket.send(request());
  EXPECT_EQ(receive_response(socket).status, 400);
  EXPECT_TRUE(socket.at_end());
}

TEST_F(FilteringProvider, AnErrorIsPassedOnAndEndsTheConnection) {
  start_with(one_.port(), one_.port());
  one_.answer_with(418);
  auto socket = Socket::connect(proxy_->ports().http);
  socket.send(request());
  EXPECT_EQ(receive_response(socket).status, 418);
  EXPECT_TRUE(socket.at_end());
}

TEST_F(FilteringProvider, A101IsPassedOnThenBytesUntilOneSideEnds) {
  start_with(one_.port(), one_.port());
  bool open = false;
  auto tunnel = open_tunnel(open);
  ASSERT_TRUE(open);
  const std::string bytes("\x01\xff no frame at all \x00", 20);
  tunnel.send(bytes);
  EXPECT_EQ(tunnel.receive_exactly(bytes.size()), bytes);
  tunnel.send("end");
  EXPECT_TRUE(tunnel.at_end()) << "the origin's end ends it";
}

}  // namespace
}  // namespace weir::test
