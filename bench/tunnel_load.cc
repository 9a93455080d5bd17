// Load on tunnels, for one CPU: messages in closed loop, each sent back by the backend; or tunnels
// opened and closed one after the other; or many that stay open while few of them speak. Every
// message that comes back is compared with what went. Prints lines of JSON; `bench/run` reads them.

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "connection.h"

namespace weir::bench {
namespace {

constexpr std::size_t kScratch = 256 * 1024;
constexpr std::size_t kMessages =
    8 * 1024 * 1024;  // bytes of messages that differ, of four at least
constexpr std::uint32_t kFirstSource = 0x7f000002;  // 127.0.0.2
constexpr std::uint32_t kSources = 8;               // 28 000 ports each
constexpr std::size_t kOpening = 64;                // at once, by those that stay open
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStall = 20 * kSecond;  // without one event: given up

struct Options {
  std::vector<std::uint16_t> ports;
  bool tls = false;
  std::size_t tunnels = 64;
  std::size_t message = 64;  // bytes
  double seconds = 3;
  double warm_up = 0.3;
  std::string host = "bench.example";
  bool upgrades = false;
  bool hold = false;
  std::vector<int> pids;
};

struct Tunnel {
  enum class State : std::uint8_t { Closed, Opening, Idle, Speaking };

  Connection connection;
  std::uint32_t number = 0;
  std::uint32_t messages = 0;  // begun so far
  State state = State::Closed;
  std::uint64_t due = 0;  // when the message should have been sent
  std::size_t sent = 0;
  std::size_t received = 0;  // bytes of the reply
  std::string head;          // of the answer, while it opens
};

/// Opens tunnels, sends messages, and tells what became of them. One epoll set.
class Tunnels {
 public:
  explicit Tunnels(const Options& options)
      : options_(options),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        request_("GET /echo/" + std::to_string(options.message) +
                 " HTTP/1.1\r\nHost: " + options.host +
                 "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
        scratch_(kScratch),
        tunnels_(options.tunnels) {
    if (options.tls) tls_ = std::make_unique<ClientTls>(options.host);
    make_messages();
    for (std::size_t i = 0; i < tunnels_.size(); ++i) {
      tunnels_[i].number = static_cast<std::uint32_t>(i);
    }
  }
  virtual ~Tunnels() = default;
  Tunnels(const Tunnels&) = delete;
  Tunnels& operator=(const Tunnels&) = delete;

 protected:
  /// The 101 has come.
  virtual void opened(Tunnel& tunnel) = 0;
  /// The whole message has come back.
  virtual void echoed(Tunnel& tunnel) = 0;
  /// The other side has ended an open tunnel, perhaps with a message `under_way`.
  virtual void lost(bool under_way) = 0;

  void open(Tunnel& tunnel) {
    const auto port = options_.ports[tunnel.number % options_.ports.size()];
    const auto source = kFirstSource + next_source_++ % kSources;
    tunnel.state = Tunnel::State::Opening;
    tunnel.sent = 0;
    tunnel.head.clear();
    tunnel.connection.open(epoll_, port, source, &tunnel, tls_.get(), false);
    send(tunnel);
  }

  void close(Tunnel& tunnel) {
    tunnel.connection.close();
    tunnel.state = Tunnel::State::Closed;
  }

  void speak(Tunnel& tunnel, std::uint64_t due) {
    tunnel.state = Tunnel::State::Speaking;
    tunnel.due = due;
    tunnel.sent = 0;
    tunnel.received = 0;
    ++tunnel.messages;
    send(tunnel);
  }

  /// Serves what events there are within `wait_ns`.
  void turn(std::uint64_t wait_ns) {
    std::array<epoll_event, 256> events;
    const timespec wait{static_cast<time_t>(wait_ns / kSecond),
                        static_cast<long>(wait_ns % kSecond)};
    const int count =
        ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    if (count <= 0 && wait_ns >= kStall) throw std::runtime_error("nothing came for 20 s");
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      auto& tunnel = *static_cast<Tunnel*>(event.data.ptr);
      if (tunnel.connection.is_open()) serve(tunnel, (event.events & EPOLLRDHUP) != 0);
    }
  }

  /// Turns once at least.
  void run_until(std::uint64_t end) {
    auto now = now_ns();
    do {
      turn(end > now ? std::min(end - now, kSecond) : 0);
      now = now_ns();
    } while (now < end);
  }

  const Options& options() const { return options_; }
  std::vector<Tunnel>& tunnels() { return tunnels_; }

