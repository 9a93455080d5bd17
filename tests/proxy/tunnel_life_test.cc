#include <atomic>
#include <random>
#include <thread>

#include "proxy/proxy_fixture.h"
#include "support/test_ca.h"
#include "support/tls_peer.h"
#include "support/websocket_peer.h"

// What tunnels live through (docs/tunnels.md). PainNN: the number of the pain there.

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using test::Backend;
using test::Frame;
using test::Socket;
using test::WebSocketPeer;
using Role = WebSocketPeer::Role;
using State = table::Endpoint::State;

class TunnelLife : public ProxyTest {
 protected:
  static Backend::Script echo() {
    return [](Socket& socket) { test::websocket_echo(socket); };
  }
  static bool carries(Socket& client, const std::string& message = "hello") {
    client.send(message);
    return client.receive_exactly(message.size()) == message;
  }
  static Delta::NamedCertificate certificate(const test::PemPair& pair) {
    auto parsed = ServerCertificate::parse({"cert", pair.certificate, pair.key, ""});
    EXPECT_TRUE(parsed) << parsed.error().detail;
    return {"cert", *parsed};
  }
  static std::shared_ptr<const table::Host> secure_host(const std::string& name,
                                                        const table::TunnelPolicy& policy = {}) {
    auto made = std::make_shared<table::Host>(*tunnel_host(name, "app", policy));
    made->certificates = {"cert"};
    return made;
  }
  static table::TunnelPolicy at_once() {
    table::TunnelPolicy policy;
    policy.drain_window_ms = 0;
    return policy;
  }
  static void expect_close(Socket& socket, const std::string& reason) {
    WebSocketPeer client(socket, Role::Client);
    const auto frame = client.receive_frame();
    ASSERT_TRUE(frame.has_value()) << "the end came without a Close";
    EXPECT_EQ(frame->opcode, Frame::kClose);
    EXPECT_EQ(client.close_reason(), reason);
  }
};

TEST_F(TunnelLife, Pain01_NothingThatOthersChangeEndsATunnelOrLosesAByte) {
  const test::TestCa ca;
  const auto first = ca.issue("DNS:a");
  const auto second = ca.issue("DNS:a");
  Backend app(echo());
  Backend more(echo());
  Options options;
  options.threads = 2;
  start(options);
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.certificates = {certificate(first)};
  delta.hosts = {secure_host("a"), secure_host("b")};
  adopt(std::move(delta));
  // Each sends and receives on without a pause, in a thread of its own.
  constexpr int kTunnels = 16;
  std::atomic<bool> stop = false;
  std::atomic<int> lost = 0;
  std::atomic<std::uint64_t> echoes = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < kTunnels; ++i) {
    auto socket = i % 2 == 0 ? connect() : connect_tls("a");
    ASSERT_TRUE(test::open_websocket(socket, i % 4 < 2 ? "a" : "b"));
    clients.emplace_back([&, i, client = std::move(socket)]() mutable {
      for (int n = 0; !stop; ++n, ++echoes) {
        if (carries(client, std::to_string(i) + " says " + std::to_string(n))) continue;
        ++lost;
        return;
      }
    });
  }
  std::mt19937 random(1);
  table::TunnelPolicy policy;
  for (int i = 0; i < 300; ++i) {
    Delta change;
    const auto other = "other-" + std::to_string(random() % 7);
    switch (i % 6) {
      case 0:
        change.hosts = {host(other, "app")};
        break;
      case 1:
        change.removed_hosts = {other};
        break;
      case 2:
        change.certificates = {certificate(i % 4 == 0 ? first : second)};
        break;
      case 3:
        // An endpoint more or less, but never the one that they are at.
        change.backends = {backend("app", i % 4 == 1
                                              ? std::vector{app.port()}
                                              : std::vector{std::min(app.port(), more.port()),
                                                            std::max(app.port(), more.port())})};
        break;
      case 4:
        // Their own route, in all that does not end them.
        policy.idle_timeout_ms = 60'000 + static_cast<std::uint32_t>(i);
        policy.close_code = static_cast<std::uint16_t>(4'000 + i);
        policy.limit = i % 4 == 0 ? 1 : 0;
        policy.ping_interval_ms = 3'600'000;
        policy.max_frame_bytes = i % 4 == 0 ? 100'000 : 0;
        policy.opens_per_second = 1;
        change.hosts = {secure_host("a", policy), secure_host("b", policy)};
        break;
      default:
        // What is equal to what is there.
        change.hosts = {secure_host("a", policy), secure_host("b", policy)};
        change.certificates = {certificate(first)};
    }
    adopt(std::move(change));
  }
  const auto so_far = echoes.load();
  EXPECT_TRUE(test::eventually([&] { return echoes > so_far + kTunnels || lost > 0; }));
  stop = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(lost, 0);
  for (int end = static_cast<int>(TunnelEnd::IdleTimeout); end < static_cast<int>(TunnelEnd::Count);
       ++end) {
    EXPECT_EQ(tunnels_ended(static_cast<TunnelEnd>(end)), 0U)
        << reason_of(static_cast<TunnelEnd>(end));
  }
}

