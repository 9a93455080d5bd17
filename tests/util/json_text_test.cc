#include "util/json_text.h"

#include <gtest/gtest.h>

namespace weir::util {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, EscapesWhatWouldEndTheStringOrTheLine) {
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted(std::string_view("\n\0\x1b[31m\x7f", 8)), R"("\u000a\u0000\u001b[31m\u007f")");
  EXPECT_EQ(quoted("\xc2\x9b"), R"("\u009b")");  // CSI, as one character
}

TEST(JsonText, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(quoted("grün €😀"), "\"grün €😀\"");
  const std::string replaced = "\xef\xbf\xbd";
  EXPECT_EQ(quoted("a\xff z"), "\"a" + replaced + " z\"");
  EXPECT_EQ(quoted("\xe2\x82"), '"' + replaced + replaced + '"');                 // cut off
  EXPECT_EQ(quoted("\xc0\xaf"), '"' + replaced + replaced + '"');                 // overlong
  EXPECT_EQ(quoted("\xed\xa0\x80"), '"' + replaced + replaced + replaced + '"');  // a surrogate
  EXPECT_EQ(quoted("\xf4\x90\x80\x80").size(), 2 + 4 * replaced.size());          // beyond U+10FFFF
}

TEST(JsonText, WritesObjects) {
  std::string out;
  JsonObject object(out);
  object.text("a", "x").number("b", 18446744073709551615U).boolean("c", false).name("d");
  out += "[]";
  object.end();
  EXPECT_EQ(out, R"({"a":"x","b":18446744073709551615,"c":false,"d":[]})");
}

TEST(JsonText, WritesTimes) {
  using namespace std::chrono;
  EXPECT_EQ(utc_text(system_clock::time_point(milliseconds(1'709'251'199'007))),
            "2024-02-29T23:59:59.007Z");
}

}  // namespace
}  // namespace weir::util