 private:
  void make_messages() {
    std::mt19937 random;  // the same bytes in every run
    auto head = frame_head(options_.message);
    const auto count = std::clamp<std::size_t>(kMessages / options_.message, 4, 4096);
    for (std::size_t i = 0; i < count; ++i) {
      std::string payload(options_.message, '\0');
      for (auto& byte : payload) byte = static_cast<char>(random());
      replies_.push_back(head + payload);
      messages_.push_back(head + std::string(kMaskBytes, '\0') + payload);
      messages_.back()[1] = static_cast<char>(head[1] | 0x80);  // masked
    }
  }

  std::size_t choice(const Tunnel& tunnel) const {
    return (tunnel.number * 31U + tunnel.messages * 7U) % messages_.size();
  }

  void send(Tunnel& tunnel) {
    std::string_view bytes;
    if (tunnel.state == Tunnel::State::Opening) bytes = request_;
    if (tunnel.state == Tunnel::State::Speaking) bytes = messages_[choice(tunnel)];
    while (tunnel.sent < bytes.size()) {
      std::size_t size = 0;
      const auto wrote = tunnel.connection.write(bytes.substr(tunnel.sent), size);
      if (wrote == Io::Later) return;
      if (wrote != Io::Done) return over(tunnel);
      tunnel.sent += size;
    }
  }

  void serve(Tunnel& tunnel, bool ended) {
    send(tunnel);
    while (tunnel.connection.is_open()) {
      std::size_t size = 0;
      const auto read = tunnel.connection.read(scratch_, size);
      if (read == Io::Later) return;
      if (read != Io::Done) return over(tunnel);
      take(tunnel, {scratch_.data(), size});
      if (!options_.tls && size < scratch_.size() && !ended) return;
    }
  }

  void take(Tunnel& tunnel, std::string_view bytes) {
    if (tunnel.state == Tunnel::State::Opening) {
      tunnel.head += bytes;
      const auto end = tunnel.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      if (!tunnel.head.starts_with("HTTP/1.1 101 ") || tunnel.head.size() > end + 4) {
        throw std::runtime_error("an upgrade was answered '" +
                                 tunnel.head.substr(0, tunnel.head.find('\r')) + "'");
      }
      tunnel.head = {};
      tunnel.state = Tunnel::State::Idle;
      opened(tunnel);
      return;
    }
    std::string_view expected;
    if (tunnel.state == Tunnel::State::Speaking) {
      expected = std::string_view(replies_[choice(tunnel)]).substr(tunnel.received);
    }
    if (!expected.starts_with(bytes)) {
      throw std::runtime_error("other bytes came back than were sent");
    }
    tunnel.received += bytes.size();
    if (bytes.size() < expected.size()) return;
    tunnel.state = Tunnel::State::Idle;
    echoed(tunnel);
  }

  void over(Tunnel& tunnel) {
    if (tunnel.state == Tunnel::State::Opening) {
      throw std::runtime_error("a connection ended before its upgrade");
    }
    const bool under_way = tunnel.state == Tunnel::State::Speaking;
    close(tunnel);
    lost(under_way);
  }

  const Options& options_;
  const int epoll_;
  const std::string request_;
  std::vector<std::string> messages_;
  std::vector<std::string> replies_;
  std::vector<char> scratch_;
  std::unique_ptr<ClientTls> tls_;
  std::vector<Tunnel> tunnels_;
  std::uint32_t next_source_ = 0;
};

/// Each tunnel sends its next message when the last one is back, or with --upgrades closes once it
/// is open, and opens again.
class ClosedLoop : public Tunnels {
 public:
  using Tunnels::Tunnels;

  void run() {
    const auto seconds = [](double value) { return static_cast<std::uint64_t>(value * 1e9); };
    for (auto& tunnel : tunnels()) open(tunnel);
    run_until(now_ns() + seconds(options().warm_up));
    while (units_ < tunnels().size()) turn(kStall);
    const auto before = units_;
    const auto start = now_ns();
    const auto cpu_start = cpu_time_ns(options().pids);
    run_until(start + seconds(options().seconds));
    const auto cpu = cpu_time_ns(options().pids) - cpu_start;
    if (units_ == before) throw std::runtime_error("nothing came back in time");
    std::printf("{\"units\": %llu, \"seconds\": %.6f, \"cpu_us\": %.3f}\n",
                static_cast<unsigned long long>(units_ - before),
                static_cast<double>(now_ns() - start) / 1e9, static_cast<double>(cpu) / 1e3);
  }

 private:
  void opened(Tunnel& tunnel) override {
    if (!options().upgrades) return speak(tunnel, 0);
    ++units_;
    close(tunnel);
    open(tunnel);
  }
  void echoed(Tunnel& tunnel) override {
    ++units_;
    speak(tunnel, 0);
  }
  void lost(bool) override { throw std::runtime_error("a tunnel was ended"); }

