#include "weirctl/run.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "common/flags.h"
#include "weirctl/child.h"
#include "weirctl/net.h"
#include "weirctl/run_args.h"

namespace weir::weirctl {

namespace {

using cmd::Address;
using cmd::Flags;
using Clock = Child::Clock;

constexpr std::chrono::milliseconds kLookForReady{20};

/// A private folder for the socket, gone with the object.
class PrivateFolder {
 public:
  PrivateFolder() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    for (const std::string base : {runtime != nullptr ? runtime : "", "/tmp"}) {
      std::string name = base + "/weir-XXXXXX";
      if (!base.empty() && ::mkdtemp(name.data()) != nullptr) {  // mode 0700
        path_ = name;
        return;
      }
    }
  }
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Listeners {
  std::vector<Address> http;
  std::vector<Address> https;
  std::optional<Address> admin;
};

/// Port 0 becomes a free one now: the controller is told what the clients see.
bool settle_ports(Listeners& listeners) {
  std::vector<Address*> all;
  for (auto& address : listeners.http) all.push_back(&address);
  for (auto& address : listeners.https) all.push_back(&address);
  all.push_back(&*listeners.admin);
  return std::ranges::all_of(all, [](Address* address) {
    if (address->port == 0) address->port = find_free_port(address->host);
    return address->port != 0;
  });
}

std::string url(const char* scheme, const Address& address) {
  const bool any = address.host == "::" || address.host == "0.0.0.0";
  return fmt::format("{}://{}", scheme,
                     to_string(Address{any ? "localhost" : address.host, address.port}));
}

/// The name of a program that was installed, or built, beside this one.
std::string beside(const char* name) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  return (own.parent_path() / name).string();
}

/// The two processes, watched.
class Pair {
 public:
  Pair(Child controller, Child proxy, Listeners listeners)
      : controller_(std::move(controller)),
        proxy_(std::move(proxy)),
        listeners_(std::move(listeners)) {}

  int run() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    signal_fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd_ < 0) return 1;
    controller_.start();
    proxy_.start();
    while (!exit_code_ || controller_.runs() || proxy_.runs()) step();
    ::close(signal_fd_);
    return *exit_code_;
  }

 private:
  /// Waits for a signal or the next thing to do, and does it.
  void step() {
    const auto now = Clock::now();
    auto next = now + std::chrono::hours(1);
    for (const auto* child : {&controller_, &proxy_}) {
      if (!exit_code_ && !child->runs()) next = std::min(next, child->due());
    }
    if (!told_ && !exit_code_) next = std::min(next, now + kLookForReady);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    pollfd ready{signal_fd_, POLLIN, 0};
    ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(0, wait)));

    signalfd_siginfo info{};
    while (::read(signal_fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo != SIGCHLD) end();
    }
    reap();
    if (exit_code_) return;
    for (auto* child : {&controller_, &proxy_}) {
      if (!child->runs() && child->due() <= Clock::now()) child->start();
    }
    tell_when_ready();
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      Child& child = pid == proxy_.pid() ? proxy_ : controller_;
      if (pid != child.pid()) continue;
      const bool ending = exit_code_.has_value();
      if (ending) {
        child.forget();
      } else if (const auto code = child.on_exit(status)) {
        exit_code_ = code;
        proxy_.terminate();
        controller_.terminate();
      }
      // The proxy first: the controller keeps feeding it while it drains.
      if (ending && &child == &proxy_) controller_.terminate();
    }
  }

  /// A first signal ends politely, a second one at once.
  void end() {
    if (exit_code_) {
      proxy_.kill();
      controller_.kill();
      return;
    }
    exit_code_ = 0;
    proxy_.terminate();
    if (!proxy_.runs()) controller_.terminate();
  }

  void tell_when_ready() {
    if (told_ || !answers_ready(*listeners_.admin)) return;
    told_ = true;
    std::string open;
    for (const auto& address : listeners_.http) open += "  " + url("http", address) + "\n";
    for (const auto& address : listeners_.https) open += "  " + url("https", address) + "\n";
    fmt::print("ready; open\n{}metrics are at {}/metrics\n", open, url("http", *listeners_.admin));
    std::fflush(stdout);
  }

  Child controller_;
  Child proxy_;
  Listeners listeners_;
  int signal_fd_ = -1;
  bool told_ = false;
  std::optional<int> exit_code_;  // set: everything ends
};

