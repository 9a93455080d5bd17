// An HTTP/1.1 load generator for one CPU: so many connections in closed loop, or requests at a
// fixed rate whose latency counts from when they were due. Every response is checked for its status
// and its length; the first wrong one ends the run. Prints one line of JSON; `bench/run` reads it.

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <deque>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "connection.h"

namespace weir::bench {
namespace {

constexpr std::size_t kScratch = 256 * 1024;
constexpr std::uint32_t kFirstSource = 0x7f000002;  // 127.0.0.2
constexpr std::uint32_t kSources = 8;               // 28 000 ports each
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStall = 20 * kSecond;  // without one response: given up

struct Options {
  std::uint16_t port = 0;
  bool tls = false;
  int connections = 64;
  double seconds = 3;
  double warm_up = 0.3;
  double rate = 0;  // requests a second; 0: closed loop
  std::string host = "bench.example";
  std::string path = "/";
  std::uint64_t upload = 0;  // bytes of request body
  std::uint64_t expect = 128;
  bool browser_head = false;
  bool close = false;
  bool resume = false;
  bool hold = false;
  std::vector<int> pids;
};

/// What a browser on a site with a few cookies sends: about 1.5 kB in all.
std::string browser_fields() {
  return "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/131.0.0.0 Safari/537.36\r\n"
         "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
         "image/apng,*/*;q=0.8\r\n"
         "Accept-Language: en-GB,en;q=0.9,de;q=0.7\r\n"
         "Accept-Encoding: gzip, deflate, br, zstd\r\n"
         "Cache-Control: no-cache\r\n"
         "Pragma: no-cache\r\n"
         "Referer: https://bench.example/orders/2026/10/overview?sort=date&page=3\r\n"
         "Sec-Ch-Ua: \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"\r\n"
         "Sec-Ch-Ua-Mobile: ?0\r\n"
         "Sec-Ch-Ua-Platform: \"Linux\"\r\n"
         "Sec-Fetch-Dest: document\r\n"
         "Sec-Fetch-Mode: navigate\r\n"
         "Sec-Fetch-Site: same-origin\r\n"
         "Sec-Fetch-User: ?1\r\n"
         "Upgrade-Insecure-Requests: 1\r\n"
         "Priority: u=0, i\r\n"
         "If-None-Match: W/\"5f2c-1932a7b8c40\"\r\n"
         "Authorization: Bearer " +
         std::string(220, 'k') + "\r\nCookie: session=" + std::string(180, 's') +
         "; preferences=" + std::string(120, 'p') + "; consent=" + std::string(60, 'c') + "\r\n";
}

std::string make_request(const Options& options) {
  auto text = (options.upload > 0 ? "POST " : "GET ") + options.path +
              " HTTP/1.1\r\nHost: " + options.host + "\r\n";
  if (options.browser_head) text += browser_fields();
  if (options.upload > 0) {
    text += "Content-Type: application/octet-stream\r\nContent-Length: " +
            std::to_string(options.upload) + "\r\n";
  }
  if (options.close) text += "Connection: close\r\n";
  return text + "\r\n";
}

/// One connection with at most one request in flight.
struct Client {
  Connection connection;
  bool busy = false;
  std::uint64_t due = 0;  // when the request should have been sent
  std::uint64_t sent = 0;
  std::string head;
  bool head_read = false;
  std::uint64_t body_left = 0;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        request_(make_request(options)),
        total_(request_.size() + options.upload),
        body_(options.upload > 0 ? kScratch : 0, 'u'),
        scratch_(kScratch) {
    if (options.tls) tls_ = std::make_unique<ClientTls>(options.host);
    for (int i = 0; i < options.connections; ++i) {
      clients_.push_back(std::make_unique<Client>());
    }
  }

  /// Closed or open loop, for the time that the options say.
  void run() {
    if (options_.rate > 0) {
      open_loop();
    } else {
      closed_loop();
    }
    report();
  }

  /// One request on each connection; then all stay open until a line comes on stdin.
  void hold() {
    counting_ = true;
    for (auto& client : clients_) {
      connect(*client);
      begin(*client, now_ns());
      while (client->busy) turn(kStall);
    }
    std::puts("{\"held\": true}");
    std::fflush(stdout);
    std::string line;
    std::getline(std::cin, line);
    for (auto& client : clients_) client->connection.close();
    std::puts("{\"closed\": true}");
  }

 private:
  // ---- loops ------------------------------------------------------------------------------------

  void closed_loop() {
    again_ = true;
    for (auto& client : clients_) {
      connect(*client);
      begin(*client, now_ns());
    }
    const auto seconds = [](double value) { return static_cast<std::uint64_t>(value * 1e9); };
    run_until(now_ns() + seconds(options_.warm_up));
    while (completed_ < clients_.size()) turn(kStall);
    start_window();
    run_until(window_start_ + seconds(options_.seconds));
    end_window();
  }

