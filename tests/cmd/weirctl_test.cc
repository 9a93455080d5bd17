#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weirctl/completion.h"
#include "weirctl/docs.h"
#include "weirctl/explain.h"
#include "weirctl/lint.h"
#include "weirctl/migrate.h"
#include "weirctl/net.h"
#include "weirctl/run.h"
#include "weirctl/run_args.h"

namespace weir::weirctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

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

using Command = int (*)(const std::vector<std::string>& args);

struct Ended {
  int code = 0;
  std::string out;
  std::string err;
};

Ended end_of(Command command, const std::vector<std::string>& args) {
  CaptureStdout();
  CaptureStderr();
  Ended ended;
  ended.code = command(args);
  ended.out = GetCapturedStdout();
  ended.err = GetCapturedStderr();
  return ended;
}

const std::string kShop = WEIR_DUMPS "/shop";
const std::string kFaulty = WEIR_DUMPS "/faulty.yaml";
const std::string kIngresses = WEIR_DUMPS "/ingresses.yaml";

TEST(WeirctlLint, ExitCodeSaysWhetherThereAreErrors) {
  EXPECT_EQ(end_of(lint, {kShop}).code, 0);
  const auto faulty = end_of(lint, {kFaulty});
  EXPECT_EQ(faulty.code, 1);
  EXPECT_THAT(faulty.out, HasSubstr("faulty.yaml:14: error: Ingress default/faulty"));
  EXPECT_EQ(faulty.err, "");
}

TEST(WeirctlLint, ConfigMapIsCheckedIfItIsNamed) {
  const auto ended =
      end_of(lint, {kIngresses, "--configmap", "ingress-nginx/ingress-nginx-controller"});
  EXPECT_THAT(ended.out, HasSubstr("data.hsts-max-age"));
  EXPECT_THAT(end_of(lint, {kIngresses}).out, ::testing::Not(HasSubstr("data.hsts-max-age")));
}

TEST(WeirctlLint, ClassesAreChosenAsForTheController) {
  const auto ended = end_of(lint, {kIngresses, "--ingress-class=traefik"});
  EXPECT_THAT(ended.out, HasSubstr("in 4 Ingresses"));
  const auto none = end_of(lint, {kShop, "--controller-class=example.com/other"});
  EXPECT_THAT(none.out, HasSubstr("2 Ingresses of other classes are passed over"));
}

TEST(WeirctlMigrate, ReportsInTextAndMarkdown) {
  const auto text = end_of(migrate, {"report", kIngresses});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("Ingress shop/shop"));
  const auto markdown = end_of(migrate, {"report", "--output=markdown", kIngresses, "--configmap",
                                         "ingress-nginx/ingress-nginx-controller"});
  EXPECT_EQ(markdown.code, 0);
  EXPECT_THAT(markdown.out, ::testing::StartsWith("# From ingress-nginx to weir\n"));
  EXPECT_THAT(markdown.out, HasSubstr("## ConfigMap ingress-nginx/ingress-nginx-controller"));
}

TEST(WeirctlExplain, TakesHeadersWithCommas) {
  const auto ended = end_of(explain, {"https://x.example/", kShop, "--method", "POST", "--header",
                                      "Host: shop.example", "--header=Accept: a, b"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, ::testing::StartsWith("POST https://x.example/\n"));
  EXPECT_THAT(ended.out, HasSubstr("host \"shop.example\""));
}

TEST(WeirctlCommands, WhatIsWrongIsExitTwoWithOneLineThatNamesIt) {
  struct Case {
    Command command;
    std::vector<std::string> args;
    std::string text;
  };
  for (const auto& [command, args, text] : {
           Case{lint, {}, "PATH is missing"},
           Case{lint, {"/no/such/file"}, "/no/such/file: there is no such file"},
           Case{lint, {kShop, "--configmap=x"}, "--configmap \"x\" is not NAMESPACE/NAME"},
           Case{lint, {kShop, "another"}, "another"},
           Case{lint, {kShop, "--no-such-flag"}, "--no-such-flag"},
           Case{migrate, {}, "needs report"},
           Case{migrate, {"report", kShop, "--output=pdf"}, "--output"},
           Case{migrate, {"report", "--kubeconfig=/no/such/file"}, "/no/such/file"},
           Case{explain, {}, "URL is missing"},
           Case{explain, {"http://a.example/"}, "PATH is missing"},
           Case{explain, {"a.example", kShop}, "URL must begin with http://"},
           Case{explain, {"http://a.example/", kShop, "--header=x"}, "--header \"x\""},
       }) {
    const auto ended = end_of(command, args);
    EXPECT_EQ(ended.code, 2) << text;
    EXPECT_THAT(ended.err, HasSubstr(text));
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_EQ(ended.out, "");
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

TEST(Completion, NamesEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    for (const char* word :
         {"run", "lint", "migrate", "report", "explain", "version", "method", "wait", "gone"}) {
      EXPECT_THAT(std::string(completion(shell)), HasSubstr(word)) << shell;
    }
  }
}

TEST(Docs, PrintsThePageOfAnnotations) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(docs({"annotations"}), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), ::testing::StartsWith("# Annotations\n"));

  for (const auto* kind : {"TunnelPolicy", "BackendPolicy", "WeirConfig"}) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(docs({"crd", kind}), 0);
    EXPECT_THAT(testing::internal::GetCapturedStdout(),
                HasSubstr("\n    kind: " + std::string(kind)));
  }

  CaptureStderr();
  EXPECT_EQ(docs({"crd", "Policy"}), 2);
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("TunnelPolicy"));

  CaptureStderr();
  EXPECT_EQ(docs({}), 2);
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("needs annotations"));
}

}  // namespace
}  // namespace weir::weirctl
