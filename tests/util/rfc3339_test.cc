#include "util/rfc3339.h"

#include <gtest/gtest.h>

namespace weir::util {
namespace {

TEST(Rfc3339, IsUtcWithMicroseconds) {
  using std::chrono::microseconds;
  using Time = std::chrono::system_clock::time_point;
  EXPECT_EQ(rfc3339_micro(Time(microseconds(0))), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(rfc3339_micro(Time(microseconds(1'795'255'200'000'042))),
            "2026-11-21T10:00:00.000042Z");
}

}  // namespace
}  // namespace weir::util
