#include "proxy/client_address.h"

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::receive_response;
using test::Socket;

util::IpAddress ip(std::string_view text) {
  return *util::IpAddress::parse(text);
}

TEST(AddressSet, TakesWhatIsInOneOfItsNetworks) {
  const AddressSet set({"10.0.0.0/8", "192.0.2.0/25", "192.0.2.200", "2001:db8::/32", "garbage"});
  for (const auto* in : {"10.0.0.0", "10.255.255.255", "192.0.2.127", "192.0.2.200",
                         "::ffff:10.1.1.1", "2001:db8:ffff::1"}) {
    EXPECT_TRUE(set.contains(ip(in))) << in;
  }
  for (const auto* out : {"11.0.0.0", "9.255.255.255", "192.0.2.128", "192.0.2.201", "2001:db9::1",
                          "::10.1.1.1", "::"}) {
    EXPECT_FALSE(set.contains(ip(out))) << out;
  }
  EXPECT_FALSE(AddressSet().contains(ip("10.0.0.1")));
}

TEST(AddressSet, TheTwoFamiliesAreApart) {
  EXPECT_TRUE(AddressSet({"::/0"}).contains(ip("2001:db8::1")));
  EXPECT_FALSE(AddressSet({"::/0"}).contains(ip("10.0.0.1")));
  EXPECT_TRUE(AddressSet({"0.0.0.0/0"}).contains(ip("10.0.0.1")));
  EXPECT_FALSE(AddressSet({"0.0.0.0/0"}).contains(ip("2001:db8::1")));
}

ForwardedTrust trust(std::vector<std::string> networks) {
  table::Forwarded policy;
  policy.trust_forwarded = true;
  policy.trusted_cidrs = std::move(networks);
  return ForwardedTrust(policy);
}

std::string walk(const std::string& peer, std::string_view list,
                 const std::vector<std::string>& networks) {
  return walk_forwarded(ip(peer), list, trust(networks)).text();
}

TEST(WalkForwarded, TheFirstThatIsNotTrustedIsTheClient) {
  const std::vector<std::string> inside{"10.0.0.0/8", "fd00::/8"};
  EXPECT_EQ(walk("10.0.0.1", "6.6.6.6, 192.0.2.1, 10.0.0.2", inside), "192.0.2.1");
  EXPECT_EQ(walk("10.0.0.1", "192.0.2.1", inside), "192.0.2.1");
  EXPECT_EQ(walk("10.0.0.1", "10.0.0.3,10.0.0.2", inside), "10.0.0.3") << "all trusted: left-most";
  EXPECT_EQ(walk("192.0.2.9", "10.0.0.3", inside), "192.0.2.9") << "the peer is not";
  EXPECT_EQ(walk("10.0.0.1", "", inside), "10.0.0.1");
  EXPECT_EQ(walk("fd00::1", "2001:DB8::1, fd00::2", inside), "2001:db8::1");
  EXPECT_EQ(walk("::ffff:10.0.0.1", "::ffff:192.0.2.1", inside), "192.0.2.1");
}

TEST(WalkForwarded, WithoutAListEverybodyIsTrusted) {
  EXPECT_EQ(walk("192.0.2.9", "6.6.6.6, 192.0.2.1", {}), "6.6.6.6");
}

TEST(WalkForwarded, WhatIsNoAddressEndsIt) {
  EXPECT_EQ(walk("192.0.2.9", "6.6.6.6, unknown, 192.0.2.1", {}), "192.0.2.1");
  EXPECT_EQ(walk("192.0.2.9", "6.6.6.6, 192.0.2.300", {}), "192.0.2.9");
  EXPECT_EQ(walk("192.0.2.9", "6.6.6.6 192.0.2.1", {}), "192.0.2.9");
  EXPECT_EQ(walk("192.0.2.9", "1.1.1.1:99999", {}), "192.0.2.9");
  EXPECT_EQ(walk("192.0.2.9", "[1.1.1.1]", {}), "192.0.2.9");
  EXPECT_EQ(walk("192.0.2.9", "[2001:db8::1", {}), "192.0.2.9");
  EXPECT_EQ(walk("192.0.2.9", "[2001:db8::1]80", {}), "192.0.2.9");
  EXPECT_EQ(walk("192.0.2.9", "'; drop table --", {}), "192.0.2.9");
}

TEST(WalkForwarded, PortsAndEmptyEntriesArePassedOver) {
  EXPECT_EQ(walk("192.0.2.9", " 6.6.6.6:1234 ,\t, ", {}), "6.6.6.6");
  EXPECT_EQ(walk("192.0.2.9", "[2001:db8::1]:443", {}), "2001:db8::1");
  EXPECT_EQ(walk("192.0.2.9", "[2001:db8::1]", {}), "2001:db8::1");
}

