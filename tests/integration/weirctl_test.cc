#include <csignal>

#include <gtest/gtest.h>

#include "support/temp_folder.h"
#include "support/websocket_peer.h"
#include "support/weir.h"

namespace weir::test {
namespace {

std::string weirctl() {
  return binary_folder() / "weirctl";
}

std::uint16_t port_of(const std::string& line) {
  return static_cast<std::uint16_t>(std::stoul("0" + line.substr(line.rfind(':') + 1)));
}

class WeirctlRun : public testing::Test {
 protected:
  WeirctlRun() : app_([](Socket& socket) { websocket_echo(socket, "hello"); }) {
    folder_.replace("app.yaml", manifest::service("app", {app_.port()}) + "---\n" +
                                    manifest::ingress("app", "app.example", "app", "missing"));
  }
  std::unique_ptr<Process> run(std::vector<std::string> flags = {}) {
    std::vector<std::string> argv = {weirctl(), "run", folder_.path()};
    for (const char* flag : {"--http", "--https", "--admin"}) {
      argv.insert(argv.end(), {flag, "127.0.0.1:0"});
    }
    argv.insert(argv.end(), flags.begin(), flags.end());
    return std::make_unique<Process>(argv);
  }

  Backend app_;
  TempFolder folder_;
};

TEST_F(WeirctlRun, ServesAFolderAndEndsOnOneSigterm) {
  auto process = run();
  const auto http = port_of(process->wait_for_line("http listening on "));
  const auto https = port_of(process->wait_for_line("https listening on "));
  const auto admin = port_of(process->wait_for_line("admin listening on "));
  ASSERT_TRUE(eventually([&] { return admin_get(admin, "/readyz").status == 200; }))
      << process->output();
  auto plain = Socket::connect(http);
  plain.send("GET /x HTTP/1.1\r\nHost: app.example\r\n\r\n");
  const auto redirect = receive_response(plain);
  EXPECT_EQ(redirect.status, 308);
  EXPECT_EQ(redirect.field("Location"), "https://app.example:" + std::to_string(https) + "/x");
  auto secure = Socket::connect_tls(https, "app.example");
  secure.send("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
  EXPECT_EQ(receive_response(secure).body, "hello");
  secure.close();
  process->signal(SIGTERM);
  EXPECT_EQ(process->wait(), 0) << process->output();
  EXPECT_FALSE(Socket::connect(http).is_open());
}

TEST_F(WeirctlRun, RestartsAProxyThatDies) {
  auto process = run();
  std::size_t line = 0;
  ASSERT_NE(process->wait_for_line("admin listening on ", &line), "");
  // The proxy's name in the process table is its own.
  const auto children = "/proc/" + std::to_string(process->pid()) + "/task/" +
                        std::to_string(process->pid()) + "/children";
  pid_t proxy = 0;
  ASSERT_TRUE(eventually([&] {
    FILE* file = std::fopen(children.c_str(), "r");
    pid_t pid = 0;
    while (file != nullptr && std::fscanf(file, "%d", &pid) == 1) {
      char name[64] = {};
      FILE* comm = std::fopen(("/proc/" + std::to_string(pid) + "/comm").c_str(), "r");
      if (comm != nullptr && std::fgets(name, sizeof name, comm) != nullptr &&
          std::string(name).starts_with("weir-proxy")) {
        proxy = pid;
      }
      if (comm != nullptr) std::fclose(comm);
    }
    if (file != nullptr) std::fclose(file);
    return proxy != 0;
  }));
  ::kill(proxy, SIGKILL);
  EXPECT_NE(process->wait_for_line("admin listening on ", &line), "") << process->output();
  process->signal(SIGTERM);
  EXPECT_EQ(process->wait(), 0);
}

TEST_F(WeirctlRun, AnswersAsExplainSays) {
  folder_.replace("app.yaml", manifest::service("app", {app_.port()}) + "---\n" +
                                  manifest::ingress("app", "app.example", "app", "missing"));
  auto process = run();
  const auto http = port_of(process->wait_for_line("http listening on "));
  const auto https = port_of(process->wait_for_line("https listening on "));
  const auto admin = port_of(process->wait_for_line("admin listening on "));
  ASSERT_TRUE(eventually([&] { return admin_get(admin, "/readyz").status == 200; }))
      << process->output();
  for (const auto& [url, host, target, status] :
       {std::tuple{"http://app.example/x", "app.example", "/x", 308},
        std::tuple{"http://other.example/x", "other.example", "/x", 404},
        std::tuple{"https://app.example/%zz", "app.example", "/%zz", 400},
        std::tuple{"https://app.example/x", "app.example", "/x", 200}}) {
    const bool secure = std::string_view(url).starts_with("https");
    auto client = secure ? Socket::connect_tls(https, host) : Socket::connect(http);
    client.send(std::string("GET ") + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_EQ(receive_response(client).status, status) << url;

    Process explain({weirctl(), "explain", url, folder_.path()});
    EXPECT_EQ(explain.wait(), 0) << explain.output();
    const auto said = status == 200 ? "backend default/app:" : "answer " + std::to_string(status);
    EXPECT_NE(explain.wait_for_line(said), "") << explain.output();
  }
}

TEST(Weirctl, LintSaysByItsExitCodeWhetherThereAreErrors) {
  const TempFolder folder;
  folder.replace("app.yaml", manifest::service("app", {1}));
  EXPECT_EQ(Process({weirctl(), "lint", folder.path()}).wait(), 0);
  folder.replace("broken.yaml", "a: [\n");
  Process broken({weirctl(), "lint", folder.path()});
  EXPECT_EQ(broken.wait(), 1);
  EXPECT_NE(broken.wait_for_line("broken.yaml:2: error: not valid YAML"), "") << broken.output();
}

TEST(Weirctl, NamesAWrongFlagOrFolder) {
  Process flag({weirctl(), "run", "/", "--no-such-flag"});
  EXPECT_EQ(flag.wait(), 2);
  EXPECT_NE(flag.wait_for_line("--no-such-flag"), "");
  Process folder({weirctl(), "run", "/no/such/folder"});
  EXPECT_EQ(folder.wait(), 2);
  EXPECT_NE(folder.wait_for_line("/no/such/folder"), "");
}

TEST(Proxy, NamesAWrongFlag) {
  const auto proxy = (binary_folder() / "weir-proxy").string();
  Process value({proxy, "--socket", "/tmp/x", "--head-timeout", "soon"});
  EXPECT_EQ(value.wait(), 2);
  EXPECT_NE(value.wait_for_line("--head-timeout"), "");
  Process taken({proxy, "--socket", "/tmp/x", "--http", "192.0.2.1:80"});
  EXPECT_NE(taken.wait(), 0);
  EXPECT_NE(taken.wait_for_line("192.0.2.1:80"), "");
}

TEST(Controller, NamesAWrongFlag) {
  const auto controller = (binary_folder() / "weir-controller").string();
  Process source({controller, "--source", "cloud", "--socket", "/tmp/x"});
  EXPECT_EQ(source.wait(), 2);
  EXPECT_NE(source.wait_for_line("--source"), "");
}

}  // namespace
}  // namespace weir::test
