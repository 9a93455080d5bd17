#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weirctl/completion.h"
#include "weirctl/docs.h"
#include "weirctl/net.h"
#include "weirctl/run.h"
#include "weirctl/run_args.h"

namespace weir::weirctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

util::Result<RunArgs> split(const std::vector<std::string>& args) {
  return split_run_args(args, {"--http", "--admin"});
}

TEST(RunArgs, PartsOwnFlagsFromTheControllers) {
  const auto args =
      split({"--http", ":1", "folder", "--ingress-class", "weir", "--admin=:2", "--update-status",
             "--watch-ingress-without-class=false", "--controller-class=x"});
  ASSERT_TRUE(args) << args.error().detail;
  EXPECT_EQ(args->path, "folder");
  EXPECT_THAT(args->own, ElementsAre("--http=:1", "--admin=:2"));
  EXPECT_THAT(args->controller,
              ElementsAre("--ingress-class=weir", "--update-status",
                          "--watch-ingress-without-class=false", "--controller-class=x"));
}

TEST(RunArgs, AFlagBeforeThePathTakesItsValueAndASwitchDoesNot) {
  EXPECT_EQ(split({"--ingress-class", "weir", "folder"})->path, "folder");
  EXPECT_EQ(split({"--disable-leader-election", "folder"})->path, "folder");
}

TEST(RunArgs, SaysWhatIsWrong) {
  EXPECT_EQ(split({"a", "b"}).error().detail, "b is a second PATH");
  EXPECT_EQ(split({"a", "--http"}).error().detail, "--http needs a value");
  EXPECT_EQ(split({"a", "--ingress-class", "--http=:1"}).error().detail,
            "--ingress-class needs a value");
  EXPECT_EQ(split({})->path, "");
}

TEST(WeirctlRun, WrongFlagsAreExitTwoWithOneLine) {
  for (const auto& [args, text] : {std::pair{std::vector<std::string>{}, "PATH is missing"},
                                   {{"/nowhere/at/all"}, "/nowhere/at/all is no folder"},
                                   {{"/", "--http=x"}, "--http"},
                                   {{"/", "--admin"}, "--admin needs a value"}}) {
    CaptureStderr();
    EXPECT_EQ(run(args), 2);
    const auto line = GetCapturedStderr();
    EXPECT_THAT(line, HasSubstr(text));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1) << line;
  }
}

TEST(FreePort, IsOneOfAnAddressOfThisMachine) {
  EXPECT_NE(find_free_port("127.0.0.1"), 0);
  EXPECT_EQ(find_free_port("192.0.2.1"), 0);
  EXPECT_EQ(find_free_port("name"), 0);
}

TEST(Readiness, NobodyListensIsNotReady) {
  EXPECT_FALSE(answers_ready({"127.0.0.1", find_free_port("127.0.0.1")}));
}

TEST(Completion, KnowsThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"}) EXPECT_FALSE(completion(shell).empty());
  EXPECT_TRUE(completion("csh").empty());
}

TEST(Docs, PrintsThePageOfAnnotations) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(docs({"annotations"}), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), ::testing::StartsWith("# Annotations\n"));

  CaptureStderr();
  EXPECT_EQ(docs({}), 2);
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("needs annotations"));
}

}  // namespace
}  // namespace weir::weirctl
