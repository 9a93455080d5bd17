#include "weirctl/wait.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/flags.h"
#include "weirctl/input_flags.h"

namespace weir::weirctl {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPause{200};
constexpr milliseconds kConnectionTime{5'000};

struct Url {
  std::string host;  ///< without brackets
  std::string port;
  std::string path;
};

/// "http://HOST:PORT/PATH"; port and path may be left out.
std::optional<Url> parse_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const auto slash = text.find('/');
  auto authority = text.substr(0, slash);
  Url url{{}, "80", slash == text.npos ? "/" : std::string(text.substr(slash))};
  const auto colon = authority.rfind(':');
  if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
    url.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  url.host = authority;
  if (url.host.empty() || url.port.empty()) return std::nullopt;
  return url;
}

/// A TCP connection with a time limit for each step; closed when it goes.
class Connection {
 public:
  explicit Connection(const Url& url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found) != 0) return;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
    for (const auto* one = found; one != nullptr && !is_open(); one = one->ai_next) connect(*one);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }

  bool is_open() const { return fd_ >= 0; }

  /// The status of the answer; 0: there was none.
  int get(const Url& url) const {
    const auto request = "GET " + url.path + " HTTP/1.0\r\nHost: " + url.host + "\r\n\r\n";
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      return 0;
    }
    std::array<char, sizeof "HTTP/1.0 200" - 1> line{};
    if (::recv(fd_, line.data(), line.size(), MSG_WAITALL) != static_cast<ssize_t>(line.size())) {
      return 0;
    }
    const std::string_view text(line.data(), line.size());
    return text.starts_with("HTTP/1.") ? std::atoi(std::string(text.substr(9)).c_str()) : 0;
  }

 private:
  void connect(const addrinfo& address) {
    fd_ = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return;
    const timeval patience{kConnectionTime / std::chrono::seconds(1), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(fd_, address.ai_addr, address.ai_addrlen) != 0) close();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  int fd_ = -1;
};

/// Until nobody takes connections there.
bool is_gone_by(const Url& url, steady_clock::time_point end) {
  while (Connection(url).is_open()) {
    if (steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

/// Until the answer's status begins with one of these; what it was instead, in words.
std::optional<std::string> lacks_answer_by(const Url& url, const std::vector<std::string>& statuses,
                                           steady_clock::time_point end) {
  for (;;) {
    const Connection connection(url);
    const auto status = connection.is_open() ? connection.get(url) : 0;
    const auto is_it = [text = std::to_string(status)](const std::string& wanted) {
      return text.starts_with(wanted);
    };
    if (std::any_of(statuses.begin(), statuses.end(), is_it)) return std::nullopt;
    if (steady_clock::now() >= end) {
      if (!connection.is_open()) return "nobody takes connections there";
      return status == 0 ? "there is no answer" : "the answer is " + std::to_string(status);
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

int wait(const std::vector<std::string>& args) {
  const std::string program = "weirctl wait";
  cmd::Flags flags(program, "Waits for an HTTP server, or for a time: weirctl wait [URL]");
  std::string given;
  flags.word("URL", given, "http://HOST:PORT/PATH; without, only --timeout passes");
  std::vector<std::string> statuses;
  flags.texts("--status", statuses,
              "Until it answers with this status, or one that begins so; repeatable; default: 200");
  bool gone = false;
  flags.toggle("--gone", gone, "Until it takes no connections instead");
  milliseconds timeout{60'000};
  flags.duration("--timeout", timeout, "Not longer than that");
  const auto argv = to_argv(program, args);
  if (const auto code = flags.parse(static_cast<int>(argv.size()), argv.data())) return *code;
  if (given.empty()) {
    std::this_thread::sleep_for(timeout);
    return 0;
  }
  const auto url = parse_url(given);
  if (!url) return flags.refuse("URL", "must be like http://HOST:PORT/PATH");
  if (statuses.empty()) statuses = {"200"};
  const auto end = steady_clock::now() + timeout;
  if (gone) {
    if (is_gone_by(*url, end)) return 0;
    fmt::print(stderr, "{}: it still takes connections\n", given);
    return 1;
  }
  if (const auto instead = lacks_answer_by(*url, statuses, end)) {
    fmt::print(stderr, "{}: expected {}; {}\n", given, fmt::join(statuses, " or "), *instead);
    return 1;
  }
  return 0;
}

}  // namespace weir::weirctl
