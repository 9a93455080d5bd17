#include "proxy/mirror.h"

#include <mutex>

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using table::TextPart;
using test::Backend;
using test::receive_head;
using test::Socket;

class Mirror : public ProxyTest {
 protected:
  Mirror()
      : copies_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            const auto body = body_of(socket, head);
            {
              const std::lock_guard lock(mutex_);
              heads_.push_back(head);
              bodies_.push_back(body);
            }
            if (!socket.send("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno")) return;
          }
        }),
        app_([](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            body_of(socket, head);
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
          }
        }) {
    policy_.backend = "mirror";
    policy_.host = "copy.example";
    policy_.target = {{TextPart::Source::Literal, "/of"}, {TextPart::Source::RequestUri, ""}};
  }

  static std::string body_of(Socket& socket, const std::string& head) {
    if (head.find("Transfer-Encoding: chunked") != std::string::npos) {
      return socket.receive_until("0\r\n\r\n");
    }
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return {};
    return socket.receive_exactly(std::stoul(head.substr(at + 16)));
  }
  void serve_mirrored(const std::vector<std::uint16_t>& ports) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.mirror = policy_;
    made->routes.front().rules = rules;
    Delta delta;
    delta.backends = {backend("app", {app_.port()}), backend("mirror", ports)};
    delta.hosts = {made};
    adopt(std::move(delta));
  }
  test::Response post(const std::string& body) {
    auto socket = connect();
    socket.send("POST /a?b=1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    return test::receive_response(socket);
  }
  std::size_t copied() const {
    const std::lock_guard lock(mutex_);
    return heads_.size();
  }
  std::uint64_t left_out() const {
    return sum([](const Counters& c) -> const Cell& { return c.mirrored_left_out; });
  }
  std::uint64_t failed() const {
    return sum([](const Counters& c) -> const Cell& { return c.mirrored_failed; });
  }

  table::Mirror policy_;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::vector<std::string> bodies_;
  Backend copies_;
  Backend app_;
};

TEST_F(Mirror, GetsACopyWithBodyWhoseAnswerNobodySees) {
  start();
  serve_mirrored({copies_.port()});
  const auto response = post("some body");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ok");
  ASSERT_TRUE(test::eventually([&] { return copied() == 1; }));
  EXPECT_TRUE(heads_[0].starts_with("POST /of/a?b=1 HTTP/1.1\r\n")) << heads_[0];
  EXPECT_NE(heads_[0].find("Host: copy.example\r\n"), std::string::npos) << heads_[0];
  EXPECT_NE(heads_[0].find("X-Forwarded-Host: shop.example\r\n"), std::string::npos) << heads_[0];
  EXPECT_EQ(bodies_[0], "some body");
  ASSERT_TRUE(test::eventually(
      [&] { return sum([](const Counters& c) -> const Cell& { return c.mirrored; }) == 1; }));
}

TEST_F(Mirror, GetsABodyThatComesInPieces) {
  start();
  serve_mirrored({copies_.port()});
  auto socket = connect();
  socket.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  socket.send("2\r\nde\r\n");
  socket.send("0\r\n\r\n");
  EXPECT_EQ(test::receive_response(socket).status, 200);
  ASSERT_TRUE(test::eventually([&] { return copied() == 1; }));
  EXPECT_EQ(bodies_[0], "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
}

TEST_F(Mirror, GetsNoBodyWhereItIsNotToHaveOne) {
  policy_.with_body = false;
  start();
  serve_mirrored({copies_.port()});
  EXPECT_EQ(post("some body").status, 200);
  ASSERT_TRUE(test::eventually([&] { return copied() == 1; }));
  EXPECT_EQ(heads_[0].find("Content-Length"), std::string::npos) << heads_[0];
}

TEST_F(Mirror, IsLeftOutWhereTheBodyIsTooLarge) {
  start();
  serve_mirrored({copies_.port()});
  EXPECT_EQ(post(std::string(MirrorCopy::kMostBody + 1, 'x')).status, 200);
  ASSERT_TRUE(test::eventually([&] { return left_out() == 1; }));
  EXPECT_EQ(post(std::string(MirrorCopy::kMostBody, 'x')).status, 200);
  ASSERT_TRUE(test::eventually([&] { return copied() == 1; }));
}

TEST_F(Mirror, ThatIsDeadOrSilentHoldsNobodyUp) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  start();
  for (const auto& ports : {std::vector<std::uint16_t>{test::unused_port()}, {silent.port()}, {}}) {
    serve_mirrored(ports);
    EXPECT_EQ(post("body").status, 200);
  }
  ASSERT_TRUE(test::eventually([&] { return failed() == 1 && left_out() == 1; }));
}

TEST_F(Mirror, HasNoMoreCopiesUnderWayThanItMay) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  start();
  serve_mirrored({silent.port()});
  for (std::size_t i = 0; i < MirrorCopy::kMostUnderWay + 3; ++i) EXPECT_EQ(get().status, 200);
  EXPECT_EQ(left_out(), 3U);
}

}  // namespace
}  // namespace weir::proxy
