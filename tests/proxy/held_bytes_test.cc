#include "proxy/held_bytes.h"

#include "proxy/proxy_fixture.h"
#include "proxy/worker_state.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::Socket;

class FakeConnection final : public OpenConnection {
 public:
  FakeConnection(HeldBytes& held, std::size_t bytes) : holder_(held, *this) { holder_.set(bytes); }
  void stop_accepting() override {}
  void cut(TunnelEnd) override {
    cut_ = true;
    holder_.set(0);
  }
  bool was_cut() const { return cut_; }

 private:
  HeldBytes::Holder holder_;
  bool cut_ = false;
};

TEST(HeldBytes, WhoHoldsMostGoesFirstAndNoMoreThanNeeded) {
  EventLoop loop;
  Counters counters;
  HeldBytes held(loop, 100, counters);
  {
    FakeConnection small(held, 30);
    FakeConnection largest(held, 60);
    FakeConnection middle(held, 50);
    EXPECT_FALSE(largest.was_cut()) << "not amid a step";
    loop.post([&] { loop.stop(); });
    loop.run();
    EXPECT_TRUE(largest.was_cut());
    EXPECT_FALSE(small.was_cut());
    EXPECT_FALSE(middle.was_cut());
    EXPECT_EQ(counters.bytes_held.read(), 80U);
  }
  EXPECT_EQ(counters.bytes_held.read(), 0U);
  EXPECT_EQ(counters.connections_cut_for_memory.read(), 1U);
}

class MemoryBudget : public ProxyTest {
 protected:
  void start_with(std::size_t budget) {
    Options options;
    options.limits.held_bytes = budget;
    start(options);
    serve({app_.port()});
  }
  std::uint64_t count(Cell Counters::*cell) const {
    return sum([cell](const Counters& c) -> const Cell& { return c.*cell; });
  }

  /// "/flood" gets much, "/tunnel" a WebSocket and then much, anything else "hi".
  Backend app_{[](Socket& socket) {
    const auto head = receive_head(socket);
    if (head.starts_with("GET /flood")) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    } else if (head.starts_with("GET /tunnel")) {
      socket.send(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    } else {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
      return;
    }
    const std::string piece(1024 * 1024, 'x');
    while (socket.send(piece)) {
    }
  }};
};

TEST_F(MemoryBudget, AClientThatDoesNotReadIsCutAndOthersAreServed) {
  start_with(1);
  auto slow = connect();
  slow.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::connections_cut_for_memory) == 1; }));
  EXPECT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 0; }));
  EXPECT_EQ(count(&Counters::bytes_held), 0U);
  EXPECT_EQ(get().body, "hi");
}

TEST_F(MemoryBudget, ATunnelWhoseClientDoesNotReadIsCut) {
  start_with(1);
  auto slow = connect();
  slow.send(
      "GET /tunnel HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_TRUE(receive_head(slow).starts_with("HTTP/1.1 101"));
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::connections_cut_for_memory) == 1; }));
  EXPECT_TRUE(test::eventually([&] { return open_tunnels() == 0; }));
  EXPECT_EQ(count(&Counters::bytes_held), 0U);
}

TEST_F(MemoryBudget, AnUnfinishedHeadIsHeld) {
  start_with(12 * 1024);  // for one, not for two
  auto first = connect();
  first.send("GET / HT");
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::bytes_held) > 0; }));
  auto second = connect();
  second.send("GET / HT");
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::connections_cut_for_memory) == 1; }));
  EXPECT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 1; }));
  EXPECT_EQ(get().body, "hi");
}

}  // namespace
}  // namespace weir::proxy
