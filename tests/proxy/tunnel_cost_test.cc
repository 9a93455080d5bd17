#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <random>

#include "proxy/proxy_fixture.h"
#include "support/test_ca.h"
#include "support/websocket_peer.h"

// What tunnels hold and what is counted of them (docs/tunnels.md). PainNN: the number of the pain
// there.

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using test::Backend;
using test::Socket;
using test::WebSocketPeer;
using Role = WebSocketPeer::Role;

class TunnelCost : public ProxyTest {
 protected:
  static Backend::Script echo() {
    return [](Socket& socket) { test::websocket_echo(socket); };
  }
  Socket open_one(const std::string& host = "a") {
    auto client = connect();
    EXPECT_TRUE(test::open_websocket(client, host));
    return client;
  }
  static bool carries(Socket& client, const std::string& message = "hello") {
    client.send(message);
    return client.receive_exactly(message.size()) == message;
  }
  std::uint64_t opened() const {
    return sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.opened; });
  }
  std::uint64_t ended() const {
    std::uint64_t all = 0;
    for (int end = 0; end < static_cast<int>(TunnelEnd::Count); ++end) {
      all += tunnels_ended(static_cast<TunnelEnd>(end));
    }
    return all;
  }
  std::uint64_t held() const {
    return sum([](const Counters& c) -> const Cell& { return c.bytes_held; });
  }
};

TEST_F(TunnelCost, Pain15_TunnelsHoldNoTablesOfThePast) {
  Backend app(echo());
  start();
  std::vector<std::weak_ptr<const table::Host>> hosts;
  std::vector<std::weak_ptr<const table::Backend>> backends;
  std::vector<Socket> tunnels;
  constexpr int kGenerations = 300;
  for (int i = 0; i < kGenerations; ++i) {
    Delta delta;
    delta.backends = {backend("app", {app.port()}),
                      backend("other-" + std::to_string(i % 10), {app.port()})};
    // The tunnels' own host changes as well: it gets another route each time.
    auto changed = std::make_shared<table::Host>(*host("a", "app"));
    auto route = changed->routes.front();
    route.match.path = "/" + std::to_string(1'000 + i);
    changed->routes.insert(changed->routes.begin(), route);
    delta.hosts = {changed, host("other-" + std::to_string(i % 10), "app")};
    for (const auto& made : delta.hosts) hosts.push_back(made.host);
    for (const auto& made : delta.backends) backends.push_back(made);
    adopt(std::move(delta));
    if (i % 10 == 0) tunnels.push_back(open_one());
  }
  const auto alive = [](const auto& all) {
    return std::ranges::count_if(all, [](const auto& one) { return !one.expired(); });
  };
  EXPECT_EQ(alive(hosts), 11) << "those of the table of now";
  EXPECT_EQ(alive(backends), 11);
  for (auto& tunnel : tunnels) EXPECT_TRUE(carries(tunnel));
  EXPECT_EQ(open_tunnels(), tunnels.size());
}

TEST_F(TunnelCost, Pain25_ReadersThatStandStillCostWhatIsBoundedAndThenEnd) {
  constexpr std::size_t kReaders = 20;
  std::atomic<std::uint64_t> sent = 0;
  Backend pushes([&](Socket& socket) {
    test::receive_head(socket);
    socket.send(test::kSwitchingProtocols);
    const std::string piece(64 * 1024, 'x');
    while (socket.send(piece)) sent += piece.size();
  });
  Backend app(echo());
  start();
  const auto with = [&](const table::TunnelPolicy& policy) {
    Delta delta;
    delta.backends = {backend("pushes", {pushes.port()}), backend("app", {app.port()})};
    delta.hosts = {tunnel_host("push", "pushes", policy), host("a", "app")};
    adopt(std::move(delta));
  };
  with({});
  std::vector<Socket> stalled;
  for (std::size_t i = 0; i < kReaders; ++i) stalled.push_back(open_one("push"));
  auto other = open_one();
  // Kernel buffers and what weir keeps fill up, then the senders stand still.
  std::uint64_t before = 0;
  ASSERT_TRUE(test::eventually([&] {
    const auto now = sent.load();
    const bool still = now == before && held() > 0;
    before = now;
    return carries(other) && still;
  }));
  EXPECT_LE(held(), kReaders * 256 * 1024) << "one read a direction";
  EXPECT_EQ(open_tunnels(), kReaders + 1);

  table::TunnelPolicy impatient;
  impatient.stall_timeout_ms = 100;
  impatient.close_timeout_ms = 100;
  with(impatient);
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::Stalled) == kReaders; }));
  EXPECT_TRUE(test::eventually([&] { return held() == 0; }));
  EXPECT_TRUE(carries(other));
  const auto stalled_us = sum_tunnels([](const TunnelCounters& c) -> const Cell& {
    return c.from[index(Side::Backend)].stalled_us;
  });
  EXPECT_GE(stalled_us, kReaders * impatient.stall_timeout_ms * 1'000);
}

