#include "proxy/access_log.h"

#include <map>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::Frame;
using test::Socket;
using test::WebSocketPeer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Role = WebSocketPeer::Role;

void add(AccessLogBuffer& buffer, const std::string& line) {
  buffer.begin_line() += line;
  buffer.end_line();
}

std::string taken(AccessLog& log) {
  std::string all;
  log.take(all);
  return all;
}

TEST(AccessLog, GivesLinesInOrderAroundTheRingsEnd) {
  AccessLog log(false, 16);
  auto& buffer = log.add_worker();
  for (int i = 0; i < 40; ++i) {
    const auto number = std::to_string(i);
    add(buffer, number);
    add(buffer, number + "+");
    EXPECT_EQ(taken(log), number + "\n" + number + "+\n");
  }
  EXPECT_EQ(log.dropped(), 0U);
}

TEST(AccessLog, DropsWholeLinesWhenThereIsNoRoom) {
  AccessLog log(false, 16);
  auto& buffer = log.add_worker();
  add(buffer, "0123456789");
  add(buffer, "too long");
  add(buffer, "1234");  // fits to the byte
  add(buffer, "");
  EXPECT_EQ(taken(log), "0123456789\n1234\n");
  EXPECT_EQ(log.dropped(), 2U);
  add(buffer, "again");
  EXPECT_EQ(taken(log), "again\n");
}

TEST(AccessLog, CallsTheWriterOnceABufferIsHalfFull) {
  AccessLog log(false, 1024);
  auto& buffer = log.add_worker();
  const auto begin = std::chrono::steady_clock::now();
  std::thread worker([&] {
    for (int i = 0; i < 20; ++i) add(buffer, std::string(31, 'x'));
  });
  log.wait(-1, std::chrono::minutes(1));
  worker.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(50));
  EXPECT_GE(taken(log).size(), 512U);
}

/// For TSan: every line that was not dropped arrives once, whole and in order.
TEST(AccessLog, LosesNothingBetweenThreads) {
  constexpr int kLines = 20'000;
  AccessLog log(false, 4096);
  std::atomic<int> working{2};
  std::vector<std::jthread> workers;
  for (const char* name : {"a ", "b "}) {
    auto& buffer = log.add_worker();
    workers.emplace_back([&buffer, &working, name] {
      for (int i = 0; i < kLines; ++i) add(buffer, name + std::to_string(i));
      --working;
    });
  }
  std::size_t lines = 0;
  std::map<char, int> last{{'a', -1}, {'b', -1}};
  for (bool again = true; again;) {
    again = working > 0;
    std::istringstream in(taken(log));
    for (std::string line; std::getline(in, line); ++lines) {
      ASSERT_TRUE(last.contains(line.at(0))) << line;
      const int number = std::stoi(line.substr(2));
      EXPECT_GT(number, last[line[0]]);
      last[line[0]] = number;
    }
  }
  EXPECT_EQ(lines + log.dropped(), 2U * kLines);
}

std::string masked(std::string_view query) {
  std::string out;
  append_masked_query(out, query);
  return out;
}

TEST(AccessLog, MasksTheValuesOfSecrets) {
  for (const auto* name :
       {"token",  "TOKEN",           "access_token",   "id_token", "jwt",         "ticket",
        "sig",    "signature",       "code",           "password", "secret",      "key",
        "auth",   "X-Amz-Signature", "client_secret",  "api-key",  "accessToken", "apiKey",
        "apikey", "sessionId",       "user[password]", "token2",   "%74oken",     "access%5Ftoken",
        "key[]"}) {
    EXPECT_EQ(masked(std::string(name) + "=hush"), std::string(name) + "=***");
  }
  for (const auto* name :
       {"room", "monkey", "keys_of", "codec", "author", "token_type", "design"}) {
    EXPECT_EQ(masked(std::string(name) + "=42"), std::string(name) + "=42");
  }
  EXPECT_EQ(masked("a=1&token=x=y&&b;key=2;c"), "a=1&token=***&&b;key=***;c");
  EXPECT_EQ(masked("token&token="), "token&token=***");
  EXPECT_EQ(masked(""), "");
}

// ---- of tunnels --------------------------------------------------------------------------------

class TunnelLog : public ProxyTest {
 protected:
  void start_logging() {
    Options options;
    options.access_log = &log_;
    options.wall_clock = [] {
      return std::chrono::system_clock::time_point(std::chrono::milliseconds(1'000'000'000'123));
    };
    start(options);
  }
  ~TunnelLog() override { plane_.reset(); }

  std::string next_line() {
    EXPECT_TRUE(test::eventually([this] {
      log_.take(unread_);
      return unread_.find('\n') != std::string::npos;
    }));
    const auto end = unread_.find('\n');
    auto line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return line;
  }
  /// Echoes, and answers a Close.
  static void echo(Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (!peer.accept()) return;
    peer.echo();
    peer.receive_to_end();
  }
  static bool open(Socket& socket, const std::string& target, const std::string& more = "") {
    auto handshake = test::websocket_handshake("Chat.example", target);
    handshake.insert(handshake.size() - 2, more);
    return socket.send(handshake) && socket.receive_until("\r\n\r\n").starts_with("HTTP/1.1 101");
  }
  static std::string at(std::uint16_t port) {
    return "\"endpoint\":\"127.0.0.1:" + std::to_string(port) + "\"";
  }

  AccessLog log_{/*with_query=*/true};
  std::string unread_;
};

