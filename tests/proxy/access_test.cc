#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

using test::Backend;

class AccessTest : public ProxyTest {
 protected:
  AccessTest() : app_(test::always("in")) {}

  void serve_with(const table::Access& access) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.access = access;
    table::Route open = made->routes.front();
    made->routes.front().rules = rules;
    open.match = {table::PathMatch::Kind::Exact, "/open"};
    made->routes.insert(made->routes.begin(), open);
    Delta delta;
    delta.backends = {backend("app", {app_.port()})};
    delta.hosts = {made};
    table::Settings settings;
    settings.forwarded.trust_forwarded = true;
    delta.settings = settings;
    adopt(std::move(delta));
  }

  int status_for(const std::string& client, const std::string& path = "/") const {
    auto socket = connect();
    socket.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + client + "\r\n\r\n");
    return test::receive_response(socket).status;
  }

  Backend app_;
};

TEST_F(AccessTest, DeniedAddressesGoBeforeAllowedOnes) {
  start();
  serve_with({false, {"10.9.0.0/16", "2001:db8:bad::/48"}, {"10.0.0.0/8", "2001:db8::/32"}});
  EXPECT_EQ(status_for("10.1.2.3"), 200);
  EXPECT_EQ(status_for("2001:db8::7"), 200);
  EXPECT_EQ(status_for("10.9.2.3"), 403);
  EXPECT_EQ(status_for("2001:db8:bad::7"), 403);
  EXPECT_EQ(status_for("192.0.2.1"), 403) << "on no list";
  EXPECT_EQ(answers(AnswerReason::AddressDenied), 3U);
  EXPECT_EQ(status_for("192.0.2.1", "/open"), 200) << "another route";
}

TEST_F(AccessTest, WithDeniedAddressesAloneTheOthersGetIn) {
  start();
  serve_with({false, {"10.0.0.0/8"}, {}});
  EXPECT_EQ(status_for("10.1.2.3"), 403);
  EXPECT_EQ(status_for("::ffff:10.1.2.3"), 403) << "the same address";
  EXPECT_EQ(status_for("192.0.2.1"), 200);
}

TEST_F(AccessTest, AClosedRouteAnswersNobody) {
  start();
  serve_with({true, {}, {}});
  EXPECT_EQ(status_for("10.1.2.3"), 503);
  EXPECT_EQ(answers(AnswerReason::AccessUnsettled), 1U);
  EXPECT_EQ(status_for("10.1.2.3", "/open"), 200);
}

TEST_F(AccessTest, AHandshakeIsRefusedLikeAnyRequest) {
  start();
  serve_with({false, {}, {"10.0.0.0/8"}});
  auto socket = connect();
  EXPECT_FALSE(test::open_websocket(socket, "a"));
  EXPECT_EQ(answers(AnswerReason::AddressDenied), 1U);
}

}  // namespace

}  // namespace weir::proxy