TEST_F(TunnelCost, HandshakesAreCountedByWhatBecameOfThem) {
  Backend app([](Socket& socket) {
    const auto head = test::receive_head(socket);
    if (head.starts_with("GET /no")) {
      socket.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    socket.send(test::kSwitchingProtocols);
    socket.at_end();
  });
  start();
  table::TunnelPolicy policy;
  policy.allowed_origins = {"none"};
  serve_tunnels({app.port()}, policy);
  const auto ask = [&](const std::string& path, const std::string& fields) {
    auto client = connect();
    auto handshake = test::websocket_handshake("a", path);
    handshake.insert(handshake.size() - 2, fields);
    client.send(handshake);
    return test::receive_response(client).status;
  };
  EXPECT_EQ(ask("/no", ""), 403);
  EXPECT_EQ(ask("/", "Origin: https://evil.example\r\n"), 403);
  const auto failed = [&] {
    return sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.handshakes_failed; });
  };
  EXPECT_TRUE(test::eventually([&] { return failed() == 2; }));
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.handshakes_refused_by_backend; }),
            1U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& {
              return c.handshakes_refused[static_cast<std::size_t>(AnswerReason::OriginDenied)];
            }),
            1U);
  EXPECT_EQ(sum_times(&TunnelCounters::handshakes), 0U);

  const auto oldest = [&] {
    return sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.oldest; });
  };
  EXPECT_EQ(oldest(), 0U);
  auto first = std::make_unique<Socket>(open_one());
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 1; }));
  const auto of_first = oldest();
  EXPECT_GT(of_first, 0U);
  auto second = std::make_unique<Socket>(open_one());
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 2; }));
  EXPECT_EQ(oldest(), of_first);
  first.reset();
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 1; }));
  EXPECT_GE(oldest(), of_first);
  second.reset();
  EXPECT_TRUE(test::eventually([&] { return open_tunnels() == 0 && oldest() == 0; }));
  EXPECT_EQ(sum_times(&TunnelCounters::handshakes), 2U);
}

TEST_F(TunnelCost, Pain26_AnIdleTunnelHoldsNoBytes) {
  constexpr std::size_t kAll = 32 * 1024 * 1024;
  Backend app([](Socket& socket) {
    test::receive_head(socket);
    socket.send(test::kSwitchingProtocols);
    socket.send(std::string(kAll, 'x'));
    socket.receive_all();
  });
  start();
  serve({app.port()});
  auto client = open_one();
  ASSERT_TRUE(test::eventually([&] { return held() > 0; }));
  EXPECT_EQ(client.receive_exactly(kAll).size(), kAll);
  EXPECT_TRUE(test::eventually([&] { return held() == 0; }));
  EXPECT_EQ(open_tunnels(), 1U);
}

// ---- counting ----------------------------------------------------------------------------------

TEST_F(TunnelCost, Pain10_GaugesAgreeWithWhatIsOpenWhateverHappens) {
  Backend app([](Socket& socket) {
    test::receive_head(socket);
    socket.send(test::kSwitchingProtocols);
    // The client says how the backend is to end.
    const auto word = socket.receive_exactly(3);
    if (word == "fin") return socket.close();
    if (word == "rst") return socket.reset();
    socket.receive_all();
  });
  Options options;
  options.threads = 2;
  start(options);
  serve({app.port()});
  std::mt19937 random(10);
  std::vector<Socket> tunnels;
  std::uint64_t all = 0;
  for (int i = 0; i < 600; ++i) {
    const auto what = tunnels.empty() ? 0 : random() % 8;
    if (what < 4) {
      tunnels.push_back(open_one());
      ++all;
    } else {
      std::swap(tunnels[random() % tunnels.size()], tunnels.back());
      auto leaving = std::move(tunnels.back());
      tunnels.pop_back();
      if (what == 4) leaving.close();
      if (what == 5) leaving.reset();
      if (what == 6) leaving.send("fin");
      if (what == 7) leaving.send("rst");
      if (what > 5) leaving.receive_all();
    }
    if (i % 20 != 0) continue;
    if (i % 100 == 0) serve({app.port()});  // a table that says the same anew
    ASSERT_TRUE(test::eventually([&] { return open_tunnels() == tunnels.size(); }))
        << open_tunnels() << " for " << tunnels.size();
    ASSERT_TRUE(test::eventually([&] { return plane_->open_connections() == tunnels.size(); }));
  }
  tunnels.clear();
  EXPECT_TRUE(test::eventually([&] { return opened() == all && open_tunnels() == 0; }));
  EXPECT_EQ(plane_->open_connections(), 0U);
  EXPECT_EQ(ended(), all) << "each end has one reason";
}