TEST_F(TunnelLog, HasALineForTheBeginAndOneForTheEndWithOneId) {
  Backend app(echo);
  start_logging();
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {host("*.example", "app")};
  adopt(std::move(delta));
  auto socket = connect();
  ASSERT_TRUE(open(socket, "/room%201?name=a&access_token=hush",
                   "Sec-WebSocket-Protocol: chat, bearer.hush\r\n"));
  EXPECT_EQ(next_line(), R"({"time":"2001-09-09T01:46:40.123Z","event":"tunnel_open","id":1,)"
                         R"("client":"127.0.0.1","host":"chat.example",)"
                         R"("path":"/room%201?name=a&access_token=***","route_host":"*.example",)"
                         R"("route_path":"/","ingress":"default/test","backend":"app",)" +
                             at(app.port()) + R"(,"tls":false,"protocol":"websocket"})");

  WebSocketPeer client(socket, Role::Client);
  client.send_fragments({"one mes", "sage"});
  EXPECT_EQ(client.receive_message(), "one message");
  client.send_close(4001, "bye");
  client.receive_frame();
  socket.close();
  const auto end = next_line();
  EXPECT_THAT(end, StartsWith(R"({"time":"2001-09-09T01:46:40.123Z","event":"tunnel_close","id":1,)"
                              R"("client":"127.0.0.1","route_host":"*.example",)"
                              R"("route_path":"/","ingress":"default/test","backend":"app",)" +
                              at(app.port()) + R"(,"tls":false,"duration_ms":)"));
  // Two frames of 6 bytes more than their 11 of payload, and a Close of 6 + 5; unmasked they are 4
  // bytes shorter each.
  EXPECT_THAT(end, EndsWith(R"(,"bytes_from_client":34,"bytes_from_backend":22,)"
                            R"("messages_from_client":1,"messages_from_backend":1,)"
                            R"("initiator":"client","reason":"normal",)"
                            R"("close_code_from_client":4001,"close_code_from_backend":4001})"));
}

TEST_F(TunnelLog, HasNothingOfARouteThatIsNotLogged) {
  Backend app(echo);
  start_logging();
  auto quiet = std::make_shared<table::Host>(*host("quiet.example", "app"));
  table::RouteRules rules;
  rules.logs_requests = false;
  quiet->routes.front().rules = rules;
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {host("", "app"), quiet};
  adopt(std::move(delta));
  {
    auto unlogged = connect();
    unlogged.send(test::websocket_handshake("quiet.example", "/"));
    ASSERT_TRUE(unlogged.receive_until("\r\n\r\n").starts_with("HTTP/1.1 101"));
  }
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 0; }));
  auto logged = connect();
  ASSERT_TRUE(open(logged, "/"));
  EXPECT_THAT(next_line(), HasSubstr(R"("event":"tunnel_open","id":2,)"));
}

TEST_F(TunnelLog, TellsWhichCodesWeirHasSent) {
  Backend app(echo);
  start_logging();
  serve({app.port()});
  auto socket = connect_tls();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  EXPECT_THAT(next_line(), HasSubstr("\"tls\":true"));
  plane_->drain_tunnels(std::chrono::milliseconds(0));
  client.receive_frame();
  client.send_close(1000);
  client.receive_to_end();
  const auto end = next_line();
  EXPECT_THAT(end, HasSubstr("\"tls\":true"));
  EXPECT_THAT(end, EndsWith(R"("initiator":"proxy","reason":"drain",)"
                            R"("close_code_from_client":1000,"close_code_from_backend":1001,)"
                            R"("close_code_to_client":1001,"close_code_to_backend":1001})"));
}

TEST_F(TunnelLog, CountsWhatComesRightBehindTheHandshake) {
  Backend app([](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (!peer.accept(peer.bytes_to_send({Frame::kText, "early"}))) return;
    peer.receive_frame();
    socket.reset();
  });
  start_logging();
  serve({app.port()});
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a", client.bytes_to_send({Frame::kText, "early, too"})));
  EXPECT_THAT(next_line(), HasSubstr("tunnel_open"));
  const auto end = next_line();
  EXPECT_THAT(end, HasSubstr(R"("bytes_from_client":16,"bytes_from_backend":7,)"
                             R"("messages_from_client":1,"messages_from_backend":1,)"));
  EXPECT_THAT(end, HasSubstr(R"("initiator":"backend","reason":"reset")"));
  EXPECT_THAT(end, Not(HasSubstr("close_code")));
}

TEST_F(TunnelLog, KeepsBytesThatAreNoTextHarmless) {
  Backend app(echo);
  start_logging();
  serve({app.port()});
  auto socket = connect();
  ASSERT_TRUE(open(socket, "/\"\xff\xc3\xa9?q=\"}"));
  EXPECT_THAT(next_line(), HasSubstr("\"path\":\"/\\\"\xef\xbf\xbd\xc3\xa9?q=\\\"}\""));
}

TEST_F(TunnelLog, LeavesQueriesOutUnlessAsked) {
  AccessLog log;
  auto& buffer = log.add_worker();
  EXPECT_EQ(buffer.loggable("/a?token=1"), "/a");
  EXPECT_EQ(buffer.loggable("/a"), "/a");
}

TEST_F(TunnelLog, HasTheLastLinesWhenTheWorkersAreGone) {
  Backend app(echo);
  start_logging();
  serve({app.port()});
  auto socket = connect();
  ASSERT_TRUE(open(socket, "/"));
  EXPECT_THAT(next_line(), HasSubstr("tunnel_open"));
  plane_.reset();
  EXPECT_THAT(taken(log_), HasSubstr(R"("initiator":"proxy","reason":"drain")"));
}

}  // namespace
}  // namespace weir::proxy
