// How many syscalls a request and a message cost, counted by strace on the real program.

#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "gates/proxy_under_tool.h"

namespace weir::test {
namespace {

constexpr int kCount = 500;
constexpr double kNoise = 0.05;  // of a call: turns of the loop for its timers, on a slow machine

using Calls = std::map<std::string, double>;

/// All calls of the worker in the life of a proxy that served `traffic`.
Calls count_calls(const std::function<bool(ProxyUnderTool&)>& traffic) {
  const TempFolder folder;
  const auto file = folder.path("calls");
  ProxyUnderTool proxy({find_tool("strace"), "-f", "-s", "9", "-o", file});
  EXPECT_TRUE(traffic(proxy)) << proxy.output();
  EXPECT_TRUE(proxy.end()) << proxy.output();
  // "12345 recvfrom(…": the thread, then the call. The worker is the one thread that names itself;
  // its name cannot be read by everybody.
  std::map<std::string, Calls> by_thread;
  std::string worker;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string thread;
    std::string call;
    words >> thread >> call;
    const auto name_end = call.find('(');
    if (name_end == std::string::npos || name_end == 0) continue;  // "<... resumed>", "+++ exited"
    ++by_thread[thread][call.substr(0, name_end)];
    if (call.starts_with("prctl(PR_SET_NAME")) worker = thread;
  }
  EXPECT_FALSE(worker.empty()) << "strace saw no worker";
  return by_thread[worker];
}

/// Calls for each of `units`, of which the second traffic has so many more than the first.
Calls calls_per(int units, const std::function<bool(ProxyUnderTool&)>& once,
                const std::function<bool(ProxyUnderTool&)>& twice) {
  const auto few = count_calls(once);
  auto calls = count_calls(twice);
  for (auto& [name, count] : calls) {
    const auto before = few.find(name);
    count = (count - (before == few.end() ? 0 : before->second)) / units;
  }
  return calls;
}

/// What is no waiting.
double working(const Calls& calls) {
  double sum = 0;
  for (const auto& [name, count] : calls) {
    if (name != "epoll_wait") sum += count;
  }
  return sum;
}

std::string show(const Calls& calls) {
  std::string text;
  for (const auto& [name, count] : calls) {
    if (count > 0.001) text += name + " " + std::to_string(count) + "\n";
  }
  return text;
}

TEST(SyscallGate, RequestTakesFour) {
  const auto calls = calls_per(
      kCount, [](auto& proxy) { return proxy.send_requests(kCount); },
      [](auto& proxy) { return proxy.send_requests(2 * kCount); });

  EXPECT_LE(working(calls), 4 + kNoise) << show(calls);
  EXPECT_LE(calls.at("epoll_wait"), 2 + kNoise) << show(calls);
}

TEST(SyscallGate, RequestOverTlsTakesFour) {
  const auto calls = calls_per(
      kCount, [](auto& proxy) { return proxy.send_requests(kCount, true); },
      [](auto& proxy) { return proxy.send_requests(2 * kCount, true); });

  EXPECT_LE(working(calls), 4 + kNoise) << show(calls);
  EXPECT_LE(calls.at("epoll_wait"), 2 + kNoise) << show(calls);
}

TEST(SyscallGate, MessageTakesTwo) {
  const auto calls = calls_per(
      2 * kCount, [](auto& proxy) { return proxy.send_messages(kCount); },
      [](auto& proxy) { return proxy.send_messages(2 * kCount); });

  EXPECT_LE(working(calls), 2 + kNoise) << show(calls);
  EXPECT_LE(calls.at("epoll_wait"), 1 + kNoise) << show(calls);
}

}  // namespace
}  // namespace weir::test
