#include "proxy_control/memory_keeper.h"

#include <gtest/gtest.h>

#include "proxy_control/support.h"

namespace weir::proxy_control {
namespace {

TEST(MemoryKeeper, TrimsWorkersAndThenTheHeapOnceACrowdHasGone) {
  boost::asio::io_context io;
  std::uint64_t open = 10'000;
  int looks = 0;
  std::vector<std::string> steps;
  const MemoryKeeper keeper(
      io, std::chrono::milliseconds(1),
      {[&] {
         ++looks;
         return open;
       },
       [&] { steps.emplace_back("workers"); }, [&] { steps.emplace_back("heap"); }});
  const auto look_again = [&] {
    const auto before = looks;
    return run_until(io, [&] { return looks >= before + 3; });
  };
  ASSERT_TRUE(look_again());
  open = 6'000;  // more than half are there
  ASSERT_TRUE(look_again());
  EXPECT_TRUE(steps.empty());
  open = 4'000;
  ASSERT_TRUE(look_again());
  EXPECT_EQ(steps, (std::vector<std::string>{"workers", "heap"}));
  open = 3'500;  // under half of 10 000, which is forgotten
  ASSERT_TRUE(look_again());
  open = 0;
  ASSERT_TRUE(look_again());
  EXPECT_EQ(steps.size(), 4U);
  open = 900;
  ASSERT_TRUE(look_again());
  open = 0;  // too few to be worth it
  ASSERT_TRUE(look_again());
  EXPECT_EQ(steps.size(), 4U);
}

}  // namespace
}  // namespace weir::proxy_control
