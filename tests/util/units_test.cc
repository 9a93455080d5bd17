#include "util/units.h"

#include <gtest/gtest.h>

namespace weir::util {
namespace {

using std::chrono::milliseconds;

TEST(Units, DurationsHaveAUnit) {
  EXPECT_EQ(*parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(*parse_duration("60s"), milliseconds(60'000));
  EXPECT_EQ(*parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(*parse_duration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(*parse_duration("0"), milliseconds(0));
  for (const char* wrong : {"", "s", "5", "-1s", "1.5s", "1 s", "1d", "99999999999999999h"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
  EXPECT_EQ(to_string(milliseconds(90'000)), "90s");
  EXPECT_EQ(to_string(milliseconds(3'600'000)), "1h");
  EXPECT_EQ(to_string(milliseconds(1)), "1ms");
  EXPECT_EQ(to_string(milliseconds(0)), "0s");
}

TEST(Units, SizesAreOf1024) {
  EXPECT_EQ(*parse_size("4096"), 4096U);
  EXPECT_EQ(*parse_size("32k"), 32768U);
  EXPECT_EQ(*parse_size("16M"), 16U << 20);
  EXPECT_EQ(*parse_size("1g"), 1U << 30);
  for (const char* wrong : {"", "k", "-1", "1t", "1kb", "18446744073709551615g"}) {
    EXPECT_FALSE(parse_size(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace weir::util
