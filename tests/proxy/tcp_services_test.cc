#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::Socket;

/// Sends everything back, after its own name.
Backend::Script echo_as(std::string name) {
  return [name](Socket& socket) {
    socket.send(name);
    for (auto bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
      socket.send(bytes);
    }
  };
}

class TcpServices : public ProxyTest {
 protected:
  static std::shared_ptr<table::TcpService> service(std::uint16_t port, std::string backend) {
    auto made = std::make_shared<table::TcpService>();
    made->port = port;
    made->backend = std::move(backend);
    made->origin = "weir/tcp";
    return made;
  }
  void serve_tcp(const std::shared_ptr<table::TcpService>& made,
                 const std::vector<std::uint16_t>& ports) {
    Delta delta;
    delta.backends = {backend(made->backend, ports)};
    delta.tcp_services = {made};
    adopt(std::move(delta));
  }
  void remove(std::uint16_t port) {
    Delta delta;
    delta.removed_tcp_services = {std::to_string(port)};
    adopt(std::move(delta));
  }
  std::uint64_t failures() const {
    return sum([](const Counters& c) -> const Cell& { return c.tcp_failures; });
  }
  std::uint64_t shut() const {
    return sum([](const Counters& c) -> const Cell& { return c.tcp_ports_shut; });
  }

  const std::uint16_t port_ = test::unused_port();
};

TEST_F(TcpServices, PassBytesOnBothWays) {
  Backend app(echo_as("hello "));
  Options options;
  options.threads = 2;
  start(options);
  serve_tcp(service(port_, "db"), {app.port()});
  for (int i = 0; i < 8; ++i) {
    auto client = Socket::connect(port_);
    EXPECT_EQ(client.receive_exactly(6), "hello ");
    client.send("bytes");
    EXPECT_EQ(client.receive_exactly(5), "bytes");
    client.shutdown_write();
    EXPECT_TRUE(client.at_end()) << "one side's end ends the other";
  }
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.tcp_opened; }), 8U);
}

TEST_F(TcpServices, TakeAnotherEndpointWhereOneRefuses) {
  Backend app(echo_as("b"));
  start();
  serve_tcp(service(port_, "db"), {test::unused_port(), app.port()});
  for (int i = 0; i < 4; ++i) {
    auto client = Socket::connect(port_);
    EXPECT_EQ(client.receive_exactly(1), "b");
  }
}

TEST_F(TcpServices, CloseConnectionsThatNobodyTakes) {
  start();
  serve_tcp(service(port_, "db"), {});
  auto client = Socket::connect(port_);
  EXPECT_TRUE(client.receive(1).empty());
  ASSERT_TRUE(test::eventually([&] { return failures() == 1; }));

  auto once = service(port_, "db");
  once->tries = 1;
  Backend app(echo_as("b"));
  serve_tcp(once, {test::unused_port()});
  EXPECT_TRUE(Socket::connect(port_).receive(1).empty());
  ASSERT_TRUE(test::eventually([&] { return failures() == 2; }));
}

TEST_F(TcpServices, KeepOpenConnectionsThroughOtherChanges) {
  Backend app(echo_as("a"));
  Backend other(echo_as("b"));
  start();
  serve_tcp(service(port_, "db"), {app.port()});
  auto client = Socket::connect(port_);
  EXPECT_EQ(client.receive_exactly(1), "a");

  const auto second = test::unused_port();
  serve_tcp(service(second, "cache"), {other.port()});
  auto to_other = Socket::connect(second);
  EXPECT_EQ(to_other.receive_exactly(1), "b");
  remove(second);
  client.send("still");
  EXPECT_EQ(client.receive_exactly(5), "still");
}

TEST_F(TcpServices, LeadElsewhereFromTheChangeOn) {
  Backend app(echo_as("a"));
  Backend other(echo_as("b"));
  start();
  serve_tcp(service(port_, "db"), {app.port()});
  EXPECT_EQ(Socket::connect(port_).receive_exactly(1), "a");
  serve_tcp(service(port_, "newer"), {other.port()});
  EXPECT_EQ(Socket::connect(port_).receive_exactly(1), "b");
}

TEST_F(TcpServices, CloseThePortWithTheService) {
  Backend app(echo_as("a"));
  start();
  serve_tcp(service(port_, "db"), {app.port()});
  auto client = Socket::connect(port_);
  EXPECT_EQ(client.receive_exactly(1), "a");
  remove(port_);
  ASSERT_TRUE(test::eventually([&] { return !Socket::connect(port_).is_open(); }));
}

TEST_F(TcpServices, OpenAPortThatOthersHadOnceItIsFree) {
  Backend app(echo_as("a"));
  auto holder = std::make_unique<Backend>(echo_as("holder"));
  const auto taken = holder->port();
  start();
  serve_tcp(service(taken, "db"), {app.port()});
  EXPECT_EQ(shut(), 1U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.tcp_listen_failures; }), 1U);
  EXPECT_EQ(Socket::connect(taken).receive_exactly(6), "holder");
  holder.reset();
  ASSERT_TRUE(test::eventually([&] { return shut() == 0; }));
  EXPECT_EQ(Socket::connect(taken).receive_exactly(1), "a");
}

TEST_F(TcpServices, EndConnectionsOnWhichNothingHappens) {
  Backend app(echo_as("a"));
  start();
  auto idle = service(port_, "db");
  table::TunnelPolicy policy;
  policy.idle_timeout_ms = 50;
  idle->tunnels = policy;
  serve_tcp(idle, {app.port()});
  auto client = Socket::connect(port_);
  EXPECT_EQ(client.receive_exactly(1), "a");
  EXPECT_TRUE(client.receive(1).empty());
  ASSERT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::IdleTimeout) == 1; }));
}

TEST_F(TcpServices, ReadAndWriteProxyHeaders) {
  std::string heard;
  Backend app([&](Socket& socket) {
    heard = socket.receive_until("\r\n");
    socket.send("ok");
    socket.receive_all();
  });
  start();
  auto made = service(port_, "db");
  made->expects_proxy_protocol = true;
  made->proxy_protocol = table::ProxyProtocol::V1;
  serve_tcp(made, {app.port()});
  {
    auto client = Socket::connect(port_);
    client.send("PROXY TCP4 192.0.2.7 192.0.2.1 4711 5432\r\n");
    EXPECT_EQ(client.receive_exactly(2), "ok");
    EXPECT_EQ(heard, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 5432\r\n");
  }
  auto silent = Socket::connect(port_);
  silent.send("no header at all, and long enough to tell so\r\n");
  EXPECT_TRUE(silent.receive(1).empty()) << "without a header it ends";
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.proxy_headers_malformed; }), 1U);
}

TEST_F(TcpServices, EndWithTheProxy) {
  Backend app(echo_as("a"));
  start();
  serve_tcp(service(port_, "db"), {app.port()});
  auto client = Socket::connect(port_);
  EXPECT_EQ(client.receive_exactly(1), "a");
  plane_->stop_accepting();
  ASSERT_TRUE(test::eventually([&] { return !Socket::connect(port_).is_open(); }));
  client.send("on");
  EXPECT_EQ(client.receive_exactly(2), "on");
  plane_->drain_tunnels(std::chrono::milliseconds(0));
  EXPECT_TRUE(client.receive(1).empty());
}

}  // namespace
}  // namespace weir::proxy
