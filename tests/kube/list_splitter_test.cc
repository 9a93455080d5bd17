#include "kube/list_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Split {
  std::vector<std::string> items;
  std::string head;
  std::size_t oversized = 0;
};

Split split(std::string_view text, std::size_t piece, std::size_t max_item = 1000) {
  Split result;
  ListSplitter splitter(
      max_item, [&](std::string_view item, std::size_t) { result.items.emplace_back(item); });
  for (std::size_t at = 0; at < text.size(); at += piece) {
    EXPECT_TRUE(splitter.feed(text.substr(at, piece)));
  }
  result.head = splitter.head();
  result.oversized = splitter.oversized();
  return result;
}

constexpr std::string_view kList =
    R"({"kind":"items","metadata":{"items":[1],"continue":"a\"]"},"items":[ {"a":[{"items":[]}]} ,
      {"b":"\\\"}]"},null],"more":["items",[2]]})";

TEST(ListSplitter, CutsAtAnyPlace) {
  for (const std::size_t piece : {1, 2, 3, 7, 1000}) {
    const auto result = split(kList, piece);
    EXPECT_THAT(result.items, ElementsAre(R"({"a":[{"items":[]}]})", R"({"b":"\\\"}]"})", "null"));
    EXPECT_EQ(result.head,
              R"({"kind":"items","metadata":{"items":[1],"continue":"a\"]"},"items":[],)"
              R"("more":["items",[2]]})");
  }
}

TEST(ListSplitter, PassesOverWhatIsTooLarge) {
  const auto result = split(R"({"items":[{"a":"xxxxxxxxxxxxxxxxxxxx"},{}]})", 3, 10);
  EXPECT_THAT(result.items, ElementsAre("{}"));
  EXPECT_EQ(result.oversized, 1u);
}

TEST(ListSplitter, SurvivesAnything) {
  for (const char* text :
       {"", "]]]]", "}{", "\"", "[[[,,,", "{\"items\":[", "{\"items\":[{]}", "x"}) {
    split(text, 1);
  }
  EXPECT_THAT(split(R"({"items":null})", 4).items, IsEmpty());
  ListSplitter splitter(10, [](std::string_view, std::size_t) {});
  EXPECT_FALSE(splitter.feed(std::string(2 << 20, 'x')));
}

}  // namespace
}  // namespace weir::kube
