#include <atomic>
#include <csignal>
#include <thread>

#include "faults/faults.h"

namespace weir::test {
namespace {

using std::chrono::milliseconds;
using Weather = PacketLink::Weather;

using TunnelFaults = Faults;

const Faults::Annotations kSoonDead = {"weir.dev/tunnel-stall-timeout: '2s'"};

TEST_F(TunnelFaults, AClientInABlackHoleIsDead) {
  end_with_dead_client(Weather::BlackHole, "is anybody there?", kSoonDead);
}

TEST_F(TunnelFaults, ABackendInABlackHoleIsDead) {
  end_with_dead_backend(Weather::BlackHole, "is anybody there?", kSoonDead);
}

TEST_F(TunnelFaults, AClientThatIsUnreachableIsDead) {
  end_with_dead_client(Weather::Unreachable, "is anybody there?", kSoonDead);
}

TEST_F(TunnelFaults, ABackendThatIsUnreachableIsDead) {
  end_with_dead_backend(Weather::Unreachable, "is anybody there?", kSoonDead);
}

TEST_F(TunnelFaults, AShortBlackHoleIsSurvived) {
  Backend backend(speaker());
  serve(backend.port());
  auto socket = connect_far();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("app"));
  link_->set_weather(Weather::BlackHole);
  const int lost = link_->lost();
  client.send_text("into the dark");
  backend_says("out of the dark");
  // Both are sent again, more than once.
  ASSERT_TRUE(eventually([&] { return link_->lost() >= lost + 10; }));
  link_->set_weather(Weather::Fair);
  EXPECT_EQ(client.receive_message(), "out of the dark");
  EXPECT_EQ(client.receive_message(), "into the dark");
  EXPECT_EQ(open_tunnels(), 1);
}

TEST_F(TunnelFaults, AResetOnTheWayIsAResetForTheOtherSide) {
  Backend backend(speaker());
  serve(backend.port());
  const int files = open_files();
  auto socket = connect_far();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("app"));
  backend_says("hello");
  ASSERT_EQ(client.receive_message(), "hello");

  link_->reset_next();
  client.send_text("lost");
  expect_ended("client", "reset");
  EXPECT_EQ(backend_saw().end, WebSocketPeer::End::Reset);
  EXPECT_FALSE(client.receive_frame().has_value());
  EXPECT_EQ(client.end(), WebSocketPeer::End::Reset);
  socket.close();
  expect_nothing_left(files);
}

/// Twenty clients over a link that loses packets, each with messages from small to large.
TEST_F(TunnelFaults, LossAndDelayLoseNoByte) {
  Backend backend([](Socket& socket) { websocket_echo(socket); });
  serve(backend.port());
  const int files = open_files();
  link_->set_delay(milliseconds(50));
  link_->set_loss_percent(5);

  constexpr int kClients = 20;
  constexpr int kMessages = 20;
  std::atomic<int> good = 0;
  std::vector<Socket> sockets;
  sockets.reserve(kClients);
  for (int i = 0; i < kClients; ++i) sockets.push_back(connect_far());
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      WebSocketPeer client(sockets[static_cast<std::size_t>(i)], Role::Client);
      if (!client.open("app")) return;
      for (int j = 0; j < kMessages; ++j) {
        // The last is more than sockets take at once.
        const int size = j + 1 == kMessages ? 400'000 : 1 + j * 500;
        const std::string message(static_cast<std::size_t>(size),
                                  static_cast<char>('a' + (i + j) % 26));
        if (client.send_binary(message) && client.receive_message() == message) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, kClients * kMessages);
  EXPECT_EQ(open_tunnels(), kClients);
  EXPECT_EQ(proxy_->metric("weir_tunnels_closed_total"), 0);
  link_->set_loss_percent(0);
  sockets.clear();
  expect_nothing_left(files);
}

/// A third of the clients does not read what it asks for: there are unsent bytes when it happens.
TEST_F(TunnelFaults, BackendsThatAreKilledLeaveNothingBehind) {
  Process backend({binary_folder() / "weir_faults_backend"});
  const auto line = backend.wait_for_line("listening on ");
  serve(static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1))));
  const int files = open_files();
  constexpr int kTunnels = 200;
  std::vector<Socket> sockets;
  for (int i = 0; i < kTunnels; ++i) {
    sockets.push_back(i % 2 == 0 ? connect() : connect_far());
    ASSERT_TRUE(open_websocket(sockets.back(), "app")) << i;
    const bool reads = i % 3 != 0;
    const std::string message(reads ? 100 : 60'000, 'x');
    ASSERT_TRUE(sockets.back().send(bytes_of({Frame::kBinary, message})));
    if (reads) {
      ASSERT_EQ(sockets.back().receive_exactly(10).size(), 10U);
    }
  }
  EXPECT_TRUE(eventually([&] { return open_tunnels() == kTunnels; })) << open_tunnels();
  EXPECT_GE(open_files(), 2 * kTunnels);

  backend.signal(SIGKILL);
  EXPECT_EQ(backend.wait(), 128 + SIGKILL);
  for (auto& socket : sockets) {
    socket.receive_all();
    socket.close();
  }
  expect_nothing_left(files);
  EXPECT_EQ(proxy_->metric("weir_tunnels_closed_total"), kTunnels);
  EXPECT_EQ(ended("backend", "normal") + ended("backend", "reset"), kTunnels);
}

}  // namespace
}  // namespace weir::test
