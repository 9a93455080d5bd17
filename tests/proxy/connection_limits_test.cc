#include "proxy/connection_limits.h"

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::receive_response;
using test::Socket;

TEST(AddressCounts, CountAnAddressUpToItsShare) {
  AddressCounts counts(2);
  AddressCounts::Place a;
  AddressCounts::Place b;
  AddressCounts::Place c;
  EXPECT_TRUE(counts.take("192.0.2.1", a));
  EXPECT_TRUE(counts.take("::ffff:192.0.2.1", b));
  EXPECT_FALSE(counts.take("192.0.2.1", c));
  EXPECT_TRUE(counts.take("192.0.2.2", c));
  EXPECT_EQ(counts.addresses(), 2U);
  a = AddressCounts::Place();
  EXPECT_TRUE(counts.take("192.0.2.1", a));
  for (auto* place : {&a, &b, &c}) *place = AddressCounts::Place();
  EXPECT_EQ(counts.addresses(), 0U) << "nothing is kept of who has left";
}

TEST(AddressCounts, WithoutALimitNothingIsCounted) {
  AddressCounts counts(0);
  AddressCounts::Place place;
  EXPECT_TRUE(counts.take("192.0.2.1", place));
  EXPECT_EQ(counts.addresses(), 0U);
}

class ConnectionLimits : public ProxyTest {
 protected:
  std::string ask(Socket& socket) {
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return receive_response(socket).body;
  }
  std::uint64_t count(Cell Counters::*cell) const {
    return sum([cell](const Counters& c) -> const Cell& { return c.*cell; });
  }
  void expect_refused() {
    auto refused = connect();
    refused.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto response = receive_response(refused);
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.field("Connection"), "close");
    const auto after = response.field("Retry-After");
    EXPECT_TRUE(after >= "1" && after <= "4") << after;
    EXPECT_TRUE(refused.at_end()) << "not by a reset";
  }

  Backend app_{test::always("hi")};
};

TEST_F(ConnectionLimits, OverTheWorkersTheClientIsSentAwayAndOthersAreServed) {
  Options options;
  options.limits.connections = 2;
  start(options);
  serve({app_.port()});
  auto first = connect();
  auto second = connect();
  EXPECT_EQ(ask(first), "hi");
  EXPECT_EQ(ask(second), "hi");
  expect_refused();
  auto tls = connect_to_https();
  tls.send("\x16\x03\x01");
  EXPECT_TRUE(tls.at_end()) << "no answer, and no reset";
  EXPECT_EQ(ask(first), "hi");
  EXPECT_EQ(count(&Counters::connections_refused), 2U);
  EXPECT_EQ(answers(AnswerReason::TooManyConnections), 1U);
  second.close();
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 1; }));
  auto third = connect();
  EXPECT_EQ(ask(third), "hi");
}

TEST_F(ConnectionLimits, AStormOfRefusalsHoldsFewDescriptors) {
  Options options;
  options.limits.connections = 1;
  start(options);
  serve({app_.port()});
  auto first = connect();
  EXPECT_EQ(ask(first), "hi");
  std::vector<Socket> storm;
  for (int i = 0; i < 200; ++i) storm.push_back(connect());
  for (auto& socket : storm) socket.receive_all();
  EXPECT_EQ(ask(first), "hi");
  EXPECT_EQ(count(&Counters::connections_refused), 200U);
  EXPECT_EQ(count(&Counters::connections_open), 1U);
}

TEST_F(ConnectionLimits, EachAddressHasItsOwn) {
  Options options;
  options.limits.connections_per_address = 1;
  start(options);
  serve({app_.port()});
  auto first = connect();
  EXPECT_EQ(ask(first), "hi");
  expect_refused();
  EXPECT_EQ(count(&Counters::connections_refused_by_address), 1U);
  EXPECT_EQ(ask(first), "hi");
  first.close();
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 0; }));
  auto second = connect();
  EXPECT_EQ(ask(second), "hi");
}

TEST_F(ConnectionLimits, BehindTheProxyProtocolItsAddressCounts) {
  Options options;
  options.limits.connections_per_address = 1;
  start(options);
  Delta delta;
  delta.settings.emplace().forwarded.use_proxy_protocol = true;
  delta.backends = {backend("app", {app_.port()})};
  delta.hosts = {host("", "app")};
  adopt(std::move(delta));
  auto a = connect();
  a.send("PROXY TCP4 192.0.2.1 10.0.0.1 1 80\r\n");
  EXPECT_EQ(ask(a), "hi");
  auto b = connect();
  b.send("PROXY TCP4 192.0.2.2 10.0.0.1 1 80\r\n");
  EXPECT_EQ(ask(b), "hi");
  auto again = connect();
  again.send("PROXY TCP4 192.0.2.1 10.0.0.1 2 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(again).status, 503);
  EXPECT_TRUE(again.at_end());
  EXPECT_EQ(count(&Counters::connections_refused_by_address), 1U);
}

TEST_F(ConnectionLimits, ATunnelCountsOn) {
  Backend sockets([](Socket& socket) {
    receive_head(socket);
    socket.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    socket.receive_all();
  });
  Options options;
  options.limits.connections_per_address = 1;
  start(options);
  serve({sockets.port()});
  auto first = connect();
  first.send(
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_TRUE(receive_head(first).starts_with("HTTP/1.1 101"));
  expect_refused();
  first.close();
  ASSERT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 0; }));
  auto second = connect();
  second.send("x");
  EXPECT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 1; }));
}

TEST_F(ConnectionLimits, AQuarterOfTheDescriptorsIsKeptForEndpoints) {
  Options options;
  options.limits.descriptors = 16;  // two are the listeners'
  start(options);
  serve({app_.port()});
  std::vector<Socket> clients;
  for (int i = 0; i < 9; ++i) {
    clients.push_back(connect());
    ASSERT_TRUE(
        test::eventually([&] { return count(&Counters::connections_open) == clients.size(); }));
  }
  EXPECT_EQ(ask(clients.front()), "hi");  // with one to the endpoint: 12
  expect_refused();
  EXPECT_EQ(ask(clients.back()), "hi");
}

TEST_F(ConnectionLimits, AConnectionCarriesSoManyRequests) {
  Options options;
  options.limits.requests_per_connection = 3;
  start(options);
  serve({app_.port()});
  auto client = connect();
  for (int i = 1; i <= 3; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto response = receive_response(client);
    EXPECT_EQ(response.body, "hi");
    EXPECT_EQ(response.field("Connection"), i == 3 ? "close" : "") << i;
  }
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(count(&Counters::connections_used_up), 1U);
}

}  // namespace
}  // namespace weir::proxy