  void run_until(std::uint64_t end) {
    for (auto now = now_ns(); now < end; now = now_ns()) turn(end - now);
  }

  void open_loop() {
    for (auto& client : clients_) {
      connect(*client);
      begin(*client, now_ns());
      while (client->busy) turn(kStall);
    }
    ::prctl(PR_SET_TIMERSLACK, 1);
    latencies_.reserve(static_cast<std::size_t>(options_.rate * options_.seconds) + 1);
    const auto interval = 1e9 / options_.rate;
    const auto start = now_ns();
    const auto warm = static_cast<std::uint64_t>(options_.warm_up * options_.rate);
    const auto count = warm + static_cast<std::uint64_t>(options_.seconds * options_.rate);
    std::deque<std::uint64_t> waiting;  // due, but no connection is free
    for (std::uint64_t i = 0; i < count;) {
      const auto due = start + static_cast<std::uint64_t>(static_cast<double>(i) * interval);
      const auto now = now_ns();
      if (due > now) {
        turn(due - now);
      } else {
        if (i == warm) start_window();
        waiting.push_back(due);
        ++i;
        turn(0);
      }
      while (!waiting.empty() && !idle_.empty()) {
        auto* client = idle_.back();
        idle_.pop_back();
        begin(*client, waiting.front());
        waiting.pop_front();
      }
    }
    while (!waiting.empty() || idle_.size() < clients_.size()) {
      turn(kStall);
      while (!waiting.empty() && !idle_.empty()) {
        auto* client = idle_.back();
        idle_.pop_back();
        begin(*client, waiting.front());
        waiting.pop_front();
      }
    }
    end_window();
  }

  void start_window() {
    counting_ = true;
    window_start_ = now_ns();
    cpu_start_ = cpu_time_ns(options_.pids);
  }
  void end_window() {
    counting_ = false;
    window_end_ = now_ns();
    cpu_end_ = cpu_time_ns(options_.pids);
  }

  /// Serves what events there are within `wait_ns`.
  void turn(std::uint64_t wait_ns) {
    std::array<epoll_event, 256> events;
    const timespec wait{static_cast<time_t>(wait_ns / kSecond),
                        static_cast<long>(wait_ns % kSecond)};
    const int count =
        ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    if (count <= 0 && wait_ns >= kStall) throw std::runtime_error("no response for 20 s");
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      auto& client = *static_cast<Client*>(event.data.ptr);
      if (client.connection.is_open()) serve(client, (event.events & EPOLLRDHUP) != 0);
    }
  }

  // ---- one connection ---------------------------------------------------------------------------

  void connect(Client& client) {
    const auto source = kFirstSource + next_source_++ % kSources;
    client.connection.open(epoll_, options_.port, source, &client, tls_.get(), options_.resume);
  }

  void begin(Client& client, std::uint64_t due) {
    client.busy = true;
    client.due = due;
    client.sent = 0;
    client.head.clear();
    client.head_read = false;
    send(client);
  }

  void send(Client& client) {
    while (client.sent < total_) {
      std::string_view bytes;
      if (client.sent < request_.size()) {
        bytes = std::string_view(request_).substr(static_cast<std::size_t>(client.sent));
      } else {
        const auto left = std::min<std::uint64_t>(total_ - client.sent, body_.size());
        bytes = std::string_view(body_).substr(0, static_cast<std::size_t>(left));
      }
      std::size_t size = 0;
      const auto wrote = client.connection.write(bytes, size);
      if (wrote == Io::Later) return;
      if (wrote != Io::Done) throw std::runtime_error("the connection broke while sending");
      client.sent += size;
    }
  }

  void serve(Client& client, bool ended) {
    if (client.busy && client.sent < total_) send(client);
    for (;;) {
      std::size_t size = 0;
      const auto read = client.connection.read(scratch_, size);
      if (read == Io::Later) return;
      if (read != Io::Done) {
        if (!options_.close || client.busy) {
          throw std::runtime_error(client.busy ? "the connection ended before the response"
                                               : "an idle connection was closed");
        }
        next_connection(client);
        return;
      }
      take(client, {scratch_.data(), size});
      if (!options_.tls && size < scratch_.size() && !ended) return;
    }
  }

  void take(Client& client, std::string_view bytes) {
    if (!client.busy) throw std::runtime_error("bytes behind the response");
    if (!client.head_read) {
      client.head += bytes;
      const auto end = client.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      bytes = bytes.substr(bytes.size() - (client.head.size() - (end + 4)));
      client.head.resize(end + 4);
      check_head(client.head);
      client.head_read = true;
      client.body_left = options_.expect;
    }
    if (bytes.size() > client.body_left) throw std::runtime_error("a body is too long");
    client.body_left -= bytes.size();
    if (client.body_left == 0) finish(client);
  }

