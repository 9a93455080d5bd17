// How many instructions of user space a request and a message cost, counted by callgrind on the
// real program: parser, routing, head edit, relay and loop, with what they call in libraries.

#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "gates/proxy_under_tool.h"

namespace weir::test {
namespace {

constexpr int kCount = 500;
constexpr double kTolerance = 0.05;

/// Instructions inside the worker's loop, in the life of a proxy that served `traffic`.
double count_instructions(const std::function<bool(ProxyUnderTool&)>& traffic) {
  const TempFolder folder;
  const auto file = folder.path("callgrind.out");
  ProxyUnderTool proxy({find_tool("valgrind"), "--tool=callgrind", "--quiet",
                        "--toggle-collect=weir::proxy::EventLoop::run()",
                        "--callgrind-out-file=" + file});
  EXPECT_TRUE(traffic(proxy)) << proxy.output();
  EXPECT_TRUE(proxy.end()) << proxy.output();
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("totals: ")) continue;
    const auto total = std::stod(line.substr(8));
    EXPECT_GT(total, 0) << "callgrind did not find the worker's loop";
    return total;
  }
  ADD_FAILURE() << "callgrind wrote no totals";
  return 0;
}

/// "debian12-gcc12": what the figures depend on.
std::string platform() {
  std::string id;
  std::string version;
  std::ifstream in("/etc/os-release");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("ID=")) id = line.substr(3);
    if (line.starts_with("VERSION_ID=")) version = line.substr(11);
  }
  std::erase(version, '"');
  return id + version + "-gcc" + std::to_string(__GNUC__);
}

/// 0: none.
double recorded(const std::string& metric) {
  std::ifstream in(WEIR_INSTRUCTIONS_FILE);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string its_platform;
    std::string its_metric;
    double figure = 0;
    if (words >> its_platform >> its_metric >> figure && its_platform == platform() &&
        its_metric == metric) {
      return figure;
    }
  }
  return 0;
}

void expect_as_recorded(const std::string& metric, double figure) {
  std::ostringstream line;
  line << platform() << '\t' << metric << '\t' << static_cast<long>(figure);
  const auto how =
      "\n\n  If that is meant, say why in the commit, and put this line into "
      "tests/gates/instructions.tsv:\n\n" +
      line.str() + "\n";
  const auto record = recorded(metric);
  if (record == 0) {
    std::cerr << "\n*** tests/gates/instructions.tsv has no figure for " << metric << " on "
              << platform() << ": nothing is held against " << figure << " instructions." << how;
    EXPECT_NE(platform(), "debian12-gcc12") << "the reference platform must have every figure";
    return;
  }
  std::cout << metric << ": " << figure << " instructions, recorded " << record << '\n';
  EXPECT_LE(figure, record * (1 + kTolerance)) << "more work than recorded." << how;
  EXPECT_GE(figure, record * (1 - kTolerance)) << "less work than recorded: well done." << how;
}

// What all three runs have in common cancels: start, connections, the tunnel's opening.
TEST(InstructionGate, RequestAndMessageCostWhatIsRecorded) {
  const auto run = [](int requests, int messages) {
    return count_instructions([&](auto& proxy) {
      return proxy.send_requests(requests) && proxy.send_messages(messages);
    });
  };
  const auto base = run(kCount, kCount);
  expect_as_recorded("request", (run(2 * kCount, kCount) - base) / kCount);
  expect_as_recorded("message", (run(kCount, 2 * kCount) - base) / (2 * kCount));
}

}  // namespace
}  // namespace weir::test
