#include <numeric>

#include <openssl/ssl.h>

#include "proxy/client_hello.h"
#include "proxy/proxy_fixture.h"
#include "support/test_ca.h"
#include "support/tls_peer.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::Socket;
using test::TlsClient;
using test::TlsOptions;
using test::TlsServer;

/// What OpenSSL sends first.
std::string make_hello(const std::string& name) {
  auto* context = SSL_CTX_new(TLS_client_method());
  auto* ssl = SSL_new(context);
  auto* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
  if (!name.empty()) SSL_set_tlsext_host_name(ssl, name.c_str());
  SSL_connect(ssl);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  std::string hello(data, static_cast<std::size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  return hello;
}

/// The same message in records of `size` bytes.
std::string in_records(const std::string& hello, std::size_t size) {
  std::string out;
  for (std::size_t at = 5; at < hello.size(); at += size) {
    const auto part = hello.substr(at, size);
    out += hello.substr(0, 3);
    out += static_cast<char>(part.size() >> 8);
    out += static_cast<char>(part.size() & 0xff);
    out += part;
  }
  return out;
}

ClientHello read(const std::string& bytes) {
  return read_client_hello({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

TEST(ClientHelloTest, GivesTheNameOfAWholeHelloInAnyRecords) {
  const auto hello = make_hello("shop.example");
  for (const std::size_t size : {1UL, 3UL, 4UL, 50UL, 10'000UL}) {
    const auto bytes = in_records(hello, size);
    const auto whole = read(bytes);
    EXPECT_EQ(whole.state, ClientHello::State::Complete) << size;
    EXPECT_EQ(whole.server_name, "shop.example");
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      ASSERT_EQ(read(bytes.substr(0, i)).state, ClientHello::State::Incomplete) << size << " " << i;
    }
  }
  EXPECT_EQ(read(make_hello("")).state, ClientHello::State::Complete);
  EXPECT_EQ(read(make_hello("")).server_name, "");
}

TEST(ClientHelloTest, WhatIsNoneIsSaidSo) {
  EXPECT_EQ(read("GET / HTTP/1.1\r\n").state, ClientHello::State::NotTls);
  auto other = make_hello("a");
  other[5] = 2;  // a ServerHello
  EXPECT_EQ(read(other).state, ClientHello::State::NotTls);
  auto long_one = make_hello("a");
  long_one[6] = 1;  // 64 KiB
  EXPECT_EQ(read(long_one).state, ClientHello::State::NotTls);
  auto empty_record = make_hello("a");
  empty_record[3] = empty_record[4] = 0;
  EXPECT_EQ(read(empty_record).state, ClientHello::State::NotTls);
  // Lengths inside that lead out of it.
  const auto good = make_hello("shop.example");
  for (std::size_t i = 9; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = '\xff';
    EXPECT_NE(read(bad).state, ClientHello::State::Incomplete) << i;
  }
}

class PassthroughTest : public ProxyTest {
 protected:
  /// A backend with its own certificate: who gets to it was passed through.
  TlsOptions backend_options() const {
    TlsOptions options;
    options.certificate = ca_.issue_client("the backend", "");
    return options;
  }
  void pass(const std::vector<std::uint16_t>& ports, std::uint16_t other = 0) {
    Delta delta;
    auto passed = std::make_shared<table::Host>(*host("raw.example", "app"));
    passed->passthrough = "raw";
    delta.backends = {backend("raw", ports), backend("app", {other})};
    delta.hosts = {passed, host("", "app")};
    adopt(std::move(delta));
  }
  std::uint64_t opened() const {
    return sum([](const Counters& c) -> const Cell& { return c.passthrough_opened; });
  }
  std::uint64_t failures() const {
    return sum([](const Counters& c) -> const Cell& { return c.passthrough_failures; });
  }

  test::TestCa ca_;
};

TEST_F(PassthroughTest, TheNameDecidesWhoDecrypts) {
  TlsServer server(backend_options());
  Backend raw(server.wrap(test::always("from the backend")));
  Backend app(test::always("from weir's"));
  start();
  pass({raw.port()}, app.port());
  TlsClient client;
  const auto ask = [&](const std::string& name) {
    auto socket = client.connect(https_port_, name);
    const auto subject = socket.peer_subject();
    socket.send("GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n");
    return subject + " " + test::receive_response(socket).body;
  };
  EXPECT_EQ(ask("raw.example"), "/CN=the backend from the backend");
  EXPECT_EQ(ask("RAW.example"), "/CN=the backend from the backend");
  EXPECT_NE(ask("other.example").find("from weir's"), std::string::npos);
  EXPECT_NE(ask("").find("Fake Certificate"), std::string::npos);
  EXPECT_EQ(get("/", "raw.example").body, "from weir's") << "plain HTTP is routed as ever";
  EXPECT_EQ(opened(), 2U);
  EXPECT_TRUE(test::eventually([&] { return open_tunnels() == 0; }));

  Delta gone;
  gone.removed_hosts = {"raw.example"};
  adopt(std::move(gone));
  EXPECT_NE(ask("raw.example").find("from weir's"), std::string::npos);
}

TEST_F(PassthroughTest, AHelloInPiecesIsPassedOnWhole) {
  const auto hello = in_records(make_hello("raw.example"), 40);
  std::promise<std::string> seen;
  Backend raw([&](Socket& socket) {
    seen.set_value(socket.receive_exactly(hello.size()));
    socket.send("and back");
  });
  start();
  pass({raw.port()});
  auto client = connect_to_https();
  for (const char byte : hello) ASSERT_TRUE(client.send(std::string(1, byte)));
  EXPECT_EQ(seen.get_future().get(), hello);
  EXPECT_EQ(client.receive_exactly(8), "and back");
}

TEST_F(PassthroughTest, ARefusedConnectGoesToTheNextEndpoint) {
  TlsServer server(backend_options());
  Backend raw(server.wrap(test::always("hi")));
  start();
  pass({test::unused_port(), raw.port()});
  TlsClient client;
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(client.connect(https_port_, "raw.example").is_open()) << i;
  }
  pass({test::unused_port()});
  EXPECT_FALSE(client.connect(https_port_, "raw.example").is_open());
  pass({});
  EXPECT_FALSE(client.connect(https_port_, "raw.example").is_open());
  EXPECT_EQ(failures(), 2U);
}

TEST_F(PassthroughTest, AHelloThatNeverEndsIsDropped) {
  Options options;
  options.timeouts.handshake = std::chrono::milliseconds(150);
  start(options);
  pass({test::unused_port()});
  auto slow = connect_to_https();
  slow.send(make_hello("raw.example").substr(0, 30));
  EXPECT_EQ(slow.receive(), "");
  auto half = connect_to_https();
  half.send(make_hello("raw.example").substr(0, 30));
  half.shutdown_write();
  EXPECT_EQ(half.receive(), "");
  auto web = connect_to_https();
  web.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(test::receive_response(web).status, 400);
  EXPECT_TRUE(test::eventually([&] {
    return sum([](const Counters& c) -> const Cell& { return c.connections_open; }) == 0;
  }));
}

}  // namespace
}  // namespace weir::proxy