  std::uint64_t units_ = 0;
};

/// Opens all tunnels, then does what the lines on stdin say and answers each with one of JSON:
///   echo                  one message on every tunnel, a few at a time
///   speak SECONDS COUNT   the first COUNT tunnels say something once a second, in turns
///   close                 all of them; the end
class Holder : public Tunnels {
 public:
  using Tunnels::Tunnels;

  void run() {
    const auto start = now_ns();
    for (auto& tunnel : tunnels()) {
      ++under_way_;
      open(tunnel);
      while (under_way_ >= kOpening) turn(kStall);
    }
    while (under_way_ > 0) turn(kStall);
    std::printf("{\"open\": %zu, \"seconds\": %.3f}\n", tunnels().size(),
                static_cast<double>(now_ns() - start) / 1e9);
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line);
      std::string command;
      double seconds = 0;
      std::size_t count = 0;
      words >> command >> seconds >> count;
      if (command == "echo") echo_all();
      if (command == "speak") speak_in_turns(seconds, std::min(count, tunnels().size()));
      if (command == "close") return close_all();
    }
  }

 private:
  void echo_all() {
    for (auto& tunnel : tunnels()) {
      if (tunnel.state != Tunnel::State::Idle) continue;
      ++under_way_;
      speak(tunnel, 0);
      while (under_way_ >= kOpening) turn(kStall);
    }
    while (under_way_ > 0) turn(kStall);
    answer("");
  }

  void speak_in_turns(double seconds, std::size_t count) {
    latencies_us_.clear();
    const auto start = now_ns();
    const auto all = static_cast<std::uint64_t>(seconds * static_cast<double>(count));
    for (std::uint64_t i = 0; i < all; ++i) {
      const auto due = start + i * kSecond / count;
      run_until(due);
      auto& tunnel = tunnels()[i % count];
      while (tunnel.state == Tunnel::State::Speaking) turn(kStall);
      if (tunnel.state != Tunnel::State::Idle) continue;  // lost
      ++under_way_;
      speak(tunnel, due);
    }
    run_until(start + static_cast<std::uint64_t>(seconds * 1e9));
    while (under_way_ > 0) turn(kStall);
    std::string list;
    for (const auto latency : latencies_us_) {
      list += (list.empty() ? "" : ", ") + std::to_string(latency);
    }
    answer(", \"latencies_us\": [" + list + "]");
  }

  void close_all() {
    run_until(now_ns() + kSecond / 5);  // tunnels that were lost since the last command
    for (auto& tunnel : tunnels()) {
      if (tunnel.connection.is_open()) close(tunnel);
    }
    answer("");
  }

  void answer(const std::string& more) const {
    std::printf("{\"lost\": %zu%s}\n", lost_, more.c_str());
    std::fflush(stdout);
  }

  void opened(Tunnel&) override { --under_way_; }
  void echoed(Tunnel& tunnel) override {
    --under_way_;
    if (tunnel.due > 0) latencies_us_.push_back((now_ns() - tunnel.due) / 1000);
  }
  void lost(bool under_way) override {
    ++lost_;
    if (under_way) --under_way_;
  }

  std::size_t under_way_ = 0;
  std::size_t lost_ = 0;
  std::vector<std::uint64_t> latencies_us_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_TIMERSLACK, 1);
  weir::bench::Options options;
  CLI::App app("Tunnels for the benchmarks");
  app.add_option("--port", options.ports, "On 127.0.0.1; repeatable, used in turns")->required();
  app.add_option("--tunnels", options.tunnels);
  app.add_option("--message", options.message, "Bytes")->check(CLI::Range(1, 1 << 26));
  app.add_option("--seconds", options.seconds, "Counted, behind the warm-up");
  app.add_option("--warm-up", options.warm_up, "Seconds");
  app.add_option("--host", options.host, "Host field and server name");
  app.add_option("--pid", options.pids, "Whose CPU time counts; repeatable");
  app.add_flag("--tls", options.tls, "TLS 1.3");
  app.add_flag("--upgrades", options.upgrades, "No messages: open, close, again");
  app.add_flag("--hold", options.hold, "Open all, then as stdin says: echo, speak, close");
  CLI11_PARSE(app, argc, argv);
  try {
    weir::bench::raise_descriptor_limit();
    if (options.hold) {
      weir::bench::Holder(options).run();
    } else {
      weir::bench::ClosedLoop(options).run();
    }
  } catch (const std::exception& error) {
    std::printf("{\"error\": \"%s\"}\n", error.what());
    return 1;
  }
  return 0;
}
