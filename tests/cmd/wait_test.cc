#include "weirctl/wait.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weirctl/net.h"

namespace weir::weirctl {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

/// A server on a free port of this machine that gives one answer to all.
class WaitTest : public testing::Test {
 protected:
  WaitTest() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, any, size), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    EXPECT_EQ(::getsockname(fd_, any, &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/readyz";
    server_ = std::thread([this] { serve(); });
  }
  ~WaitTest() override { stop(); }

  void stop() {
    if (!server_.joinable()) return;
    ::shutdown(fd_, SHUT_RDWR);  // ends accept
    server_.join();
    ::close(fd_);
  }
  void answer(int status) { status_ = status; }

  std::string url_;

 private:
  void serve() {
    for (int client = 0; (client = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(client)) {
      std::array<char, 1024> request{};
      if (::recv(client, request.data(), request.size(), 0) <= 0) continue;
      const auto head = "HTTP/1.1 " + std::to_string(status_.load()) + " Well\r\n\r\n";
      ::send(client, head.data(), head.size(), MSG_NOSIGNAL);
    }
  }

  const int fd_;
  std::atomic<int> status_{204};
  std::thread server_;
};

TEST_F(WaitTest, EndsWithTheAnswerThatItWaitsFor) {
  EXPECT_EQ(wait({url_, "--status=204"}), 0);
  EXPECT_EQ(wait({url_, "--status=404", "--status=2"}), 0);
}

TEST_F(WaitTest, SaysWhatTheAnswerIsInstead) {
  answer(503);
  CaptureStderr();
  EXPECT_EQ(wait({url_, "--timeout=1ms"}), 1);
  EXPECT_EQ(GetCapturedStderr(), url_ + ": expected 200; the answer is 503\n");
}

TEST_F(WaitTest, WaitsUntilNobodyListens) {
  CaptureStderr();
  EXPECT_EQ(wait({url_, "--gone", "--timeout=1ms"}), 1);
  EXPECT_EQ(GetCapturedStderr(), url_ + ": it still takes connections\n");
  auto waiting = std::async(std::launch::async, [this] { return wait({url_, "--gone"}); });
  stop();
  EXPECT_EQ(waiting.get(), 0);
}

TEST(Wait, WithoutAnUrlATimePasses) {
  EXPECT_EQ(wait({"--timeout=1ms"}), 0);
}

TEST(Wait, NobodyListens) {
  const auto url = "http://127.0.0.1:" + std::to_string(find_free_port("127.0.0.1"));
  CaptureStderr();
  EXPECT_EQ(wait({url, "--timeout=1ms"}), 1);
  EXPECT_EQ(GetCapturedStderr(), url + ": expected 200; nobody takes connections there\n");
  EXPECT_EQ(wait({url, "--gone"}), 0);
}

TEST(Wait, WhatIsNoUrlIsRefused) {
  for (const std::string url :
       {"https://a.example/", "a.example:80", "http://", "http://a.example:"}) {
    CaptureStderr();
    EXPECT_EQ(wait({url}), 2) << url;
    EXPECT_THAT(GetCapturedStderr(), HasSubstr("http://HOST:PORT/PATH"));
  }
}

}  // namespace
}  // namespace weir::weirctl
