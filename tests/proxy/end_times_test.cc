#include "proxy/end_times.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

// How ends are spread (docs/tunnels.md "Paced"). Nothing here waits: the plan is looked at.

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimerWheel::TimePoint kBegin{std::chrono::hours(1)};

/// How many of `times` fall into each `bucket` behind the beginning.
std::map<std::int64_t, int> by_bucket(const std::vector<TimerWheel::TimePoint>& times,
                                      std::chrono::nanoseconds bucket) {
  std::map<std::int64_t, int> counts;
  for (const auto at : times) ++counts[(at - kBegin) / bucket];
  return counts;
}

TEST(EndTimes, Pain02_EverySecondOfAWindowHasItsShareOfTheEnds) {
  for (const std::uint64_t seed : {1U, 7U, 1023U, 4711U}) {
    const auto times = end_times(2'000, kBegin, seconds(60), seed);
    ASSERT_EQ(times.size(), 2'000U);
    const auto [first, last] = std::ranges::minmax(times);
    EXPECT_GE(first, kBegin);
    EXPECT_LT(last, kBegin + seconds(60));
    const auto counts = by_bucket(times, seconds(1));
    EXPECT_EQ(counts.size(), 60U);
    for (const auto& [second, count] : counts) {
      EXPECT_GE(count, 33) << second;
      EXPECT_LE(count, 34) << second;
    }
  }
}

TEST(EndTimes, Pain02_TheOrderIsAnotherOneEachTime) {
  const auto order = [](std::uint64_t seed) {
    const auto times = end_times(100, kBegin, seconds(10), seed);
    std::vector<std::size_t> who(times.size());
    for (std::size_t i = 0; i < who.size(); ++i) who[i] = i;
    std::ranges::sort(who, {}, [&](std::size_t i) { return times[i]; });
    return who;
  };
  const auto first = order(1);
  EXPECT_NE(first, order(2));
  EXPECT_FALSE(std::ranges::is_sorted(first)) << "not in the order in which they came";
  EXPECT_EQ(first, order(1));
}

TEST(EndTimes, Pain02_WorkersDoNotSpeakAllAtOnce) {
  // Eight workers with ten tunnels each, a second apart: each begins at a place of its own.
  std::vector<TimerWheel::TimePoint> all;
  for (std::uint64_t worker = 0; worker < 8; ++worker) {
    const auto times = end_times(10, kBegin, seconds(10), worker * 128);
    all.insert(all.end(), times.begin(), times.end());
  }
  for (const auto& [eighth, count] : by_bucket(all, milliseconds(125))) {
    EXPECT_EQ(count, 1) << eighth;
  }
}

TEST(EndTimes, OfNobodyOrWithoutAWindowAreNow) {
  EXPECT_TRUE(end_times(0, kBegin, seconds(10), 1).empty());
  for (const auto at : end_times(3, kBegin, milliseconds(0), 1)) EXPECT_EQ(at, kBegin);
}

}  // namespace
}  // namespace weir::proxy