  void check_head(std::string_view head) const {
    if (!head.starts_with("HTTP/1.1 200 ")) {
      throw std::runtime_error("answered '" + std::string(head.substr(0, head.find('\r'))) + "'");
    }
    std::string lower(head);
    for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    static constexpr std::string_view kLength = "\r\ncontent-length:";
    const auto at = lower.find(kLength);
    std::uint64_t length = 0;
    if (at != std::string::npos) {
      const auto digits = lower.find_first_not_of(' ', at + kLength.size());
      std::from_chars(lower.data() + digits, lower.data() + lower.size(), length);
    }
    if (length != options_.expect) {
      throw std::runtime_error("Content-Length is " + std::to_string(length) + ", not " +
                               std::to_string(options_.expect));
    }
  }

  void finish(Client& client) {
    client.busy = false;
    if (client.sent < total_) throw std::runtime_error("answered before the whole request");
    if (options_.tls && options_.close) check_resumption(client);
    ++completed_;
    if (counting_) {
      ++units_;
      if (options_.rate > 0) latencies_.push_back(now_ns() - client.due);
    }
    if (options_.rate > 0) {
      idle_.push_back(&client);
    } else if (again_ && !options_.close) {
      begin(client, now_ns());
    }
  }

  void check_resumption(const Client& client) {
    const bool resumed = client.connection.was_resumed();
    if (resumed && !options_.resume) throw std::runtime_error("a handshake was resumed");
    // Those under way when the first ticket came are full ones.
    if (counting_ && !resumed && options_.resume) ++not_resumed_;
  }

  /// The server has closed, as it was asked to.
  void next_connection(Client& client) {
    client.connection.close();
    if (!again_) return;
    connect(client);
    begin(client, now_ns());
  }

  // ---- the result -------------------------------------------------------------------------------

  double percentile_us(double share) const {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(latencies_.size()));
    return static_cast<double>(latencies_[std::min(rank, latencies_.size() - 1)]) / 1e3;
  }

  void report() {
    if (units_ == 0) throw std::runtime_error("no request was answered in time");
    if (not_resumed_ > 0) {
      throw std::runtime_error(std::to_string(not_resumed_) + " handshakes were not resumed");
    }
    std::printf("{\"units\": %llu, \"seconds\": %.6f, \"cpu_us\": %.3f",
                static_cast<unsigned long long>(units_),
                static_cast<double>(window_end_ - window_start_) / 1e9,
                static_cast<double>(cpu_end_ - cpu_start_) / 1e3);
    if (!latencies_.empty()) {
      std::sort(latencies_.begin(), latencies_.end());
      std::printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f",
                  percentile_us(0.5), percentile_us(0.99), percentile_us(0.999), percentile_us(1));
    }
    std::puts("}");
  }

  const Options& options_;
  const int epoll_;
  const std::string request_;
  const std::uint64_t total_;  // bytes of head and body
  const std::string body_;
  std::vector<char> scratch_;
  std::unique_ptr<ClientTls> tls_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Client*> idle_;
  std::uint32_t next_source_ = 0;
  bool again_ = false;
  bool counting_ = false;
  std::uint64_t completed_ = 0;
  std::uint64_t units_ = 0;
  std::uint64_t not_resumed_ = 0;
  std::uint64_t window_start_ = 0;
  std::uint64_t window_end_ = 0;
  std::uint64_t cpu_start_ = 0;
  std::uint64_t cpu_end_ = 0;
  std::vector<std::uint64_t> latencies_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  weir::bench::Options options;
  CLI::App app("HTTP load for the benchmarks");
  app.add_option("--port", options.port, "On 127.0.0.1")->required();
  app.add_option("--connections", options.connections);
  app.add_option("--seconds", options.seconds, "Counted, behind the warm-up");
  app.add_option("--warm-up", options.warm_up, "Seconds");
  app.add_option("--rate", options.rate, "Requests a second, open loop; without: closed loop");
  app.add_option("--host", options.host, "Host field and server name");
  app.add_option("--path", options.path);
  app.add_option("--upload", options.upload, "Bytes of request body");
  app.add_option("--expect", options.expect, "Bytes of response body");
  app.add_option("--pid", options.pids, "Whose CPU time counts; repeatable");
  app.add_flag("--tls", options.tls, "TLS 1.3");
  app.add_flag("--browser-head", options.browser_head, "1.5 kB of head");
  app.add_flag("--close", options.close, "A new connection for each request");
  app.add_flag("--resume", options.resume, "With --tls --close: every handshake resumed");
  app.add_flag("--hold", options.hold, "One request each, then idle until a line on stdin");
  CLI11_PARSE(app, argc, argv);
  try {
    weir::bench::raise_descriptor_limit();
    weir::bench::Load load(options);
    options.hold ? load.hold() : load.run();
  } catch (const std::exception& error) {
    std::printf("{\"error\": \"%s\"}\n", error.what());
    return 1;
  }
  return 0;
}
