#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_folder.h"
#include "support/websocket_peer.h"
#include "support/weir.h"

// What an operator sees and does of single tunnels (docs/tunnels-operating.md).

namespace weir::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Role = WebSocketPeer::Role;

void echo(Socket& socket) {
  WebSocketPeer peer(socket, Role::Server);
  if (!peer.accept()) return;
  peer.echo();
  peer.receive_to_end();
}

class Operators : public testing::Test {
 protected:
  Operators() : app_(echo) {
    folder_.replace("app.yaml", manifest::service("app", {app_.port()}) + "---\n" +
                                    manifest::ingress("app", "app.example", "app"));
    folder_.replace("other.yaml", manifest::ingress("other", "other.example", "app"));
  }
  ~Operators() override { sockets_.clear(); }

  void start(std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--threads", "2", "--drain-timeout", "1s"});
    controller_ = std::make_unique<ControllerProcess>("dir:" + folder_.path(), socket_);
    proxy_ = std::make_unique<ProxyProcess>(socket_, flags);
    ASSERT_TRUE(proxy_->wait_ready()) << proxy_->process().output();
  }
  WebSocketPeer& open(const std::string& host, const std::string& target = "/") {
    auto& socket =
        *sockets_.emplace_back(std::make_unique<Socket>(Socket::connect(proxy_->ports().http)));
    EXPECT_TRUE(open_websocket(socket, host, target));
    return *peers_.emplace_back(std::make_unique<WebSocketPeer>(socket, Role::Client));
  }
  static bool echoes(WebSocketPeer& peer) {
    return peer.send_text("hello") && peer.receive_message() == "hello";
  }
  Response ask(const std::string& method, const std::string& target) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    admin_.copy(address.sun_path, sizeof address.sun_path - 1);
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socket.send(method + ' ' + target +
                " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return receive_response(socket);
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// The first line that has both texts, waited for.
  static std::string line_of(const std::string& path, const std::string& text,
                             const std::string& more = "") {
    std::string found;
    EXPECT_TRUE(eventually([&] {
      std::ifstream in(path);
      for (std::string line; std::getline(in, line) && !in.eof();) {
        if (line.find(text) == std::string::npos || line.find(more) == std::string::npos) continue;
        found = line;
        return true;
      }
      return false;
    })) << text
        << " is not in\n"
        << content(path);
    return found;
  }
  /// `"id":7`
  static std::string id_of(const std::string& line) {
    const auto begin = line.find("\"id\":");
    return begin == std::string::npos ? line : line.substr(begin, line.find(',', begin) - begin);
  }

  Backend app_;
  TempFolder folder_;
  TempFolder runtime_;
  const std::string socket_ = runtime_.path("weir.sock");
  const std::string log_ = runtime_.path("access.log");
  const std::string admin_ = runtime_.path("admin.sock");
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<ProxyProcess> proxy_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<std::unique_ptr<WebSocketPeer>> peers_;
};

TEST_F(Operators, ReadTheBeginAndEndOfEachTunnelInTheLog) {
  start({"--access-log", log_, "--access-log-query"});
  auto& peer = open("app.example", "/chat?room=7&access_token=hush");
  ASSERT_TRUE(echoes(peer));
  const auto begin = line_of(log_, "\"event\":\"tunnel_open\"");
  EXPECT_THAT(begin, HasSubstr(R"("client":"127.0.0.1","host":"app.example",)"
                               R"("path":"/chat?room=7&access_token=***",)"));
  EXPECT_THAT(begin, HasSubstr(R"("ingress":"default/app","backend":"default/app:80")"));
  auto& other = open("other.example", "/?nothing");
  ASSERT_TRUE(echoes(other));
  const auto second = line_of(log_, "other.example", "tunnel_open");
  EXPECT_NE(id_of(begin), id_of(second));

  peer.send_close(1000);
  peer.receive_frame();
  sockets_.front()->close();
  const auto end = line_of(log_, "tunnel_close");
  EXPECT_EQ(id_of(end), id_of(begin));
  EXPECT_THAT(end, HasSubstr(R"("messages_from_client":1,"messages_from_backend":1,)"
                             R"("initiator":"client","reason":"normal",)"
                             R"("close_code_from_client":1000,"close_code_from_backend":1000})"));

  // All is written when the process has ended.
  proxy_->process().signal(SIGTERM);
  other.receive_frame();
  other.send_close(1001);
  other.receive_to_end();
  ASSERT_EQ(proxy_->process().wait(), 0);
  const auto all = content(log_);
  EXPECT_THAT(all, HasSubstr(R"("initiator":"proxy","reason":"drain")"));
  EXPECT_EQ(std::ranges::count(all, '\n'), 4);
  EXPECT_THAT(all, Not(HasSubstr("hush")));
}

TEST_F(Operators, RotateTheLog) {
  start({"--access-log", log_});
  ASSERT_TRUE(echoes(open("app.example", "/first?token=hush")));
  EXPECT_THAT(line_of(log_, "tunnel_open"), HasSubstr("\"path\":\"/first\""));
  std::filesystem::rename(log_, log_ + ".1");
  proxy_->process().signal(SIGUSR1);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(log_); }));
  ASSERT_TRUE(echoes(open("app.example", "/second")));
  EXPECT_THAT(line_of(log_, "tunnel_open"), HasSubstr("/second"));
  EXPECT_THAT(content(log_ + ".1"), Not(HasSubstr("/second")));
}

