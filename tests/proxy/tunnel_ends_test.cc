#include <atomic>
#include <map>

#include "proxy/proxy_fixture.h"
#include "support/websocket_peer.h"

// How weir ends tunnels (docs/tunnels.md). PainNN: the number of the pain there.

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using test::Backend;
using test::Frame;
using test::Socket;
using test::WebSocketPeer;
using Role = WebSocketPeer::Role;
using Then = table::TunnelPolicy::Then;

class TunnelEnds : public ProxyTest {
 protected:
  /// What a backend's end of one WebSocket has seen, when it is over.
  struct Seen {
    int closes = 0;
    std::uint16_t code = 0;
    std::string reason;
    std::vector<std::string> violations;
    WebSocketPeer::End end = WebSocketPeer::End::None;
    int pongs = 0;
  };
  static Seen seen_by(const WebSocketPeer& peer) {
    return {peer.closes(),     peer.close_code(), peer.close_reason(),
            peer.violations(), peer.end(),        peer.pongs()};
  }
  /// Echoes, answers a Close, and then waits for the end.
  Backend::Script echo() {
    return [this](Socket& socket) {
      WebSocketPeer peer(socket, Role::Server);
      if (!peer.accept()) return;
      peer.echo();
      peer.receive_to_end();
      const std::lock_guard lock(mutex_);
      seen_.push_back(seen_by(peer));
    };
  }
  Seen wait_for_backend() {
    EXPECT_TRUE(test::eventually([this] {
      const std::lock_guard lock(mutex_);
      return !seen_.empty();
    }));
    const std::lock_guard lock(mutex_);
    return seen_.empty() ? Seen{} : seen_.back();
  }
  /// The client gets this Close, answers it, and sees an orderly end.
  static void expect_close(WebSocketPeer& client, std::uint16_t code, const std::string& reason) {
    const auto frame = client.receive_frame();
    ASSERT_TRUE(frame.has_value()) << "the end came without a Close";
    EXPECT_EQ(frame->opcode, Frame::kClose);
    EXPECT_EQ(client.close_code(), code);
    EXPECT_EQ(client.close_reason(), reason);
    client.send_close(code);
    EXPECT_TRUE(client.receive_to_end().empty());
    EXPECT_EQ(client.end(), WebSocketPeer::End::Fin);
    EXPECT_TRUE(client.violations().empty()) << client.violations().front();
  }
  static void expect_echo(WebSocketPeer& client, const std::string& text = "hello") {
    client.send_text(text);
    EXPECT_EQ(client.receive_message(), text);
  }
  std::uint64_t count(Cell TunnelCounters::*cell) const {
    return sum_tunnels([cell](const TunnelCounters& c) -> const Cell& { return c.*cell; });
  }
  void expect_ended(TunnelEnd why, std::uint64_t count = 1) {
    EXPECT_TRUE(test::eventually([&] { return tunnels_ended(why) == count; }))
        << reason_of(why) << ": " << tunnels_ended(why);
  }
  /// As `serve_tunnels`, without a backend's change.
  void change_host(const std::string& name, const std::string& backend,
                   const table::TunnelPolicy& policy = {}) {
    Delta delta;
    delta.hosts = {tunnel_host(name, backend, policy)};
    adopt(std::move(delta));
  }
  void change_endpoint(std::uint16_t port, table::Endpoint::State state) {
    auto changed = std::make_shared<table::Backend>(*backend("app", {port}));
    changed->endpoints.front().state = state;
    Delta delta;
    delta.backends = {changed};
    adopt(std::move(delta));
  }
  /// Ends come at once.
  static table::TunnelPolicy at_once() {
    table::TunnelPolicy policy;
    policy.drain_window_ms = 0;
    return policy;
  }

  std::mutex mutex_;
  std::vector<Seen> seen_;
};

TEST_F(TunnelEnds, Pain03_ADrainEndsWithACloseFrameToBothSides) {
  Backend app(echo());
  start();
  serve({app.port()});
  for (const bool tls : {false, true}) {
    auto socket = tls ? connect_tls() : connect();
    WebSocketPeer client(socket, Role::Client);
    ASSERT_TRUE(client.open("a"));
    expect_echo(client);
    plane_->drain_tunnels(milliseconds(0));
    expect_close(client, 1001, "the proxy is going away");
    const auto backend = wait_for_backend();
    EXPECT_EQ(backend.closes, 1);
    EXPECT_EQ(backend.code, 1001);
    EXPECT_EQ(backend.reason, "the proxy is going away");
    EXPECT_TRUE(backend.violations.empty());
    EXPECT_EQ(backend.end, WebSocketPeer::End::Fin);
    expect_ended(TunnelEnd::Drain, tls ? 2 : 1);
    const std::lock_guard lock(mutex_);
    seen_.clear();
  }
  EXPECT_EQ(count(&TunnelCounters::ended_clean), 2U);
  EXPECT_EQ(count(&TunnelCounters::ended_forced), 0U);
  EXPECT_EQ(open_tunnels(), 0U);
  EXPECT_EQ(plane_->open_connections(), 0U);
}