TEST_F(TunnelCost, Pain10_BytesAreCountedWhileATunnelLives) {
  Backend app(echo());
  start();
  serve({app.port()});
  auto client = open_one();
  EXPECT_TRUE(carries(client, std::string(1'000, 'x')));
  for (const auto side : {Side::Client, Side::Backend}) {
    EXPECT_EQ(sum_tunnels([side](const TunnelCounters& c) -> const Cell& {
                return c.from[index(side)].bytes;
              }),
              1'000U);
  }
  EXPECT_EQ(open_tunnels(), 1U);
}

TEST_F(TunnelCost, Pain10_NumbersOfARouteThatIsGoneGoWithItsLastTunnel) {
  Backend app(echo());
  start();
  table::TunnelPolicy policy;
  policy.on_route_change = table::TunnelPolicy::Then::Keep;
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {tunnel_host("a", "app", policy), tunnel_host("b", "app", policy)};
  adopt(std::move(delta));
  auto a = open_one("a");
  auto b = open_one("b");
  EXPECT_TRUE(carries(a) && carries(b));  // from now on they are counted
  b.close();
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 1; }));
  ASSERT_EQ(plane_->tunnels().counters().size(), 2U);
  Delta removal;
  removal.removed_hosts = {"a", "b"};
  adopt(std::move(removal));
  EXPECT_EQ(plane_->tunnels().counters().size(), 1U);
  EXPECT_EQ(open_tunnels(), 1U);
  EXPECT_TRUE(carries(a));
  a.close();
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 0; }));
  Delta another;
  another.hosts = {host("c", "app")};
  adopt(std::move(another));
  EXPECT_TRUE(plane_->tunnels().counters().empty());
}

// ---- sockets -----------------------------------------------------------------------------------

class TunnelSockets : public TunnelCost {
 protected:
  /// weir's own sockets of its tunnels, by their other end: it is in this process.
  std::vector<int> own_sockets(std::uint16_t backend_port) const {
    std::vector<int> found;
    for (int fd = 3; fd < 1'024; ++fd) {
      sockaddr_in here{};
      sockaddr_in there{};
      socklen_t size = sizeof here;
      if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size) != 0) continue;
      size = sizeof there;
      if (::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &size) != 0) continue;
      if (ntohs(here.sin_port) == http_port_ || ntohs(there.sin_port) == backend_port) {
        found.push_back(fd);
      }
    }
    return found;
  }
  static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
    return value;
  }
};

TEST_F(TunnelSockets, Pain06_TheKernelAsksSilentPeersWhetherTheyAreThere) {
  Backend app(echo());
  start();
  serve({app.port()});
  auto client = open_one();
  EXPECT_TRUE(carries(client));
  const auto sockets = own_sockets(app.port());
  ASSERT_EQ(sockets.size(), 2U);
  for (const int fd : sockets) {
    // Not at once: most connections of a storm do not last. With something unsent, a peer is dead
    // after the stall timeout.
    EXPECT_TRUE(
        test::eventually([&] { return option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 60'000; }));
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    // Not by the kernel's coarse timer, with which many tunnels would ask at once …
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
  }
  const auto asked_after = [&](int seconds) {
    for (const int fd : sockets) {
      const auto is_so = [&] { return option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == seconds; };
      EXPECT_TRUE(test::eventually(is_so) || test::eventually(is_so));  // two minutes
    }
  };
  // … but when their own time has come, as long as nobody speaks.
  asked_after(30);
  EXPECT_TRUE(carries(client));
  asked_after(60);
}

TEST_F(TunnelSockets, Pain45_ALastSmallFrameWaitsForNothing) {
  Backend app(echo());
  start();
  serve({app.port()});
  auto client = open_one();
  EXPECT_TRUE(carries(client));
  const auto sockets = own_sockets(app.port());
  ASSERT_EQ(sockets.size(), 2U);
  for (const int fd : sockets) EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
}

}  // namespace
}  // namespace weir::proxy
