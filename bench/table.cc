// Stands in for a controller: gives one proxy a table of so many routes, then changes one host
// after the other, and prints how long each took until the Ack, which means that every worker runs
// it. After each, the new host must be served at once, and the old one no more. With --certificates
// it gives the proxy only those.

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "support/socket.h"
#include "support/test_ca.h"
#include "table/frame.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kWarmUp = 10;          // changes before those that count
constexpr std::size_t kClients = 8;  // connections that ask: they spread over the workers
constexpr std::chrono::milliseconds kPause{5};  // between changes: each is a lone one

struct Options {
  std::string socket;
  std::uint16_t backend = 0;
  std::uint16_t http = 0;
  int routes = 1000;
  int certificates = 0;
  int changes = 200;
};

/// The controller's end of the control socket. Everything that goes wrong throws.
class Session {
 public:
  explicit Session(const std::string& path) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("--socket is too long");
    path.copy(address.sun_path, path.size());
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 1) != 0) {
      throw std::runtime_error("cannot listen on " + path);
    }
    fd_ = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(listener);
    for (bool last = false; !last;) {
      const auto [kind, body] = receive();
      const auto hello = table::decode_hello(body);
      if (kind != table::FrameKind::Hello || !hello) throw std::runtime_error("no Hello");
      last = hello->last;
    }
  }
  ~Session() { ::close(fd_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Sends it as the next generation, and waits until every worker runs it.
  void update(std::vector<table::EncodedResource> upserts,
              std::vector<table::ResourceKey> removes) {
    table::Update update;
    update.generation = ++generation_;
    update.upserts = std::move(upserts);
    update.removes = std::move(removes);
    for (const auto& part : table::encode_parts(update)) send(part);
    const auto [kind, body] = receive();
    const auto ack = table::decode_ack(body);
    if (kind != table::FrameKind::Ack || !ack || ack->generation != generation_) {
      throw std::runtime_error("the proxy did not take generation " + std::to_string(generation_));
    }
  }

 private:
  void send(const table::Bytes& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto size = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) throw std::runtime_error("the proxy closed the control socket");
      sent += static_cast<std::size_t>(size);
    }
  }
  void receive_into(std::span<std::uint8_t> bytes) {
    if (::recv(fd_, bytes.data(), bytes.size(), MSG_WAITALL) !=
        static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("the proxy closed the control socket");
    }
  }
  std::pair<table::FrameKind, table::Bytes> receive() {
    std::array<std::uint8_t, table::FrameHeader::kSize> head;
    receive_into(head);
    const auto header = table::parse_frame_header(head);
    if (!header) throw std::runtime_error(header.error().detail);
    table::Bytes body(header->length);
    if (!body.empty()) receive_into(body);
    return {header->kind, std::move(body)};
  }

  int fd_ = -1;
  std::uint64_t generation_ = 0;
};

table::EncodedResource host(const std::string& name) {
  table::Route route;
  route.origin = "default/" + name;
  route.backends = {{"default/app:80", 1}};
  table::Host made;
  made.name = name;
  made.routes = {route};
  return table::encode(made);
}

table::EncodedResource backend(std::uint16_t port) {
  table::Backend made;
  made.name = "default/app:80";
  made.endpoints = {
      {"127.0.0.1:" + std::to_string(port), "127.0.0.1", port, table::Endpoint::State::Ready, ""}};
  return table::encode(made);
}

int status(test::Socket& client, const std::string& name) {
  client.send("GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n");
  return test::receive_response(client).status;
}

void wait_for_line() {
  std::string line;
  std::getline(std::cin, line);
}

/// Gives the proxy so many certificates of one issuer, each with a key of its own.
void push_certificates(const Options& options) {
  const test::TestCa ca;
  std::vector<table::EncodedResource> all = {table::encode(table::Settings())};
  for (int i = 0; i < options.certificates; ++i) {
    const auto pair = ca.issue("DNS:host-" + std::to_string(i) + ".example");
    table::Certificate made;
    made.name = "default/tls-" + std::to_string(i);
    made.chain_pem = pair.certificate + ca.certificate();
    made.key_pem = pair.key;
    all.push_back(table::encode(made));
  }
  Session session(options.socket);
  const auto start = Clock::now();
  session.update(std::move(all), {});
  std::printf("{\"push_ms\": %.3f}\n", Milliseconds(Clock::now() - start).count());
  std::fflush(stdout);
  wait_for_line();
}

void run(const Options& options) {
  Session session(options.socket);
  std::vector<table::EncodedResource> all = {table::encode(table::Settings()),
                                             backend(options.backend), host("bench.example")};
  std::vector<std::string> names;
  for (int i = 0; i + 1 < options.routes; ++i) {
    names.push_back("host-" + std::to_string(i) + ".example");
    all.push_back(host(names.back()));
  }
  auto start = Clock::now();
  session.update(std::move(all), {});
  std::printf("{\"push_ms\": %.3f}\n", Milliseconds(Clock::now() - start).count());
  std::fflush(stdout);

  std::array<test::Socket, kClients> clients;
  for (auto& client : clients) client = test::Socket::connect(options.http);
  const auto expect = [&](const std::string& name, int wanted) {
    for (auto& client : clients) {
      if (const int got = status(client, name); got != wanted) {
        throw std::runtime_error(name + " is answered " + std::to_string(got));
      }
    }
  };

  // All but the changes: what else such a run does to a stream of requests.
  wait_for_line();
  for (int i = 0; i < kWarmUp + options.changes; ++i) {
    std::this_thread::sleep_for(kPause);
    expect(names.front(), 200);
    expect("none.example", 404);
  }
  std::puts("{}");
  std::fflush(stdout);

  wait_for_line();
  std::string times;
  for (int i = 0; i < kWarmUp + options.changes; ++i) {
    std::this_thread::sleep_for(kPause);
    auto& name = names[static_cast<std::size_t>(i) % names.size()];
    const auto old = std::exchange(name, "changed-" + std::to_string(i) + ".example");
    start = Clock::now();
    session.update({host(name)}, {{table::ResourceKind::Host, old}});
    const auto took = Milliseconds(Clock::now() - start).count();
    expect(name, 200);
    expect(old, 404);
    if (i >= kWarmUp) times += (times.empty() ? "" : ", ") + std::to_string(took);
  }
  std::printf("{\"change_ms\": [%s]}\n", times.c_str());
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  weir::bench::Options options;
  CLI::App app("A table of many routes for one weir-proxy; a line on stdin begins each next step");
  app.add_option("--socket", options.socket, "To listen on")->required();
  app.add_option("--backend", options.backend, "Port of every endpoint")->required();
  app.add_option("--http", options.http, "Port of the proxy")->required();
  app.add_option("--routes", options.routes)->check(CLI::Range(2, 1'000'000));
  app.add_option("--changes", options.changes);
  app.add_option("--certificates", options.certificates, "Give it these, and no routes");
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.certificates > 0) {
      weir::bench::push_certificates(options);
    } else {
      weir::bench::run(options);
    }
  } catch (const std::exception& error) {
    std::printf("{\"error\": \"%s\"}\n", error.what());
    return 1;
  }
  return 0;
}
