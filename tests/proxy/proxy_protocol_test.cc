#include "proxy/proxy_protocol.h"

#include <openssl/ssl.h>

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::receive_response;
using test::Socket;
using State = ProxyHeader::State;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

/// Version 2 with `attached` behind its fixed bytes.
std::string binary(int command, int family, const std::string& attached) {
  std::string bytes = kSignature;
  bytes += static_cast<char>(command);
  bytes += static_cast<char>(family);
  bytes += static_cast<char>(attached.size() >> 8);
  bytes += static_cast<char>(attached.size() & 0xff);
  return bytes + attached;
}

const std::string kFour("\xc0\x00\x02\x01\x0a\x00\x00\x01\x04\xd2\x01\xbb", 12);
const std::string kSix = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16) +
                         std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16) +
                         "\x04\xd2\x01\xbb";
const std::string kText = "PROXY TCP4 192.0.2.1 10.0.0.1 1234 443\r\n";

/// "192.0.2.1:1234 10.0.0.1:443", "socket", "malformed" or "incomplete".
std::string read(const std::string& bytes) {
  const auto header = read_proxy_header(bytes);
  if (header.state == State::Incomplete) return "incomplete";
  if (header.state == State::Malformed) return "malformed";
  if (!header.ends) return "socket";
  const auto& ends = *header.ends;
  return ends.source.text() + ":" + std::to_string(ends.source_port) + " " +
         ends.destination.text() + ":" + std::to_string(ends.destination_port);
}

TEST(ProxyHeader, SaysWhoTheClientIs) {
  EXPECT_EQ(read(kText), "192.0.2.1:1234 10.0.0.1:443");
  EXPECT_EQ(read("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"),
            "2001:db8::1:0 2001:db8::2:65535");
  EXPECT_EQ(read(binary(0x21, 0x11, kFour)), "192.0.2.1:1234 10.0.0.1:443");
  EXPECT_EQ(read(binary(0x21, 0x21, kSix)), "2001:db8::1:1234 2001:db8::2:443");
  const std::string tlvs("\x01\x00\x02h2", 5);
  EXPECT_EQ(read(binary(0x21, 0x11, kFour + tlvs)), "192.0.2.1:1234 10.0.0.1:443");
  EXPECT_EQ(read_proxy_header(binary(0x21, 0x11, kFour + tlvs) + "GET").length, 16U + 12 + 5);
  EXPECT_EQ(read_proxy_header(kText + "GET / HTTP/1.1\r\n").length, kText.size());
}

TEST(ProxyHeader, MayLeaveTheSocketsAddress) {
  EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "socket");
  EXPECT_EQ(read("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), "socket");
  EXPECT_EQ(read(binary(0x20, 0x00, "")), "socket");
  EXPECT_EQ(read(binary(0x20, 0x11, kFour)), "socket");
  EXPECT_EQ(read(binary(0x21, 0x00, "")), "socket");
  EXPECT_EQ(read(binary(0x21, 0x12, kFour)), "socket") << "UDP";
  EXPECT_EQ(read(binary(0x21, 0x31, std::string(216, 'x'))), "socket") << "UNIX";
}

TEST(ProxyHeader, IsIncompleteUpToItsLastByte) {
  for (const auto& whole : {kText, std::string("PROXY UNKNOWN\r\n"), binary(0x21, 0x11, kFour),
                            binary(0x21, 0x21, kSix + "tlvs"), binary(0x20, 0x00, "")}) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      ASSERT_EQ(read(whole.substr(0, i)), "incomplete") << i;
    }
    EXPECT_EQ(read_proxy_header(whole).length, whole.size());
  }
}

TEST(ProxyHeader, NothingElseIsOne) {
  for (const auto* text :
       {"GET / HTTP/1.1\r\n", "proxy TCP4", "PROXY  TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
        "PROXY TCP5 192.0.2.1 10.0.0.1 1 2\r\n", "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n", "PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 -1 2\r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n", "PROXY TCP4 192.0.2.999 10.0.0.1 1 2\r\n",
        "PROXY \r\n", "\x16\x03\x01"}) {
    EXPECT_EQ(read(text), "malformed") << text;
  }
  EXPECT_EQ(read("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n"), "socket") << "107 bytes";
  EXPECT_EQ(read("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"), "malformed");
  EXPECT_EQ(read("PROXY UNKNOWN " + std::string(93, 'x')), "malformed") << "no end in sight";
  EXPECT_EQ(read(binary(0x31, 0x11, kFour)), "malformed") << "version 3";
  EXPECT_EQ(read(binary(0x22, 0x11, kFour)), "malformed") << "no such command";
  EXPECT_EQ(read(binary(0x21, 0x13, kFour)), "malformed") << "no such protocol";
  EXPECT_EQ(read(binary(0x21, 0x41, kSix)), "malformed") << "no such family";
  EXPECT_EQ(read(binary(0x21, 0x11, kFour.substr(1))), "malformed") << "too short";
  EXPECT_EQ(read(binary(0x21, 0x21, kFour)), "malformed") << "too short";
  EXPECT_EQ(read(binary(0x21, 0x11, kFour + std::string(4084, 'x'))),
            "192.0.2.1:1234 10.0.0.1:443");
  EXPECT_EQ(read(binary(0x21, 0x11, kFour + std::string(4085, 'x'))), "malformed");
}

