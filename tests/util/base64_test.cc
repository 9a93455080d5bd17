#include "util/base64.h"

#include <gtest/gtest.h>

namespace weir::util {
namespace {

TEST(Base64, IsReadWithItsPadding) {
  EXPECT_EQ(decode_base64("YTpi"), "a:b");
  EXPECT_EQ(decode_base64("YTo="), "a:");
  EXPECT_EQ(decode_base64("YQ=="), "a");
  EXPECT_EQ(decode_base64("YT\npi\r\n"), "a:b");
  EXPECT_EQ(decode_base64(""), "");
  for (const auto* text : {"YTp", "Y===", "====", "YT=i", " YTpi   ", "YT*i"}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
}

}  // namespace
}  // namespace weir::util
