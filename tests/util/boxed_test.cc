#include "util/boxed.h"

#include <string>

#include <gtest/gtest.h>

namespace weir::util {
namespace {

TEST(Boxed, IsEmptyUntilItGetsAValue) {
  Boxed<std::string> box;
  EXPECT_FALSE(box);
  EXPECT_EQ(box, Boxed<std::string>(std::nullopt));

  box = std::string("text");
  EXPECT_TRUE(box);
  EXPECT_EQ(*box, "text");
  box.emplace() = "other";
  EXPECT_EQ(*box, "other");
  box = std::nullopt;
  EXPECT_FALSE(box);
}

TEST(Boxed, ACopyIsChangedOnItsOwn) {
  const Boxed<std::string> box(std::string("text"));
  auto copy = box;
  EXPECT_EQ(copy, box);

  *copy += "s";

  EXPECT_EQ(*box, "text");
  EXPECT_EQ(copy->size(), 5U);
  EXPECT_NE(copy, box);
}

TEST(Boxed, NoneIsNotTheSameAsADefault) {
  EXPECT_NE(Boxed<std::string>(std::string()), Boxed<std::string>());
  EXPECT_EQ(sizeof(Boxed<std::string>), sizeof(void*));
}

}  // namespace
}  // namespace weir::util