TEST(ProxyHeader, WhatIsWrittenIsRead) {
  using table::ProxyProtocol;
  ConnectionEnds ends{*util::IpAddress::parse("192.0.2.1"), 1234,
                      *util::IpAddress::parse("10.0.0.1"), 443};
  EXPECT_EQ(make_proxy_header(ProxyProtocol::V1, ends), kText);
  EXPECT_EQ(make_proxy_header(ProxyProtocol::V2, ends), binary(0x21, 0x11, kFour));
  ends.source = *util::IpAddress::parse("2001:db8::1");
  EXPECT_EQ(make_proxy_header(ProxyProtocol::V1, ends),
            "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1234 443\r\n");
  for (const auto version : {ProxyProtocol::V1, ProxyProtocol::V2}) {
    EXPECT_EQ(read(make_proxy_header(version, ends)), "2001:db8::1:1234 10.0.0.1:443");
  }
}

/// A backend that answers with what it has read up to the head's end.
Backend::Script echo() {
  return [](Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) + "\r\n\r\n" +
                  head);
    }
  };
}

class ProxyProtocolTest : public ProxyTest {
 protected:
  void expect_headers(std::vector<std::string> trusted = {}, bool trust_forwarded = false) {
    Delta delta;
    auto& policy = delta.settings.emplace().forwarded;
    policy.use_proxy_protocol = true;
    policy.trust_forwarded = trust_forwarded;
    policy.trusted_cidrs = std::move(trusted);
    delta.backends = {backend("app", {app_.port()})};
    delta.hosts = {host("", "app")};
    adopt(std::move(delta));
  }
  static std::string ask(Socket& socket, const std::string& fields = "") {
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    return receive_response(socket).body;
  }
  std::uint64_t count(Cell Counters::*cell) const {
    return sum([cell](const Counters& c) -> const Cell& { return c.*cell; });
  }

  Backend app_{echo()};
};

