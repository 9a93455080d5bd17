#include "util/regex.h"

#include <gtest/gtest.h>

namespace weir::util {
namespace {

using Outcome = RegexMatcher::Outcome;

Regex regex(std::string_view pattern, bool hastened = true) {
  auto made = Regex::compile(pattern);
  EXPECT_TRUE(made) << pattern;
  if (hastened) made->hasten();
  return *std::move(made);
}

TEST(Regex, MatchesAnywhereInUpperAndLowerCase) {
  RegexMatcher matcher;
  for (const bool hastened : {false, true}) {
    EXPECT_EQ(matcher.match(regex("b+c", hastened), "aBBcd"), Outcome::Match);
    EXPECT_EQ(matcher.group(0), "BBc");
    EXPECT_EQ(matcher.match(regex("^b", hastened), "ab"), Outcome::None);
  }
}

TEST(Regex, HeedsCaseIfToldSo) {
  RegexMatcher matcher;
  const auto heeds = Regex::compile("bC", Regex::Case::Heeded);
  ASSERT_TRUE(heeds);
  EXPECT_EQ(matcher.match(*heeds, "abCd"), Outcome::Match);
  EXPECT_EQ(matcher.match(*heeds, "abcd"), Outcome::None);
}

TEST(Regex, IsTheKeyOfAMapBehindATilde) {
  RegexMatcher matcher;
  EXPECT_FALSE(compile_map_pattern("bC"));
  const auto heeds = compile_map_pattern("~bC");
  ASSERT_TRUE(heeds && *heeds);
  EXPECT_EQ(matcher.match(**heeds, "abc"), Outcome::None);
  const auto ignores = compile_map_pattern("~*bC");
  ASSERT_TRUE(ignores && *ignores);
  EXPECT_EQ(matcher.match(**ignores, "abc"), Outcome::Match);
  const auto wrong = compile_map_pattern("~*(");
  ASSERT_TRUE(wrong);
  EXPECT_FALSE(*wrong);
}

TEST(Regex, HasTheGroupsOfTheLastMatch) {
  RegexMatcher matcher;
  const auto some = regex("/(a)?(b*)(c)");
  ASSERT_EQ(matcher.match(some, "x/bbc"), Outcome::Match);
  EXPECT_EQ(matcher.group(1), "");
  EXPECT_EQ(matcher.group(2), "bb");
  EXPECT_EQ(matcher.group(3), "c");
  EXPECT_EQ(matcher.group(4), "");
  ASSERT_EQ(matcher.match(regex("(1)(2)(3)(4)(5)(6)(7)(8)(9)(a)(b)"), "123456789ab"),
            Outcome::Match);
  EXPECT_EQ(matcher.group(9), "9");
  EXPECT_EQ(matcher.group(10), "");
  EXPECT_EQ(matcher.match(some, "nothing"), Outcome::None);
  EXPECT_EQ(matcher.group(0), "");
}

TEST(Regex, TakesBytesThatAreNoText) {
  RegexMatcher matcher;
  ASSERT_EQ(matcher.match(regex("^/(.)(.)$"), "/\xff\xc3"), Outcome::Match);
  EXPECT_EQ(matcher.group(2), "\xc3");
}

TEST(Regex, SaysWhyAPatternIsNone) {
  for (const auto* wrong :
       {"/(a", "/a{2,1}", "/[b", "/(?<n>a)\\k<m>", "(*UTF8)/a", "/((((x{250}){250}){250}){250})"}) {
    const auto made = Regex::compile(wrong);
    ASSERT_FALSE(made) << wrong;
    EXPECT_NE(made.error().detail, "") << wrong;
  }
  EXPECT_EQ(Regex::compile("/(a").error().detail, "missing closing parenthesis (at byte 3)");
}

TEST(Regex, GivesUpOnWhatTakesForEver) {
  RegexMatcher matcher;
  const std::string path = "/" + std::string(5'000, 'a') + "!";
  for (const bool hastened : {false, true}) {
    for (const auto* slow : {"^/(a+)+$", "^/(a|aa)+$", "^/(a|a?)+$"}) {
      EXPECT_EQ(matcher.match(regex(slow, hastened), path), Outcome::OverLimit) << slow;
    }
    EXPECT_EQ(matcher.match(regex("^/(.*)$", hastened), path), Outcome::Match);
  }
}

TEST(Regex, MatchesLongPathsByPatternsThatPeopleWrite) {
  RegexMatcher matcher;
  const std::string path = "/api/" + std::string(16 * 1024, 'a');
  for (const auto* usual : {"^/api(/|$)(.*)", "^/(api|v[0-9]+)/([a-z]+)", "^/api/((?:[a-z])*)$"}) {
    EXPECT_EQ(matcher.match(regex(usual), path), Outcome::Match) << usual;
  }
}

}  // namespace
}  // namespace weir::util
