#include "faults/faults.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace weir::test {

void Faults::SetUp() {
  try {
    link_ = std::make_unique<PacketLink>();
  } catch (const std::exception& problem) {
    FAIL() << problem.what();
  }
}

void Faults::write_route(std::uint16_t port, const std::string& address,
                         const Annotations& annotations) {
  auto ingress = manifest::ingress("app", "app", "app");
  std::string lines = "metadata:\n  name: app\n  annotations:\n    example.com/none: ''\n";
  for (const auto& annotation : annotations) lines += "    " + annotation + '\n';
  const std::string plain = "metadata: {name: app}\n";
  ingress.replace(ingress.find(plain), plain.size(), lines);
  folder_.replace("app.yaml", ingress + "---\n" + manifest::service("app", {port}, address));
}

void Faults::serve(std::uint16_t port, const std::string& address, const Annotations& annotations) {
  write_route(port, address, annotations);
  const auto socket = runtime_.path("weir.sock");
  controller_ = std::make_unique<ControllerProcess>("dir:" + folder_.path(), socket);
  proxy_ = std::make_unique<ProxyProcess>(
      socket, std::vector<std::string>{"--http", "0.0.0.0:0", "--threads", "2"});
  ASSERT_TRUE(proxy_->wait_ready()) << proxy_->process().output();
}

double Faults::ended(const std::string& initiator, const std::string& reason) const {
  std::istringstream page(admin_get(proxy_->ports().admin, "/metrics").body);
  double sum = 0;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("weir_tunnels_closed_total{") &&
        line.find("initiator=\"" + initiator + '"') != std::string::npos &&
        line.find("reason=\"" + reason + '"') != std::string::npos) {
      sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
    }
  }
  return sum;
}

void Faults::expect_ended(const std::string& initiator, const std::string& reason, int count) {
  EXPECT_TRUE(eventually([&] { return ended(initiator, reason) == count; }))
      << ended(initiator, reason) << " of " << proxy_->metric("weir_tunnels_closed_total")
      << " that ended";
  EXPECT_EQ(proxy_->metric("weir_tunnels_closed_total"), count);
  EXPECT_EQ(open_tunnels(), 0);
}

int Faults::open_files() const {
  const auto folder = "/proc/" + std::to_string(proxy_->process().pid()) + "/fd";
  const std::filesystem::directory_iterator files(folder);
  return static_cast<int>(std::distance(begin(files), end(files)));
}

void Faults::expect_nothing_left(int files_before) {
  EXPECT_TRUE(eventually([&] { return open_tunnels() == 0; })) << open_tunnels();
  EXPECT_TRUE(eventually([&] { return proxy_->metric("weir_connections_active") == 0; }))
      << proxy_->metric("weir_connections_active");
  // Before, a connection to the admin listener may still have been open.
  EXPECT_TRUE(eventually([&] { return open_files() <= files_before; }))
      << open_files() << " files, before: " << files_before;
}

void Faults::wait_until_looked_after(int tunnels) {
  // proc(5): the timer of a connection that is idle and has SO_KEEPALIVE is "02".
  const auto kept_alive = [] {
    std::ifstream connections("/proc/thread-self/net/tcp");
    int count = 0;
    for (std::string line; std::getline(connections, line);) {
      std::istringstream fields(line);
      std::string number, local, remote, state, queues, timer;
      fields >> number >> local >> remote >> state >> queues >> timer;
      if (timer.starts_with("02:")) ++count;
    }
    return count;
  };
  ASSERT_TRUE(eventually([&] { return kept_alive() == 2 * tunnels; })) << kept_alive();
}

Backend::Script Faults::speaker() {
  return [this](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (!peer.accept()) return;
    if (const auto text = says_.get_future().get(); !text.empty()) peer.send_text(text);
    peer.echo();
    if (peer.closes() > 0) peer.receive_to_end();
    seen_.set_value({peer.close_code(), peer.close_reason(), peer.end()});
  };
}

void Faults::end_with_dead_client(Weather weather, const std::string& last_words,
                                  const Annotations& annotations) {
  Backend backend(speaker());
  serve(backend.port(), "127.0.0.1", annotations);
  const int files = open_files();
  auto socket = connect_far();
  WebSocketPeer client(socket, Role::Client);
  ASSERT_TRUE(client.open("app"));
  wait_until_looked_after();

  link_->set_weather(weather);
  backend_says(last_words);
  const auto seen = backend_saw();
  EXPECT_EQ(seen.code, 1001);
  EXPECT_EQ(seen.reason, "the other side does not answer");
  EXPECT_EQ(seen.end, WebSocketPeer::End::Fin);
  expect_ended("proxy", "peer_dead");
  expect_nothing_left(files);
}

void Faults::end_with_dead_backend(Weather weather, const std::string& last_words,
                                   const Annotations& annotations) {
  std::promise<void> over;
  const auto backend = link_->far([&] {
    return std::make_unique<Backend>(
        [&over](Socket& socket) {
          WebSocketPeer peer(socket, Role::Server);
          if (peer.accept()) over.get_future().wait();
        },
        PacketLink::kFar);
  });
  serve(backend->port(), PacketLink::kFar, annotations);
  const int files = open_files();
  auto socket = connect();
  WebSocketPeer client(socket, Role::Client);
  EXPECT_TRUE(client.open("app"));
  wait_until_looked_after();

  link_->set_weather(weather);
  if (!last_words.empty()) client.send_text(last_words);
  EXPECT_TRUE(client.receive_frame().has_value()) << "the end came without a Close";
  EXPECT_EQ(client.close_code(), 1001);
  EXPECT_EQ(client.close_reason(), "the other side does not answer");
  client.send_close(1001);
  EXPECT_TRUE(client.receive_to_end().empty());
  EXPECT_EQ(client.end(), WebSocketPeer::End::Fin);
  expect_ended("proxy", "peer_dead");
  expect_nothing_left(files);
  over.set_value();
}

}  // namespace weir::test