class ForwardedFields : public ProxyTest {
 protected:
  void SetUp() override {
    start();
    Delta delta;
    delta.backends = {backend("app", {echo_.port()})};
    delta.hosts = {host("", "app"), host("secure.example", "app", /*https_only=*/true)};
    adopt(std::move(delta));
  }
  void believe(const table::Forwarded& policy) {
    Delta delta;
    delta.settings.emplace().forwarded = policy;
    adopt(std::move(delta));
  }
  /// The request's head as the backend saw it.
  std::string seen(const std::string& fields, const std::string& named = "a.example") {
    auto head = ask(fields, named).body;
    EXPECT_NE(take_request_id(head), "") << head;
    return head;
  }
  test::Response ask(const std::string& fields, const std::string& named = "a.example") {
    auto client = connect();
    client.send("GET /x HTTP/1.1\r\nHost: " + named + "\r\n" + fields + "\r\n");
    return receive_response(client);
  }

  Backend echo_{[](Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) + "\r\n\r\n" +
                  head);
    }
  }};
  const std::string all_ =
      "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Proto: https\r\n"
      "X-Forwarded-Host: Front.example:444, b\r\nX-Forwarded-Port: 444\r\n"
      "CF-Connecting-IP: 8.8.8.8\r\n";
};

TEST_F(ForwardedFields, AreReplacedWhileNobodyIsTrusted) {
  EXPECT_EQ(seen(all_),
            "GET /x HTTP/1.1\r\nHost: a.example\r\nCF-Connecting-IP: 8.8.8.8\r\n"
            "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"
            "X-Forwarded-Host: a.example\r\nX-Forwarded-Port: 80\r\nX-Forwarded-Proto: http\r\n"
            "X-Forwarded-Scheme: http\r\nX-Scheme: http\r\n"
            "X-Original-Forwarded-For: 6.6.6.6, 7.7.7.7\r\n"
            "X-Original-Forwarded-Host: Front.example:444, b\r\n\r\n");
}

TEST_F(ForwardedFields, OfATrustedPeerGoOn) {
  believe({true, "X-Forwarded-For", false, false, {"127.0.0.0/8"}});
  EXPECT_EQ(seen(all_),
            "GET /x HTTP/1.1\r\nHost: Front.example:444\r\nCF-Connecting-IP: 8.8.8.8\r\n"
            "X-Forwarded-For: 7.7.7.7\r\nX-Real-IP: 7.7.7.7\r\n"
            "X-Forwarded-Host: Front.example:444\r\nX-Forwarded-Port: 444\r\n"
            "X-Forwarded-Proto: https\r\nX-Forwarded-Scheme: https\r\nX-Scheme: https\r\n"
            "X-Original-Forwarded-For: 6.6.6.6, 7.7.7.7\r\n"
            "X-Original-Forwarded-Host: Front.example:444, b\r\n\r\n");
}

TEST_F(ForwardedFields, OfAPeerOutsideOfTheListAreReplaced) {
  believe({true, "X-Forwarded-For", true, false, {"10.0.0.0/8"}});
  const auto head = seen(all_);
  EXPECT_NE(head.find("\r\nX-Forwarded-For: 127.0.0.1\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nX-Forwarded-Proto: http\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nHost: a.example\r\n"), std::string::npos) << head;
}

TEST_F(ForwardedFields, TheChainMayBeInAnotherFieldAndMayGoOnAsAWhole) {
  believe({true, "cf-connecting-ip", true, false, {}});
  const auto head = seen(all_);
  EXPECT_NE(head.find("\r\nX-Forwarded-For: 6.6.6.6, 7.7.7.7, 127.0.0.1\r\n"), std::string::npos)
      << head;
  EXPECT_NE(head.find("\r\nX-Real-IP: 8.8.8.8\r\n"), std::string::npos) << head;
  EXPECT_NE(seen("").find("\r\nX-Forwarded-For: 127.0.0.1\r\n"), std::string::npos);
}

TEST_F(ForwardedFields, GarbageInThemIsReplacedEvenOfATrustedPeer) {
  believe({true, "X-Forwarded-For", false, false, {}});
  const auto head = seen(
      "X-Forwarded-For: <script>\r\nX-Forwarded-Proto: ht tp\r\nX-Forwarded-Host: a b\r\n"
      "X-Forwarded-Port: 0\r\n");
  EXPECT_NE(head.find("\r\nX-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"
                      "X-Forwarded-Host: a.example\r\nX-Forwarded-Port: 80\r\n"
                      "X-Forwarded-Proto: http\r\n"),
            std::string::npos)
      << head;
}

TEST_F(ForwardedFields, TheSchemeDrivesTheRedirect) {
  const std::string https = "X-Forwarded-Proto: https\r\n";
  EXPECT_EQ(ask(https, "secure.example").status, 308) << "nobody is trusted";
  believe({true, "X-Forwarded-For", false, false, {"127.0.0.1"}});
  EXPECT_EQ(ask(https, "secure.example").status, 200);
  EXPECT_EQ(ask("X-Forwarded-Proto: http\r\n", "secure.example").status, 308);
  EXPECT_EQ(ask("X-Forwarded-Host: Front.example:81\r\n", "secure.example").field("Location"),
            "https://front.example/x");
  believe({true, "X-Forwarded-For", false, false, {"127.0.0.2"}});
  EXPECT_EQ(ask(https, "secure.example").status, 308);
}

}  // namespace
}  // namespace weir::proxy