TEST_F(TunnelEnds, Pain03_TheCloseWaitsForTheFrameUnderWay) {
  std::promise<Seen> seen;
  Backend app([&](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    ASSERT_TRUE(peer.accept());
    std::string rest;
    peer.send_half({Frame::kBinary, std::string(1'000'000, 'x')}, 400'000, &rest);
    // The Close comes at once, for the client is between two frames.
    const auto close = peer.receive_frame();
    EXPECT_TRUE(close && close->opcode == Frame::kClose);
    peer.send_raw(rest);
    peer.send_text("too late");
    peer.send_close(1001);
    peer.receive_to_end();
    seen.set_value(seen_by(peer));
  });
  start();
  serve({app.port()});
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  std::string first;
  ASSERT_TRUE(test::eventually([&] {
    return sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.from[1].bytes; }) > 0;
  }));
  plane_->drain_tunnels(milliseconds(0));
  const auto message = client.receive_message();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->size(), 1'000'000U);
  expect_close(client, 1001, "the proxy is going away");
  const auto backend = seen.get_future().get();
  EXPECT_EQ(backend.closes, 1);
  EXPECT_TRUE(backend.violations.empty());
  EXPECT_EQ(backend.end, WebSocketPeer::End::Fin);
  expect_ended(TunnelEnd::Drain);
  EXPECT_EQ(count(&TunnelCounters::close_unaligned), 0U);
}

