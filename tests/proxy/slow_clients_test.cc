#include <poll.h>

#include "proxy/body_rate.h"
#include "proxy/proxy_fixture.h"
#include "proxy/reader_rate.h"

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using test::Backend;
using test::receive_head;
using test::receive_response;
using test::Socket;

TEST(BodyRate, TheAverageCountsOnceTheGraceIsOver) {
  BodyRate::TimePoint now{};
  BodyRate rate(100, milliseconds(1'000));
  const milliseconds usual(60'000);
  EXPECT_EQ(rate.limit(usual, now), usual) << "nobody waits";
  rate.wait(now);
  EXPECT_EQ(rate.limit(usual, now), milliseconds(1'000));
  now += milliseconds(400);
  EXPECT_EQ(rate.limit(usual, now), milliseconds(600));
  rate.came(50, now);  // worth half a second
  rate.wait(now);
  EXPECT_EQ(rate.limit(usual, now), milliseconds(1'100));
  now += milliseconds(5'000);
  EXPECT_EQ(rate.limit(usual, now), milliseconds(1)) << "it is over";
}

TEST(BodyRate, TimeOfTheBackendIsNotCounted) {
  BodyRate::TimePoint now{};
  BodyRate rate(100, milliseconds(1'000));
  rate.wait(now);
  rate.came(1, now);
  now += milliseconds(50'000);
  rate.wait(now);
  EXPECT_EQ(rate.limit(milliseconds(60'000), now), milliseconds(1'010));
}

TEST(BodyRate, FastBodiesHaveTheUsualPatience) {
  BodyRate::TimePoint now{};
  BodyRate rate(1, milliseconds(1));
  rate.came(~std::uint64_t{0}, now);
  rate.wait(now);
  EXPECT_EQ(rate.limit(milliseconds(60'000), now), milliseconds(60'000));
  BodyRate off(0, milliseconds(1));
  off.wait(now);
  EXPECT_EQ(off.limit(milliseconds(60'000), now + milliseconds(999'999)), milliseconds(60'000));
}

TEST(ReaderRate, WhatTheClientAcknowledgesCountsAndNotWhatTheKernelTakes) {
  ReaderRate::TimePoint now{};
  ReaderRate rate(100, milliseconds(1'000));
  const milliseconds send(60'000);
  rate.wait(5'000, now);
  EXPECT_EQ(rate.limit(send, now), milliseconds(1'000)) << "what came before is no credit";
  now += milliseconds(1'000);
  EXPECT_FALSE(rate.is_too_slow(5'050, now)) << "worth half a second";
  EXPECT_EQ(rate.limit(send, now), milliseconds(500));
  now += milliseconds(500);
  EXPECT_TRUE(rate.is_too_slow(5'050, now));
}

TEST(ReaderRate, TimeInWhichNothingWaitsIsNotCounted) {
  ReaderRate::TimePoint now{};
  ReaderRate rate(100, milliseconds(1'000));
  rate.wait(0, now);
  now += milliseconds(900);
  rate.caught_up(0, now);
  now += milliseconds(50'000);
  rate.wait(1'000'000, now);
  EXPECT_EQ(rate.limit(milliseconds(60'000), now), milliseconds(100));
}

TEST(ReaderRate, TheTimeBetweenTwoWritesHoldsAllTheSame) {
  ReaderRate::TimePoint now{};
  ReaderRate rate(1, milliseconds(30'000));
  const milliseconds send(2'000);
  rate.wait(0, now);
  now += milliseconds(1'500);
  EXPECT_EQ(rate.limit(send, now), milliseconds(500));
  rate.took(now);
  EXPECT_EQ(rate.limit(send, now), send);
  now += send;
  EXPECT_FALSE(rate.has_time(send, now));
}

class SlowClients : public ProxyTest {
 protected:
  /// A byte now and a byte then, until the other side says something or ends. False: it never did.
  static bool drip(Socket& socket, char byte) {
    for (int i = 0; i < 30'000; ++i) {
      pollfd heard{socket.fd(), POLLIN, 0};
      if (::poll(&heard, 1, /*ms=*/2) > 0) return true;
      if (!socket.send({&byte, 1})) return true;
    }
    return false;
  }
  std::uint64_t count(Cell Counters::*cell) const {
    return sum([cell](const Counters& c) -> const Cell& { return c.*cell; });
  }
  static Options short_for(milliseconds Timeouts::*time) {
    Options options;
    options.timeouts.*time = milliseconds(200);
    options.limits.head_bytes = 1024 * 1024;
    return options;
  }
};

TEST_F(SlowClients, ADrippingHeadEndsByItsTotalTime) {
  Backend app(test::always("hi"));
  start(short_for(&Timeouts::head));
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  ASSERT_TRUE(drip(client, 'x'));
  EXPECT_EQ(receive_response(client).status, 408);
  EXPECT_EQ(answers(AnswerReason::HeadTimeout), 1U);
  EXPECT_EQ(app.accepted(), 0);
}

TEST_F(SlowClients, ADrippingBodyEndsByItsRate) {
  Backend app([](Socket& socket) { socket.receive_all(); });
  auto options = short_for(&Timeouts::body_grace);
  options.limits.body_bytes_per_second = 1'000'000;
  start(options);
  serve({app.port()});
  auto client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  ASSERT_TRUE(drip(client, 'x'));
  EXPECT_EQ(receive_response(client).status, 408);
  EXPECT_EQ(answers(AnswerReason::BodyTimeout), 1U);
}

TEST_F(SlowClients, ADrippingBodyBehindTheResponsesHeadEndsTheConnection) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    socket.receive_all();
  });
  auto options = short_for(&Timeouts::body_grace);
  options.limits.body_bytes_per_second = 1'000'000;
  start(options);
  serve({app.port()});
  auto client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  receive_head(client);
  ASSERT_TRUE(drip(client, 'x'));
  client.receive_all();
  EXPECT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 0; }));
  EXPECT_EQ(count(&Counters::requests_aborted), 1U);
}

TEST_F(SlowClients, AReaderThatDoesNotReadIsCutOff) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const std::string piece(1024 * 1024, 'x');
    for (int i = 0; i < 95 && socket.send(piece); ++i) {
    }
  });
  start(short_for(&Timeouts::send));
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(test::eventually([&] { return count(&Counters::requests_aborted) == 1; }));
  EXPECT_LT(client.receive_all().size(), 50'000'000U) << "the rest never left the backend";
}

TEST_F(SlowClients, AReaderThatIsTooSlowIsCutOffByTheRate) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const std::string piece(1024 * 1024, 'x');
    for (int i = 0; i < 95 && socket.send(piece); ++i) {
    }
  });
  auto options = short_for(&Timeouts::body_grace);
  options.limits.response_bytes_per_second = 1'000'000'000;
  start(options);
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(test::eventually([&] { return count(&Counters::slow_readers_cut) == 1; }));
  EXPECT_LT(client.receive_all().size(), 50'000'000U);
  EXPECT_TRUE(client.was_reset());
  EXPECT_EQ(count(&Counters::requests_aborted), 1U);
}

TEST_F(SlowClients, AReaderThatIsFastEnoughGetsAllOfIt) {
  std::string large;
  large.resize(50'000'000, 'x');
  Backend app(test::always(large));
  auto options = short_for(&Timeouts::head);
  options.limits.response_bytes_per_second = 100;
  start(options);
  serve({app.port()});
  auto client = connect();
  for (int i = 0; i < 2; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(receive_response(client).body.size(), 50'000'000U);
  }
  EXPECT_EQ(count(&Counters::slow_readers_cut), 0U);
}

TEST_F(SlowClients, ADrippingHandshakeEndsByItsTotalTime) {
  start(short_for(&Timeouts::handshake));
  serve({});
  auto client = connect_to_https();
  client.send("\x16\x03\x01\x3f\xff\x01");  // a long hello begins
  ASSERT_TRUE(drip(client, '\0'));
  client.receive_all();
  EXPECT_TRUE(test::eventually([&] { return count(&Counters::connections_open) == 0; }));
  EXPECT_EQ(count(&Counters::handshakes_failed), 1U);
  EXPECT_EQ(count(&Counters::handshakes_under_way), 0U);
}

}  // namespace
}  // namespace weir::proxy
