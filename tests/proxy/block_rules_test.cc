#include "proxy/block_rules.h"

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {

namespace {

class BlockRulesTest : public ProxyTest {
 protected:
  BlockRulesTest() : app_(test::always("in")) {}

  void serve_with(const table::Blocked& blocked) {
    Delta delta;
    delta.backends = {backend("app", {app_.port()})};
    delta.hosts = {host("", "app")};
    table::Settings settings;
    settings.forwarded.trust_forwarded = true;
    settings.blocked = blocked;
    delta.blocked = BlockRules::make(blocked);
    delta.settings = settings;
    adopt(std::move(delta));
  }
  int status_with(const std::string& lines) const {
    auto socket = connect();
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n");
    return test::receive_response(socket).status;
  }

  test::Backend app_;
};

TEST_F(BlockRulesTest, TurnAwayNetworksAsAProxyInFrontNamesThem) {
  start();
  serve_with({{"10.0.0.0/8", "2001:db8::/32"}, {}, {}});
  EXPECT_EQ(status_with("X-Forwarded-For: 10.1.2.3\r\n"), 403);
  EXPECT_EQ(status_with("X-Forwarded-For: 2001:db8::1\r\n"), 403);
  EXPECT_EQ(status_with("X-Forwarded-For: 192.0.2.1\r\n"), 200);
  EXPECT_EQ(status_with(""), 200);
  EXPECT_EQ(answers(AnswerReason::Blocked), 2U);
  serve_with({});
  EXPECT_EQ(status_with("X-Forwarded-For: 10.1.2.3\r\n"), 200);
}

TEST_F(BlockRulesTest, CompareFieldsAsNginxMapDoes) {
  start();
  serve_with(
      {{}, {"Bad Bot/1.0", "~Curl/[78]", "~*scanner", "~(", "~^-$"}, {"http://bad.example/"}});
  EXPECT_EQ(status_with("User-Agent: bad bot/1.0\r\n"), 403) << "the whole, in any case";
  EXPECT_EQ(status_with("User-Agent: Bad Bot/1.0 and more\r\n"), 200);
  EXPECT_EQ(status_with("User-Agent: my Curl/8.1\r\n"), 403) << "a part of it";
  EXPECT_EQ(status_with("User-Agent: my curl/8.1\r\n"), 200) << "case counts";
  EXPECT_EQ(status_with("User-Agent: SCANNER\r\n"), 403);
  EXPECT_EQ(status_with("User-Agent: good\r\nuser-agent: scanner\r\n"), 403) << "any of them";
  EXPECT_EQ(status_with("Referer: http://bad.example/\r\n"), 403);
  EXPECT_EQ(status_with("Referer: http://bad.example/x\r\n"), 200);
  EXPECT_EQ(status_with("X-User-Agent: scanner\r\n"), 200);
}

TEST_F(BlockRulesTest, ARuleForNothingAtAllBlocksWhoSendsNoSuchField) {
  start();
  serve_with({{}, {"~^$"}, {}});
  EXPECT_EQ(status_with(""), 403);
  EXPECT_EQ(status_with("User-Agent: x\r\n"), 200);
}

TEST_F(BlockRulesTest, BlockWhatTakesTooLongToCompare) {
  start();
  serve_with({{}, {"~(a+)+$"}, {}});
  EXPECT_EQ(status_with("User-Agent: " + std::string(3'000, 'a') + "b\r\n"), 403);
}

TEST_F(BlockRulesTest, ComeBeforeEverythingElse) {
  start();
  table::Blocked blocked;
  blocked.user_agents = {"bad"};
  Delta delta;
  auto elsewhere = std::make_shared<table::Host>(*host("a", "nobody", true));
  elsewhere->redirects = table::HostRedirects{"/app", ""};
  delta.hosts = {elsewhere};
  table::Settings settings;
  settings.blocked = blocked;
  delta.blocked = BlockRules::make(blocked);
  delta.settings = settings;
  adopt(std::move(delta));
  EXPECT_EQ(status_with("User-Agent: bad\r\n"), 403);
  EXPECT_EQ(status_with("User-Agent: good\r\n"), 302);
  auto socket = connect();
  socket.send("GET / HTTP/1.1\r\nHost: unknown\r\nUser-Agent: bad\r\n\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 403) << "a host of nobody, too";
}

}  // namespace

}  // namespace weir::proxy