TEST_F(TunnelEnds, Pain03_AMessageInFragmentsIsCutBetweenTwo) {
  std::promise<Seen> seen;
  std::atomic<bool> stop = false;
  Backend app([&](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    ASSERT_TRUE(peer.accept());
    peer.send({Frame::kText, std::string(300, 'a'), false});
    while (!stop) {
      peer.send_ping("between");
      peer.send({Frame::kContinuation, std::string(3'000, 'b'), false});
    }
    while (peer.closes() == 0 && peer.receive_frame()) {
    }
    peer.send_close(1001);
    peer.receive_to_end();
    seen.set_value(seen_by(peer));
  });
  start();
  serve({app.port()});
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  ASSERT_TRUE(client.receive_frame().has_value());
  plane_->drain_tunnels(milliseconds(0));
  while (client.closes() == 0) {
    const auto frame = client.receive_frame();
    ASSERT_TRUE(frame.has_value()) << "the end came without a Close";
  }
  stop = true;
  EXPECT_EQ(client.close_code(), 1001);
  client.send_close(1001);
  EXPECT_TRUE(client.receive_to_end().empty());
  EXPECT_TRUE(client.violations().empty()) << client.violations().front();
  EXPECT_TRUE(seen.get_future().get().violations.empty());
  expect_ended(TunnelEnd::Drain);
}

TEST_F(TunnelEnds, Pain03_AFrameThatDoesNotEndMeansAnEndWithoutAClose) {
  Backend app([](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    ASSERT_TRUE(peer.accept());
    peer.send_half({Frame::kBinary, std::string(1'000, 'x')}, 400);
    peer.receive_to_end();
  });
  start();
  table::TunnelPolicy policy;
  policy.close_timeout_ms = 100;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  EXPECT_EQ(socket.receive_exactly(400).size(), 400U);
  plane_->drain_tunnels(milliseconds(0));
  EXPECT_EQ(socket.receive_all(), "");
  expect_ended(TunnelEnd::Drain);
  EXPECT_EQ(count(&TunnelCounters::close_unaligned), 1U);
  EXPECT_EQ(count(&TunnelCounters::ended_forced), 1U);
}

TEST_F(TunnelEnds, Pain03_APeersOwnCloseIsNotFollowedByASecond) {
  std::promise<Seen> seen;
  std::promise<void> got_close;
  Backend app([&](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    ASSERT_TRUE(peer.accept());
    EXPECT_TRUE(peer.receive_frame().has_value());
    got_close.set_value();
    // It does not answer: the client's Close is all that it ever sees.
    peer.receive_to_end();
    seen.set_value(seen_by(peer));
  });
  start();
  table::TunnelPolicy policy;
  policy.close_timeout_ms = 300;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  client.send_close(1000, "done");
  got_close.get_future().wait();
  plane_->drain_tunnels(milliseconds(0));
  const auto answer = client.receive_frame();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->opcode, Frame::kClose);
  EXPECT_TRUE(client.receive_to_end().empty());
  const auto backend = seen.get_future().get();
  EXPECT_EQ(backend.closes, 1);
  EXPECT_EQ(backend.code, 1000);
  EXPECT_EQ(backend.reason, "done");
  expect_ended(TunnelEnd::Drain);
}

TEST_F(TunnelEnds, WhatIsNoWebSocketEndsWithAFin) {
  Backend app([](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    ASSERT_TRUE(peer.accept());
    socket.send("not a frame at all");
    socket.receive_all();
  });
  start();
  serve({app.port()});
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  EXPECT_EQ(socket.receive_exactly(18), "not a frame at all");
  plane_->drain_tunnels(milliseconds(0));
  EXPECT_EQ(socket.receive_all(), "");
  EXPECT_FALSE(socket.was_reset());
  socket.close();
  expect_ended(TunnelEnd::Drain);
  EXPECT_EQ(count(&TunnelCounters::unwatched), 1U);
}

TEST_F(TunnelEnds, Pain01_OnlyTheTunnelsOfARouteThatIsGoneEnd) {
  Backend app(echo());
  start();
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {tunnel_host("a", "app", at_once()), tunnel_host("b", "app", at_once())};
  adopt(std::move(delta));
  auto first = connect();
  auto second = connect();
  WebSocketPeer a(first, Role::Client);
  WebSocketPeer b(second, Role::Client);
  ASSERT_TRUE(a.open("a"));
  ASSERT_TRUE(b.open("b"));
  Delta removal;
  removal.removed_hosts = {"a"};
  adopt(std::move(removal));
  expect_close(a, 1001, "the route has changed");
  expect_echo(b);
  expect_ended(TunnelEnd::RouteChanged);
  EXPECT_EQ(open_tunnels(), 1U);
}

TEST_F(TunnelEnds, Pain01_ARouteToAnotherServiceEndsItsTunnels) {
  Backend app(echo());
  start();
  serve_tunnels({app.port()}, at_once());
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  change_host("", "app", at_once());  // equal: nothing
  expect_echo(client);
  change_host("", "other", at_once());
  expect_close(client, 1001, "the route has changed");
  expect_ended(TunnelEnd::RouteChanged);
}

TEST_F(TunnelEnds, Pain01_KeepLeavesThemOpen) {
  Backend app(echo());
  start();
  auto policy = at_once();
  policy.on_route_change = Then::Keep;
  policy.on_endpoint_end = Then::Keep;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  change_endpoint(app.port(), table::Endpoint::State::Draining);
  Delta removal;
  removal.removed_hosts = {""};
  removal.removed_backends = {"app"};
  adopt(std::move(removal));
  expect_echo(client);
  EXPECT_EQ(open_tunnels(), 1U);
}

TEST_F(TunnelEnds, Pain01_ARouteThatIsBackInTimeKeepsItsTunnels) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.drain_window_ms = 3'600'000;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  Delta removal;
  removal.removed_hosts = {""};
  adopt(std::move(removal));
  // Back, and at once at that: were the end still planned, it would be due.
  policy.drain_window_ms = 0;
  change_host("", "app", policy);
  expect_echo(client);
  EXPECT_EQ(open_tunnels(), 1U);
}

TEST_F(TunnelEnds, Pain09_ATerminatingEndpointHandsItsTunnelsOver) {
  Backend app(echo());
  start();
  auto policy = at_once();
  policy.close_code = 1012;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  change_endpoint(app.port(), table::Endpoint::State::Unready);
  expect_echo(client, "not ready is not gone");
  change_endpoint(app.port(), table::Endpoint::State::Draining);
  expect_close(client, 1012, "the server is going away");
  expect_ended(TunnelEnd::EndpointTerminating);
}

TEST_F(TunnelEnds, Pain09_AnEndpointThatIsGoneHasItsOwnWordFirst) {
  std::promise<void> gone;
  auto is_gone = gone.get_future().share();
  Backend app([&](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (!peer.accept()) return;
    is_gone.wait();
    peer.send_close(4000, "my own");
    peer.receive_to_end();
  });
  Backend mute([](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (peer.accept()) peer.receive_to_end();
  });
  start();
  auto policy = at_once();
  policy.close_timeout_ms = 200;
  for (auto* backend : {&app, &mute}) {
    serve_tunnels({backend->port()}, policy);
    auto socket = connect();
    WebSocketPeer client(socket, Role::Client);
    ASSERT_TRUE(client.open("a"));
    Delta delta;
    delta.backends = {this->backend("app", {})};
    adopt(std::move(delta));
    if (backend == &app) {
      gone.set_value();
      expect_close(client, 4000, "my own");
    } else {
      expect_close(client, 1001, "the server is going away");
      expect_ended(TunnelEnd::EndpointGone);
    }
  }
}

TEST_F(TunnelEnds, Pain05_AnIdleTunnelEndsWithItsConfiguredWords) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.idle_timeout_ms = 200;
  policy.close_code = 4100;
  policy.close_reason = "bye";
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  expect_close(client, 4100, "bye");
  expect_ended(TunnelEnd::IdleTimeout);
}

TEST_F(TunnelEnds, ATunnelLastsNoLongerThanItMay) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.max_duration_ms = 200;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  expect_close(client, 1001, "open for its longest time");
  expect_ended(TunnelEnd::MaxDuration);
}

TEST_F(TunnelEnds, APolicyThatChangesHoldsForOpenTunnels) {
  Backend app(echo());
  start();
  serve({app.port()});
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  table::TunnelPolicy policy;
  policy.idle_timeout_ms = 200;
  change_host("", "app", policy);
  expect_close(client, 1001, "idle");
  expect_ended(TunnelEnd::IdleTimeout);
}

TEST_F(TunnelEnds, Pain24_ASideThatHasEndedIsWaitedForOnlySoLong) {
  start();
  table::TunnelPolicy policy;
  policy.half_closed_timeout_ms = 200;
  policy.close_timeout_ms = 100;
  std::promise<void> held;
  Backend holder([&](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (!peer.accept()) return;
    held.get_future().wait();
  });
  serve_tunnels({holder.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  socket.shutdown_write();
  const auto close = client.receive_frame();
  ASSERT_TRUE(close.has_value());
  EXPECT_EQ(client.close_reason(), "the other side is gone");
  expect_ended(TunnelEnd::HalfClosed);
  held.set_value();
}

TEST_F(TunnelEnds, Pain07_PingsKeepASilentTunnelAndTheirPongsStayWithWeir) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.ping_interval_ms = 100;
  policy.ping_misses = 100;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  std::string tag;
  for (int i = 0; i < 3; ++i) {
    const auto ping = client.receive_frame();
    ASSERT_TRUE(ping.has_value());
    ASSERT_EQ(ping->opcode, Frame::kPing);
    ASSERT_EQ(ping->payload.size(), 8U);
    tag = ping->payload;
    // In two halves, with a Pong of the client's own right behind: that one passes.
    std::string rest;
    client.send_half({Frame::kPong, tag}, 5, &rest);
    client.send_raw(rest + client.bytes_to_send({Frame::kPong, "my own"}));
  }
  client.send_text("still here");
  for (;;) {
    const auto frame = client.receive_frame();
    ASSERT_TRUE(frame.has_value());
    if (frame->opcode == Frame::kPing) continue;
    EXPECT_EQ(frame->payload, "still here");
    break;
  }
  client.send_close(1000);
  while (client.closes() == 0 && client.receive_frame()) {
  }
  socket.shutdown_write();
  const auto backend = wait_for_backend();
  EXPECT_EQ(backend.pongs, 3) << "only the client's own";
  EXPECT_GE(sum_times(&TunnelCounters::pings), 3U);
  EXPECT_TRUE(backend.violations.empty());
  EXPECT_EQ(backend.code, 1000);
}

TEST_F(TunnelEnds, Pain06_APeerThatAnswersNoPingIsDead) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.ping_interval_ms = 100;
  policy.close_timeout_ms = 100;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  const auto backend = wait_for_backend();  // the client reads nothing, says nothing
  EXPECT_EQ(backend.code, 1001);
  EXPECT_EQ(backend.reason, "the other side does not answer");
  EXPECT_TRUE(backend.violations.empty());
  expect_ended(TunnelEnd::PingTimeout);
}

TEST_F(TunnelEnds, Pain44_ATooLargeFrameIsRefusedAtItsHeader) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.max_frame_bytes = 1'000;
  serve_tunnels({app.port()}, policy);
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("a"));
  expect_echo(client, std::string(1'000, 'x'));
  // The header alone, in two pieces, the first with a whole frame in front.
  std::string payload;
  payload.resize(10'000'000);
  const auto large = client.bytes_to_send({Frame::kBinary, payload});
  client.send_raw(client.bytes_to_send({Frame::kText, "fits"}) + large.substr(0, 3));
  EXPECT_EQ(client.receive_message(), "fits");
  client.send_raw(large.substr(3, 11));
  const auto close = client.receive_frame();
  ASSERT_TRUE(close.has_value());
  EXPECT_EQ(close->opcode, Frame::kClose);
  EXPECT_EQ(client.close_code(), 1009);
  const auto backend = wait_for_backend();
  EXPECT_EQ(backend.closes, 1);
  EXPECT_EQ(backend.code, 1001);
  EXPECT_TRUE(backend.violations.empty());
  socket.close();
  expect_ended(TunnelEnd::FrameTooLarge);
}

}  // namespace
}  // namespace weir::proxy
