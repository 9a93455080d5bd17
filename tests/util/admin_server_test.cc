#include "util/admin_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/io_thread.h"
#include "support/temp_folder.h"

namespace weir::util {
namespace {

using test::IoThread;
using ::testing::HasSubstr;
using ::testing::StartsWith;

AdminAnswer page(const AdminRequest& request) {
  const auto path = request.path;
  if (path == "/healthz") return probe_answer("");
  if (path == "/readyz") return probe_answer("draining");
  if (path == "/metrics") {
    MetricFamilies families;
    families.gauge("weir", "One.").add(1);
    return metrics_answer(families.all(), request.accept);
  }
  return not_found_answer();
}

constexpr std::chrono::seconds kPatience{60};

/// A client that writes what it is told, and reads until the server hangs up.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{kPatience.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{kPatience.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void write(const std::string& text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string read() const {
    std::string all;
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto size = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (size < 0 && errno == EAGAIN) ADD_FAILURE() << "the server does not hang up";
      if (size <= 0) return all;
      all.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  int fd_;
};

class AdminServerTest : public ::testing::Test {
 protected:
  ~AdminServerTest() override {
    thread_.run([this] { server_.reset(); });
  }
  void start(AdminServer::Options options) {
    options.address = "127.0.0.1";
    thread_.run([&] { server_ = *AdminServer::start(thread_.io, options, page); });
  }

  IoThread thread_;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, AnswersSeveralRequestsOfAConnection) {
  start({});
  const Client client(server_->port());
  client.write(
      "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
      "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

  const auto all = client.read();

  EXPECT_THAT(all, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(all, HasSubstr("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(all, HasSubstr("Content-Length: 42\r\n"));
  EXPECT_TRUE(all.ends_with("\r\n\r\n"));  // HEAD has no body
}

TEST_F(AdminServerTest, SaysWhyAProbeFailsAndRefusesOtherMethods) {
  start({});
  const Client probe(server_->port());
  probe.write("GET /readyz?verbose HTTP/1.0\r\n\r\n");
  const auto answer = probe.read();
  EXPECT_THAT(answer, StartsWith("HTTP/1.0 503 Service Unavailable"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\ndraining\n"));
  const Client post(server_->port());
  post.write("POST /readyz HTTP/1.0\r\n\r\n");
  EXPECT_THAT(post.read(), StartsWith("HTTP/1.0 405 Method Not Allowed"));
}

TEST_F(AdminServerTest, AnswersMetricsAsText) {
  start({});
  const Client client(server_->port());
  client.write("GET /metrics HTTP/1.0\r\n\r\n");
  const auto all = client.read();
  EXPECT_THAT(all, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_TRUE(all.ends_with("\nweir 1\n"));
}

TEST_F(AdminServerTest, HangsUpOnWhatIsNoRequest) {
  start({});
  for (const auto& text : {std::string("nonsense\r\n\r\n"), std::string(20'000, 'x'),
                           "GET / HTTP/1.1\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n"}) {
    const Client client(server_->port());
    client.write(text);
    EXPECT_EQ(client.read(), "");
  }
}

TEST_F(AdminServerTest, HangsUpOnASilentClient) {
  start({.address = {}, .max_connections = 64, .timeout = std::chrono::seconds(1)});
  const Client client(server_->port());
  EXPECT_EQ(client.read(), "");
}

TEST_F(AdminServerTest, StoppingEndsWhatIsOpen) {
  start({.address = {}, .max_connections = 64, .timeout = std::chrono::seconds(3600)});
  const Client client(server_->port());
  client.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  thread_.run([this] { server_->stop(); });
  client.read();  // ends, with both answers or without
}

TEST_F(AdminServerTest, FurtherClientsWaitForTheirTurn) {
  start({.address = {}, .max_connections = 1, .timeout = std::chrono::seconds(60)});
  auto first = std::make_unique<Client>(server_->port());
  first->write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  const Client second(server_->port());
  second.write("GET /healthz HTTP/1.0\r\n\r\n");

  first.reset();

  EXPECT_THAT(second.read(), StartsWith("HTTP/1.0 200 OK"));
}

class OperatorsServerTest : public AdminServerTest {
 protected:
  /// What is asked for as "/later" waits in `replies_`.
  void start_unix(std::chrono::seconds timeout = std::chrono::seconds(60)) {
    thread_.run([&] {
      server_ = *AdminServer::start(
          thread_.io, {.address = {}, .timeout = timeout, .unix_path = path_},
          [this](const AdminRequest& request, AdminServer::Reply reply) {
            if (request.path == "/later") return replies_.set_value(std::move(reply));
            reply({.body = fmt::format("{} {} {}\n", request.post ? "POST" : "GET", request.path,
                                       request.query)});
          });
    });
  }

  const test::TempFolder folder_;
  const std::string path_ = folder_.path("admin");
  std::promise<AdminServer::Reply> replies_;
};

TEST_F(OperatorsServerTest, TakesGetAndPostOverAUnixSocketOfItsOwnUser) {
  start_unix();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const Client client(path_);
  client.write(
      "GET /a?b=c?d HTTP/1.1\r\nHost: x\r\n\r\nPOST /e HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "0\r\n\r\nDELETE /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto all = client.read();
  EXPECT_THAT(all, HasSubstr("\r\n\r\nGET /a b=c?d\n"));
  EXPECT_THAT(all, HasSubstr("\r\n\r\nPOST /e \n"));
  EXPECT_THAT(all, HasSubstr("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(all, HasSubstr("Allow: GET, HEAD, POST\r\n"));
  thread_.run([this] { server_->stop(); });
  EXPECT_NE(::stat(path_.c_str(), &status), 0);
}

TEST_F(OperatorsServerTest, AnswersWhenTheAnswerComes) {
  start_unix();
  const Client slow(path_);
  slow.write("GET /later HTTP/1.0\r\n\r\n");
  const auto reply = replies_.get_future().get();
  const Client quick(path_);
  quick.write("GET /now HTTP/1.0\r\n\r\n");
  EXPECT_THAT(quick.read(), HasSubstr("GET /now"));
  thread_.run([&] { reply({.status = 404, .body = "at last\n"}); });
  const auto answer = slow.read();
  EXPECT_THAT(answer, StartsWith("HTTP/1.0 404 Not Found"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nat last\n"));
}

TEST_F(OperatorsServerTest, GivesUpOnAnAnswerThatDoesNotCome) {
  start_unix(std::chrono::seconds(1));
  const Client client(path_);
  client.write("GET /later HTTP/1.0\r\n\r\n");
  const auto reply = replies_.get_future().get();
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.0 503 Service Unavailable"));
  thread_.run([&] { reply({}); });  // too late, and no harm
}

TEST_F(OperatorsServerTest, StoppingEndsTheWaitForAnAnswer) {
  start_unix(std::chrono::seconds(3600));
  const Client client(path_);
  client.write("GET /later HTTP/1.0\r\n\r\n");
  const auto reply = replies_.get_future().get();
  thread_.run([this] { server_->stop(); });
  EXPECT_EQ(client.read(), "");
}

TEST_F(AdminServerTest, AnAddressInUseIsAnErrorThatNamesIt) {
  start({});
  const auto port = server_->port();
  const auto error = thread_.run([&] {
    return AdminServer::start(thread_.io, {.address = "127.0.0.1", .port = port}, page).error();
  });
  EXPECT_THAT(error.detail, HasSubstr(std::to_string(port)));
  EXPECT_THAT(error.detail, HasSubstr("in use"));
}

}  // namespace
}  // namespace weir::util
