#include "inspect/input.h"

#include <iostream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inspect/dumps.h"
#include "support/temp_folder.h"

namespace weir::inspect {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kService =
    "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 80\n";

TEST(Input, OfAFolderHasItsSubfoldersAndKnowsWhereFieldsAre) {
  const test::TempFolder folder;
  folder.write("a/web.yaml", std::string("---\n") + kService);
  folder.write("b.txt", kService);
  folder.write(".git/c.yaml", kService);
  const auto input = read_input(folder.path());
  ASSERT_TRUE(input) << input.error().detail;
  ASSERT_THAT(input->objects(), SizeIs(1));
  const kube::ObjectRef web{kube::Kind::Service, "default", "web"};
  EXPECT_EQ(input->place_of(web, ""), folder.path("a/web.yaml:2"));
  EXPECT_EQ(input->place_of(web, "spec.ports[0].port"), folder.path("a/web.yaml:8"));
  EXPECT_EQ(input->place_of({kube::Kind::Service, "default", "none"}, ""), "");
}

TEST(Input, FirstOfTwoWithTheSameNameCounts) {
  Input input;
  input.add_text(kService, "a.yaml");
  input.add_text(std::string("\n\n") + kService, "b.yaml");
  EXPECT_THAT(input.objects(), SizeIs(1));
  ASSERT_THAT(input.findings(), SizeIs(1));
  EXPECT_EQ(input.findings()[0].problem.code, "DuplicateObject");
  EXPECT_EQ(input.findings()[0].place, "b.yaml:3");
  EXPECT_THAT(input.findings()[0].problem.message, HasSubstr("a.yaml:1"));
}

TEST(Input, WhatCannotBeReadIsAFindingWithFileAndLine) {
  Input input;
  input.add_text("a: b\nc: [\n", "broken.yaml");
  input.add_text("apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  ports:\n  - {}\n",
                 "half.yaml");
  ASSERT_THAT(input.findings(), SizeIs(2));
  EXPECT_EQ(input.findings()[0].problem.code, "ManifestUnreadable");
  EXPECT_THAT(input.findings()[0].place, testing::StartsWith("broken.yaml:"));
  EXPECT_THAT(input.findings()[0].problem.message, testing::StartsWith("not valid YAML"));
  EXPECT_EQ(input.findings()[1].place, "half.yaml:7");
  EXPECT_EQ(input.findings()[1].problem.field, "spec.ports[0].port");
  EXPECT_EQ(input.findings()[1].problem.message, "is required");
}

TEST(Input, NothingToReadNamesThePath) {
  const test::TempFolder folder;
  EXPECT_THAT(read_input(folder.path()).error().detail, HasSubstr(folder.path()));
  EXPECT_THAT(read_input(folder.path("none.yaml")).error().detail,
              EndsWith("none.yaml: there is no such file"));
}

TEST(Input, ADashIsStandardInput) {
  std::istringstream text(kService);
  auto* before = std::cin.rdbuf(text.rdbuf());
  const auto input = read_input("-");
  std::cin.rdbuf(before);
  ASSERT_TRUE(input);
  EXPECT_EQ(input->place_of({kube::Kind::Service, "default", "web"}, ""), "standard input:1");
}

TEST(Settings, ClassesAreAssumedOnlyWhereNoneIsGiven) {
  auto without = dump("ingresses.yaml");
  const auto assumed = settle_options(without, {});
  EXPECT_THAT(assumed.notes, ElementsAre(HasSubstr("nginx, weir")));
  EXPECT_FALSE(without.has(kube::Kind::IngressClass)) << "assumed, not given";

  auto with = dump("shop");
  EXPECT_THAT(settle_options(with, {}).notes, IsEmpty());
}

}  // namespace
}  // namespace weir::inspect
