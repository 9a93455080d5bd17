// How often a worker asks for memory in the steady state. operator new comes by malloc, too.

#include <string>

#include "gates/allocation_counter.h"
#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {
namespace {

constexpr int kWarmUp = 100;
constexpr int kCount = 500;

constexpr double kRequest = 0;
constexpr double kRequestOpenSsl = 8;  // mostly record buffers, which idle connections do not keep
constexpr double kMessage = 0;
constexpr double kOnce = 0.01;  // lists that grow now and then

class AllocationGate : public ProxyTest {
 protected:
  struct PerUnit {
    double own;
    double openssl;
  };

  AllocationGate() : backend_([](test::Socket& socket) { test::websocket_echo(socket); }) {
    start();
    serve({backend_.port()});
  }

  /// What the worker allocates for each call of `unit`, once it is warm.
  template <class F>
  static PerUnit per_unit(F unit) {
    for (int i = 0; i < kWarmUp; ++i) unit();
    const auto before = test::allocations_of_threads("worker-0");
    for (int i = 0; i < kCount; ++i) unit();
    const auto after = test::allocations_of_threads("worker-0");
    EXPECT_GT(before.own, 0U) << "the worker's allocations are not seen";
    return {static_cast<double>(after.own - before.own) / kCount,
            static_cast<double>(after.openssl - before.openssl) / kCount};
  }

  static void request(test::Socket& socket) {
    socket.send(
        "GET /a/path?with=query HTTP/1.1\r\nHost: a.example\r\nUser-Agent: gate/1.0\r\n"
        "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nCookie: "
        "session=0123456789abcdef\r\n\r\n");
    ASSERT_EQ(test::receive_response(socket).status, 200);
  }

  test::Backend backend_;
};

TEST_F(AllocationGate, Request) {
  auto client = connect();

  const auto taken = per_unit([&] { request(client); });

  EXPECT_LE(taken.own, kRequest + kOnce);
  EXPECT_EQ(taken.openssl, 0);
}

TEST_F(AllocationGate, RequestOverTls) {
  auto client = connect_tls();

  const auto taken = per_unit([&] { request(client); });

  EXPECT_LE(taken.own, kRequest + kOnce);
  EXPECT_LE(taken.openssl, kRequestOpenSsl + kOnce);
}

TEST_F(AllocationGate, Message) {
  auto client = connect();
  ASSERT_TRUE(test::open_websocket(client, "a.example"));

  const auto taken = per_unit([&] {
    client.send("\x82\x03xyz");
    ASSERT_EQ(client.receive_exactly(5).size(), 5U);
  });

  EXPECT_LE(taken.own, kMessage + kOnce);
}

TEST_F(AllocationGate, WhatIsKeptForTheNextRequestIsGivenBack) {
  auto client = connect();
  per_unit([&] { request(client); });
  const auto before = test::allocations_of_threads("worker-0");

  plane_->trim();

  EXPECT_TRUE(test::eventually([&] {
    request(client);
    return test::allocations_of_threads("worker-0").own > before.own + 3;
  }));
}

}  // namespace
}  // namespace weir::proxy