TEST_F(TunnelLife, Pain01_AHandshakeUnderWayWhenItsRouteGoesEndsWithIt) {
  std::promise<void> asked;
  std::promise<void> go;
  Backend app([&, may_go = go.get_future().share()](Socket& socket) {
    test::receive_head(socket);
    asked.set_value();
    may_go.wait();
    socket.send(test::kSwitchingProtocols);
    socket.receive_all();
  });
  start();
  serve_tunnels({app.port()}, at_once());
  auto client = connect();
  client.send(test::websocket_handshake("a"));
  asked.get_future().wait();
  Delta removal;
  removal.removed_hosts = {""};
  adopt(std::move(removal));
  go.set_value();
  ASSERT_EQ(test::receive_response(client).status, 101);
  expect_close(client, "the route has changed");
}

TEST_F(TunnelLife, Pain09_AHandshakeUnderWayWhenItsEndpointTerminatesEndsWithIt) {
  std::promise<void> asked;
  std::promise<void> go;
  Backend app([&, may_go = go.get_future().share()](Socket& socket) {
    test::receive_head(socket);
    asked.set_value();
    may_go.wait();
    socket.send(test::kSwitchingProtocols);
    socket.receive_all();
  });
  start();
  serve_tunnels({app.port()}, at_once());
  auto client = connect();
  client.send(test::websocket_handshake("a"));
  asked.get_future().wait();
  auto terminating = std::make_shared<table::Backend>(*backend("app", {app.port()}));
  terminating->endpoints.front().state = State::Draining;
  Delta delta;
  delta.backends = {terminating};
  adopt(std::move(delta));
  go.set_value();
  ASSERT_EQ(test::receive_response(client).status, 101);
  expect_close(client, "the server is going away");
}

TEST_F(TunnelLife, Pain42_AHandshakeUnderWayWhenTheDrainBeginsEndsWithIt) {
  std::promise<void> asked;
  std::promise<void> go;
  Backend app([&, may_go = go.get_future().share()](Socket& socket) {
    test::receive_head(socket);
    asked.set_value();
    may_go.wait();
    socket.send(test::kSwitchingProtocols);
    socket.receive_all();
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send(test::websocket_handshake("a"));
  asked.get_future().wait();
  plane_->stop_accepting();
  plane_->drain_tunnels(milliseconds(0));
  go.set_value();
  ASSERT_EQ(test::receive_response(client).status, 101);
  expect_close(client, "the proxy is going away");
}

TEST_F(TunnelLife, Pain42_ADrainTakesNoNewTunnels) {
  Backend app(echo());
  start();
  serve({app.port()});
  // Half of a handshake keeps its connection open beyond the drain's beginning.
  const auto handshake = test::websocket_handshake("a");
  auto client = connect();
  client.send(handshake.substr(0, 20));
  ASSERT_TRUE(test::eventually(
      [&] { return sum([](const Counters& c) -> const Cell& { return c.bytes_held; }) > 0; }));
  plane_->stop_accepting();
  ASSERT_TRUE(test::eventually([&] { return !connect().is_open(); }));
  client.send(handshake.substr(20));
  EXPECT_EQ(test::receive_response(client).status, 503);
  EXPECT_EQ(answers(AnswerReason::Draining), 1U);
  EXPECT_EQ(app.accepted(), 0);
}

TEST_F(TunnelLife, Pain42_WhoAnswersNothingIsCutAtTheHardEnd) {
  Backend app([](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (peer.accept()) peer.receive_to_end();
  });
  start();
  table::TunnelPolicy policy;
  policy.close_timeout_ms = 3'600'000;
  serve_tunnels({app.port()}, policy);
  std::vector<Socket> mute;
  for (int i = 0; i < 20; ++i) {
    mute.push_back(connect());
    ASSERT_TRUE(test::open_websocket(mute.back(), "a"));
  }
  plane_->stop_accepting();
  plane_->drain_tunnels(milliseconds(0));
  for (auto& client : mute) {
    EXPECT_EQ(client.receive_exactly(4).substr(0, 1), "\x88") << "each is told";
  }
  EXPECT_EQ(open_tunnels(), 20U) << "none has answered";
  plane_->close_all();
  for (auto& client : mute) client.receive_all();
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::Drain) == 20; }));
  EXPECT_EQ(plane_->open_connections(), 0U);
}