TEST_F(ProxyProtocolTest, GivesTheClientsAddress) {
  start();
  expect_headers();
  for (const auto& header : {kText, binary(0x21, 0x11, kFour + "tlvs")}) {
    auto client = connect();
    client.send(header);
    const auto head = ask(client);
    EXPECT_NE(head.find("X-Real-IP: 192.0.2.1\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("X-Forwarded-Proto: https\r\n"), std::string::npos) << "port 443";
    EXPECT_NE(ask(client).find("X-Real-IP: 192.0.2.1\r\n"), std::string::npos)
        << "the next request has none";
  }
  auto client = connect();
  client.send("PROXY UNKNOWN\r\n");
  const auto head = ask(client);
  EXPECT_NE(head.find("X-Real-IP: 127.0.0.1\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("X-Forwarded-Proto: http\r\n"), std::string::npos) << head;
  EXPECT_EQ(count(&Counters::proxy_headers_ok), 3U);
}

TEST_F(ProxyProtocolTest, ComesByteByByte) {
  start();
  expect_headers();
  for (const auto& header : {kText, binary(0x21, 0x11, kFour)}) {
    auto client = connect();
    for (const char byte : header) client.send({&byte, 1});
    EXPECT_NE(ask(client).find("X-Real-IP: 192.0.2.1\r\n"), std::string::npos);
  }
}

TEST_F(ProxyProtocolTest, ComesBeforeTls) {
  start();
  expect_headers();
  auto* context = SSL_CTX_new(TLS_client_method());
  auto client = connect_to_https();
  client.send(binary(0x21, 0x11, kFour));
  auto* ssl = SSL_new(context);
  SSL_set_fd(ssl, client.fd());
  EXPECT_EQ(SSL_connect(ssl), 1);
  client.start_tls(ssl);
  EXPECT_NE(ask(client).find("X-Real-IP: 192.0.2.1\r\n"), std::string::npos);
  SSL_CTX_free(context);
}

TEST_F(ProxyProtocolTest, AnythingElseClosesTheConnection) {
  start();
  expect_headers();
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.receive_all(), "");
  auto tls = connect_to_https();
  tls.send("\x16\x03\x01");
  EXPECT_EQ(tls.receive_all(), "");
  auto half = connect();
  half.send("PROXY TCP4");
  half.shutdown_write();
  EXPECT_EQ(half.receive_all(), "");
  EXPECT_EQ(count(&Counters::proxy_headers_malformed), 2U);
  EXPECT_EQ(count(&Counters::proxy_headers_incomplete), 1U);
}

TEST_F(ProxyProtocolTest, HasADeadline) {
  Options options;
  options.timeouts.proxy_header = std::chrono::milliseconds(50);
  start(options);
  expect_headers();
  auto silent = connect();
  EXPECT_TRUE(silent.at_end());
  auto drip = connect();
  drip.send("PROXY TCP4 ");
  EXPECT_EQ(drip.receive_all(), "");
  EXPECT_EQ(count(&Counters::proxy_headers_incomplete), 2U);
}

TEST_F(ProxyProtocolTest, IsBelievedOnlyOfTrustedPeers) {
  start();
  expect_headers({"10.0.0.0/8"});
  auto client = connect();
  client.send(kText);
  EXPECT_NE(ask(client).find("X-Real-IP: 127.0.0.1\r\n"), std::string::npos);
  EXPECT_EQ(count(&Counters::proxy_headers_untrusted), 1U);
}

TEST_F(ProxyProtocolTest, ItsSourceIsThePeerOfTheForwardedFields) {
  start();
  expect_headers({"127.0.0.1"}, /*trust_forwarded=*/true);
  auto client = connect();
  client.send(kText);
  EXPECT_NE(ask(client, "X-Forwarded-For: 6.6.6.6\r\n").find("X-Real-IP: 192.0.2.1\r\n"),
            std::string::npos);
  expect_headers({"127.0.0.1", "192.0.2.0/24"}, /*trust_forwarded=*/true);
  auto trusted = connect();
  trusted.send(kText);
  EXPECT_NE(ask(trusted, "X-Forwarded-For: 6.6.6.6\r\n").find("X-Real-IP: 6.6.6.6\r\n"),
            std::string::npos);
}

TEST_F(ProxyProtocolTest, ABackendGetsOneInFrontOfEachConnection) {
  Backend announced([](Socket& socket) {
    const auto header = socket.receive_until("\r\n");
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(header.size()) +
                  "\r\n\r\n" + header);
    }
  });
  start();
  expect_headers();
  auto made = std::make_shared<table::Backend>(*backend("app", {announced.port()}));
  made->proxy_protocol = table::ProxyProtocol::V1;
  Delta delta;
  delta.backends = {made};
  adopt(std::move(delta));
  auto client = connect();
  client.send(kText);
  EXPECT_EQ(ask(client), kText);
  EXPECT_EQ(ask(client), kText);
  auto other = connect();
  other.send("PROXY TCP4 192.0.2.2 10.0.0.1 1 80\r\n");
  EXPECT_EQ(ask(other), "PROXY TCP4 192.0.2.2 10.0.0.1 1 80\r\n");
  EXPECT_EQ(announced.accepted(), 3) << "none is kept";
}

TEST_F(ProxyProtocolTest, WhatIsPassedThroughHasOneInFront) {
  std::promise<std::string> seen;
  Backend raw([&](Socket& socket) { seen.set_value(socket.receive_exactly(16 + 12 + 1)); });
  start();
  expect_headers();
  auto made = std::make_shared<table::Backend>(*backend("raw", {raw.port()}));
  made->proxy_protocol = table::ProxyProtocol::V2;
  auto passed = std::make_shared<table::Host>(*host("raw.example", "app"));
  passed->passthrough = "raw";
  Delta delta;
  delta.backends = {made};
  delta.hosts = {passed};
  adopt(std::move(delta));
  auto* context = SSL_CTX_new(TLS_client_method());
  auto client = connect_to_https();
  client.send(kText);
  auto* ssl = SSL_new(context);
  SSL_set_fd(ssl, client.fd());
  SSL_set_tlsext_host_name(ssl, "raw.example");
  SSL_connect(ssl);  // ends with the script
  EXPECT_EQ(seen.get_future().get(), binary(0x21, 0x11, kFour) + "\x16");
  SSL_free(ssl);
  SSL_CTX_free(context);
}

}  // namespace
}  // namespace weir::proxy