TEST_F(Operators, MayRotateWhereThereIsNoLog) {
  start({});
  proxy_->process().signal(SIGUSR1);
  EXPECT_TRUE(echoes(open("app.example")));
  EXPECT_TRUE(proxy_->process().running());
}

TEST_F(Operators, HaveALogOnStdout) {
  start({"--access-log", "-"});
  ASSERT_TRUE(echoes(open("app.example")));
  EXPECT_THAT(proxy_->process().wait_for_line("tunnel_open"),
              HasSubstr("\"host\":\"app.example\""));
}

TEST_F(Operators, WhoDoNotReadThePipeLoseLinesOnly) {
  const auto pipe = runtime_.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  start({"--access-log", pipe});
  const auto path = "/" + std::string(4000, 'x');
  // 64 KiB of pipe, what the writer holds, and 1 MiB a worker.
  for (int i = 0; i < 1000; ++i) {
    auto socket = Socket::connect(proxy_->ports().http);
    ASSERT_TRUE(open_websocket(socket, "app.example", path)) << i;
    if (i % 100 == 99 && proxy_->metric("weir_proxy_access_log_dropped_total") > 0) break;
  }
  EXPECT_TRUE(
      eventually([&] { return proxy_->metric("weir_proxy_access_log_dropped_total") > 0; }));
  EXPECT_TRUE(echoes(open("app.example")));
  proxy_->process().signal(SIGINT);
  proxy_->process().signal(SIGINT);
  EXPECT_EQ(proxy_->process().wait(), 0);
}

TEST_F(Operators, ListAndEndTunnelsOverTheAdminSocket) {
  { std::ofstream(admin_ + ".kept") << "precious"; }
  start({"--admin-socket", admin_, "--access-log", log_});
  struct stat status {};
  ASSERT_EQ(::stat(admin_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(echoes(open(i < 5 ? "app.example" : "other.example")));

  const auto all = ask("GET", "/v1/tunnels");
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.field("Content-Type"), "application/json");
  EXPECT_THAT(all.body, HasSubstr("{\"fitting\":8,\"tunnels\":[{\"id\":1,"));
  EXPECT_THAT(ask("GET", "/v1/tunnels?ingress=default/other&limit=1").body,
              HasSubstr("{\"fitting\":3,\"tunnels\":[{\"id\":6,"));
  EXPECT_EQ(ask("GET", "/v1/tunnels?limit=0").status, 400);
  EXPECT_THAT(ask("GET", "/v1/tunnels?clinet=::1").body, HasSubstr("clinet: is no parameter here"));
  EXPECT_EQ(ask("POST", "/v1/tunnels/end").status, 400);
  EXPECT_EQ(ask("GET", "/v1/tunnels/7").status, 200);

  const auto ended =
      ask("POST", "/v1/tunnels/end?host=other.example&code=4321&reason=maintenance&over=100ms");
  EXPECT_EQ(ended.body, "{\"ended\":3}\n");
  for (std::size_t i = 5; i < 8; ++i) {
    EXPECT_TRUE(peers_[i]->receive_frame());
    EXPECT_EQ(peers_[i]->close_code(), 4321);
    EXPECT_EQ(peers_[i]->close_reason(), "maintenance");
    peers_[i]->send_close(4321);
    peers_[i]->receive_to_end();
    EXPECT_EQ(peers_[i]->end(), WebSocketPeer::End::Fin);
  }
  for (std::size_t i = 0; i < 5; ++i) EXPECT_TRUE(echoes(*peers_[i]));
  EXPECT_THAT(line_of(log_, "tunnel_close", "\"id\":6,"),
              HasSubstr(R"("initiator":"proxy","reason":"admin","close_code_from_client":4321,)"));
  EXPECT_TRUE(eventually([&] {
    return ask("GET", "/v1/tunnels/forecast").body == "{\"open\":5,\"ending\":[],\"planned\":[]}\n";
  }));

  // A drain can be watched, too.
  proxy_->process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] {
    return ask("GET", "/v1/tunnels/forecast").body.find("\"reason\":\"drain\"") !=
           std::string::npos;
  }));
  sockets_.clear();
  EXPECT_EQ(proxy_->process().wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(admin_));
}

TEST_F(Operators, TheSocketOfADeadProxyIsReplaced) {
  start({"--admin-socket", admin_});
  proxy_->process().signal(SIGKILL);
  proxy_->process().wait();
  ASSERT_TRUE(std::filesystem::exists(admin_));
  proxy_ =
      std::make_unique<ProxyProcess>(socket_, std::vector<std::string>{"--admin-socket", admin_});
  ASSERT_TRUE(proxy_->wait_ready());
  EXPECT_EQ(ask("GET", "/v1/tunnels").status, 200);
}

TEST_F(Operators, AreToldWhichFlagIsWrong) {
  const auto refused = [&](const std::string& flag, const std::string& value) {
    Process proxy({binary_folder() / "weir-proxy", "--http", "127.0.0.1:0", flag, value});
    EXPECT_NE(proxy.wait_for_line("weir-proxy: " + flag + " "), "") << proxy.output();
    EXPECT_EQ(proxy.wait(), 2);
  };
  refused("--access-log", runtime_.path("missing/log"));
  refused("--admin-socket", runtime_.path("missing/socket"));
  refused("--admin-socket", std::string(200, 'x'));
}

}  // namespace
}  // namespace weir::test
