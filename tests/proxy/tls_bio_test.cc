#include "proxy/tls_bio.h"

#include <future>
#include <string>

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

/// OpenSSL holds more than the proxy has taken out of it: no event of the socket tells of that.
class TlsReadAhead : public ProxyTest {
 protected:
  static std::string get(std::size_t padding) {
    return "GET / HTTP/1.1\r\nHost: a.example\r\nX-Padding: " + std::string(padding, 'p') +
           "\r\n\r\n";
  }
};

TEST_F(TlsReadAhead, ABodyBehindItsHeadIsNotForgotten) {
  test::Backend backend(test::always("hello"));
  start();
  serve({backend.port()});
  auto client = connect_tls();

  client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12000\r\n\r\n" +
              std::string(12'000, 'b') + get(0));

  EXPECT_EQ(test::receive_response(client).status, 200);
  EXPECT_EQ(test::receive_response(client).status, 200);
}

TEST_F(TlsReadAhead, WhatComesWhileARecordIsHalfReadIsNotForgotten) {
  constexpr int kRequests = 12;
  std::promise<void> sent;
  const auto all_sent = sent.get_future().share();
  test::Backend backend([&](test::Socket& socket) {
    while (!test::receive_head(socket).empty()) {
      all_sent.wait();
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  start();
  serve({backend.port()});
  auto client = connect_tls();

  std::string record;
  for (int i = 0; i < kRequests; ++i) record += get(1'000);
  client.send(record);
  ASSERT_TRUE(test::eventually([&] { return backend.accepted() == 1; }));
  client.send(get(0));
  sent.set_value();

  for (int i = 0; i < kRequests + 1; ++i) {
    EXPECT_EQ(test::receive_response(client).status, 200);
  }
}

}  // namespace
}  // namespace weir::proxy
