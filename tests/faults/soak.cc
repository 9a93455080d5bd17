// What takes minutes: `make soak`.
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "faults/faults.h"

namespace weir::test {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

class Soak : public Faults {
 protected:
  Soak() {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }

  // Sockets are of the network in which they are made.
  void start(const Annotations& annotations = {}) {
    backend_ = std::make_unique<Backend>([](Socket& socket) {
      WebSocketPeer peer(socket, Role::Server);
      if (!peer.accept()) return;
      peer.echo();
      peer.receive_to_end();
    });
    serve(backend_->port(), "127.0.0.1", annotations);
  }

  void open(int count) {
    for (int i = 0; i < count; ++i) {
      sockets_.push_back(connect());
      ASSERT_TRUE(open_websocket(sockets_.back(), "app")) << i;
    }
    ASSERT_TRUE(eventually([&] { return open_tunnels() == count; })) << open_tunnels();
  }

  std::unique_ptr<Backend> backend_;
  std::vector<Socket> sockets_;
};

TEST_F(Soak, FiveMinutesOfChangesEndNoneOf500Tunnels) {
  start();
  open(500);
  const auto generation = [this] { return proxy_->metric("weir_config_generation"); };
  const auto first = generation();
  int rounds = 0;
  for (const auto end = Clock::now() + std::chrono::minutes(5); Clock::now() < end; ++rounds) {
    const auto before = generation();
    folder_.replace("other.yaml",
                    manifest::ingress("other", std::to_string(rounds) + ".example", "other") +
                        "---\n" + manifest::service("other", {backend_->port()}));
    ASSERT_TRUE(eventually([&] { return generation() > before; })) << rounds;
    const auto message = bytes_of({Frame::kText, std::to_string(rounds), true, Frame::Mask{}});
    const auto echo = bytes_of({Frame::kText, std::to_string(rounds)});
    for (auto& socket : sockets_) ASSERT_TRUE(socket.send(message));
    for (auto& socket : sockets_) ASSERT_EQ(socket.receive_exactly(echo.size()), echo);
  }
  std::cout << "  500 tunnels, " << generation() - first << " generations, " << 500 * rounds
            << " echoes, " << proxy_->metric("weir_tunnels_closed_total") << " ended\n";
  EXPECT_GE(generation() - first, 100);
  EXPECT_EQ(proxy_->metric("weir_tunnels_closed_total"), 0);
  EXPECT_EQ(open_tunnels(), 500);
}

TEST_F(Soak, ADrainOf2000TunnelsIsEven) {
  constexpr int kTunnels = 2000;
  constexpr int kWindow = 60;  // seconds
  constexpr int kMost = (kTunnels + kWindow - 1) / kWindow + 1;
  start({"weir.dev/tunnel-drain-window: '60s'"});
  open(kTunnels);

  std::vector<pollfd> open;
  for (const auto& socket : sockets_) open.push_back({socket.fd(), POLLIN, 0});
  std::vector<int> per_second(kWindow + 10);
  int polite = 0;
  folder_.remove("app.yaml");
  Clock::time_point first;
  for (int left = kTunnels; left > 0;) {
    ASSERT_GT(::poll(open.data(), open.size(), 30'000), 0) << left << " are left";
    const auto now = Clock::now();
    if (left == kTunnels) first = now;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (open[i].fd < 0 || open[i].revents == 0) continue;
      const auto second = std::chrono::duration_cast<seconds>(now - first).count();
      ++per_second.at(static_cast<std::size_t>(second));
      WebSocketPeer client(sockets_[i], Role::Client);
      if (client.receive_frame() && client.close_code() == 1001) ++polite;
      client.send_close(1001);
      open[i].fd = -1;
      --left;
    }
  }
  std::cout << "  ends per second, at most " << kMost << ":";
  for (const int ends : per_second) std::cout << ' ' << ends;
  std::cout << '\n';
  EXPECT_LE(*std::ranges::max_element(per_second), kMost);
  EXPECT_EQ(polite, kTunnels);
  sockets_.clear();
  EXPECT_TRUE(eventually([&] { return open_tunnels() <= 0; }));
}

/// Nothing is under way: only TCP's keep-alive finds out, after 60 s.
TEST_F(Soak, AnIdleClientInABlackHoleIsFound) {
  end_with_dead_client(Weather::BlackHole, "", {});
}

TEST_F(Soak, AnIdleBackendInABlackHoleIsFound) {
  end_with_dead_backend(Weather::BlackHole, "", {});
}

}  // namespace
}  // namespace weir::test