std::vector<std::string> proxy_args(const std::string& socket, const Listeners& listeners,
                                    const std::string& log_level) {
  std::vector<std::string> args = {"--socket=" + socket, "--log-level=" + log_level,
                                   "--admin=" + to_string(*listeners.admin)};
  for (const auto& address : listeners.http) args.push_back("--http=" + to_string(address));
  for (const auto& address : listeners.https) args.push_back("--https=" + to_string(address));
  // One who presses Ctrl-C does not want to wait for somebody's tunnel.
  if (std::getenv("WEIR_DRAIN_TIMEOUT") == nullptr) args.emplace_back("--drain-timeout=2s");
  return args;
}

std::vector<std::string> controller_args(const RunArgs& given, const std::string& socket,
                                         const Listeners& listeners, const std::string& log_level) {
  std::vector<std::string> args = {"--source=dir:" + given.path, "--socket=" + socket,
                                   "--log-level=" + log_level};
  const auto public_port = [&](const char* flag, const std::vector<Address>& addresses) {
    if (addresses.empty() || std::getenv(cmd::environment_name(flag).c_str()) != nullptr) return;
    args.push_back(fmt::format("{}={}", flag, addresses.front().port));
  };
  public_port("--public-http-port", listeners.http);
  public_port("--public-https-port", listeners.https);
  // Behind these, so that what is given wins.
  args.insert(args.end(), given.controller.begin(), given.controller.end());
  return args;
}

}  // namespace

int run(const std::vector<std::string>& args) {
  const auto any = cmd::any_address();
  Listeners listeners{{{any, 8080}}, {{any, 8443}}, Address{"127.0.0.1", 10254}};
  auto level = util::log::Level::Info;
  Flags flags("weirctl run",
              "Serves a folder of Kubernetes manifests: weirctl run PATH [flags]\n"
              "Flags that are not listed here are weir-controller's.");
  flags.addresses("--http", listeners.http, "Listen for HTTP; repeatable; default :8080");
  flags.addresses("--https", listeners.https, "Listen for HTTPS; repeatable; default :8443");
  flags.address("--admin", listeners.admin, "Listen for /healthz, /readyz, /metrics");
  flags.log_level(level);

  std::vector<const char*> argv = {"weirctl run"};
  if (std::ranges::find(args, "--help") != args.end()) argv.push_back("--help");
  auto given = split_run_args(args, {"--http", "--https", "--admin", "--log-level"});
  if (argv.size() == 1) {
    if (!given) {
      fmt::print(stderr, "weirctl run: {}\n", given.error().detail);
      return 2;
    }
    for (const auto& arg : given->own) argv.push_back(arg.c_str());
  }
  if (const auto code = flags.parse(static_cast<int>(argv.size()), argv.data())) return *code;
  if (given->path.empty()) return flags.refuse("PATH", "is missing: the folder of manifests");
  std::error_code error;
  if (!std::filesystem::is_directory(given->path, error)) {
    return flags.refuse(given->path, "is no folder");
  }
  if (!settle_ports(listeners)) return flags.refuse("--http", "or --https: no port is free");

  util::log::init("weirctl", level);
  const PrivateFolder folder;
  if (folder.path().empty()) {
    util::log::error("no folder can be made for the socket in $XDG_RUNTIME_DIR or /tmp");
    return 1;
  }
  const auto socket = folder.path() + "/weir.sock";
  const std::string level_name = util::log::name(level);
  Child controller(beside("weir-controller"),
                   controller_args(*given, socket, listeners, level_name));
  Child proxy(beside("weir-proxy"), proxy_args(socket, listeners, level_name));
  return Pair(std::move(controller), std::move(proxy), std::move(listeners)).run();
}

}  // namespace weir::weirctl