TEST_F(TunnelLife, Pain05_NoTimerOfHttpEndsATunnel) {
  std::promise<void> over;
  Backend app([done = over.get_future().share()](Socket& socket) {
    if (test::receive_head(socket).find("\r\nUpgrade:") == std::string::npos) return done.wait();
    socket.send(test::kSwitchingProtocols);
    for (auto bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
      socket.send(bytes);
    }
  });
  Options options;
  auto& times = options.timeouts;
  for (auto* time : {&times.head, &times.body, &times.body_grace, &times.send, &times.keep_alive,
                     &times.upstream_idle, &times.upstream_lifetime}) {
    *time = milliseconds(200);
  }
  start(options);
  table::RequestPolicy policy;
  policy.connect_timeout_ms = policy.send_timeout_ms = policy.read_timeout_ms = 200;
  serve_requests({app.port()}, policy);
  auto tunnel = connect();
  ASSERT_TRUE(test::open_websocket(tunnel, "a"));
  // Requests that begin later all run out of time meanwhile.
  for (int i = 0; i < 3; ++i) {
    auto idle = connect();
    EXPECT_EQ(idle.receive_all(), "");
    EXPECT_EQ(get().status, 504);
  }
  EXPECT_TRUE(carries(tunnel));
  over.set_value();
}

TEST_F(TunnelLife, Pain24_AfterTheClientsFinAllThatTheBackendHasStillArrives) {
  const std::string piece(64 * 1024, 'x');
  constexpr int kPieces = 160;
  std::promise<void> fin;
  Backend app([&](Socket& socket) {
    test::receive_head(socket);
    socket.send(test::kSwitchingProtocols);
    EXPECT_EQ(socket.receive_all(), "that is all");
    for (int i = 0; i < kPieces; ++i) socket.send(piece);
  });
  start();
  for (const bool tls : {false, true}) {
    serve({app.port()});
    auto client = tls ? connect_tls() : connect();
    ASSERT_TRUE(test::open_websocket(client, "a"));
    client.send("that is all");
    client.shutdown_write();
    EXPECT_EQ(client.receive_all().size(), kPieces * piece.size());
    EXPECT_FALSE(client.was_reset());
  }
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::ClientClosed) == 2; }));
}

TEST_F(TunnelLife, Pain24_AfterTheBackendsFinTheClientMayStillSpeak) {
  std::promise<std::string> rest;
  Backend app([&](Socket& socket) {
    test::receive_head(socket);
    socket.send(test::kSwitchingProtocols);
    socket.shutdown_write();
    rest.set_value(socket.receive_all());
  });
  start();
  serve({app.port()});
  auto client = connect();
  ASSERT_TRUE(test::open_websocket(client, "a"));
  EXPECT_TRUE(client.at_end());
  const std::string large(3'000'000, 'x');
  client.send(large);
  client.shutdown_write();
  EXPECT_EQ(rest.get_future().get(), large);
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::BackendClosed) == 1; }));
}

TEST_F(TunnelLife, Pain46_ANewCertificateIsForNewHandshakesOnly) {
  const test::TestCa old_ca;
  const test::TestCa new_ca;
  Backend app(echo());
  start();
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.certificates = {certificate(old_ca.issue("DNS:a"))};
  delta.hosts = {secure_host("a")};
  adopt(std::move(delta));
  test::TlsOptions trusts_old;
  trusts_old.ca = old_ca.certificate();
  test::TlsOptions trusts_new;
  trusts_new.ca = new_ca.certificate();
  test::TlsClient old_client(trusts_old);
  test::TlsClient new_client(trusts_new);
  auto tunnel = old_client.connect(https_port_, "a");
  ASSERT_TRUE(test::open_websocket(tunnel, "a")) << old_client.reason();
  Delta renewal;
  renewal.certificates = {certificate(new_ca.issue("DNS:a"))};
  adopt(std::move(renewal));
  EXPECT_TRUE(carries(tunnel));
  EXPECT_FALSE(old_client.connect(https_port_, "a").is_open());
  auto fresh = new_client.connect(https_port_, "a");
  ASSERT_TRUE(test::open_websocket(fresh, "a")) << new_client.reason();
  EXPECT_TRUE(carries(fresh));
  EXPECT_TRUE(carries(tunnel));
}

}  // namespace
}  // namespace weir::proxy
