#include "weirctl/child.h"

#include <sys/wait.h>

#include <csignal>

#include <gtest/gtest.h>

namespace weir::weirctl {
namespace {

/// Starts a shell script and waits for its end.
std::optional<int> run_to_end(Child& child) {
  EXPECT_TRUE(child.start());
  EXPECT_TRUE(child.runs());
  int status = 0;
  EXPECT_EQ(::waitpid(child.pid(), &status, 0), child.pid());
  return child.on_exit(status);
}

Child script(const std::string& text) {
  return {"/bin/sh", {"-c", text}};
}

TEST(Child, IsDueAgainWhenItDies) {
  for (const char* text : {"exit 0", "exit 1", "kill -9 $$"}) {
    auto child = script(text);
    const auto before = Child::Clock::now();
    EXPECT_EQ(run_to_end(child), std::nullopt) << text;
    EXPECT_FALSE(child.runs());
    EXPECT_GT(child.due(), before);
  }
}

TEST(Child, WrongFlagsEndEverything) {
  auto child = script("exit 2");
  EXPECT_EQ(run_to_end(child), 2);
}

TEST(Child, AProgramThatIsNotThereEndsEverything) {
  Child child("/nowhere/weir-proxy", {});
  EXPECT_EQ(child.name(), "weir-proxy");
  EXPECT_EQ(run_to_end(child), 1);
}

TEST(Child, TakesSignalsThatItsParentBlocks) {
  sigset_t all;
  sigset_t before;
  ::sigemptyset(&all);
  ::sigaddset(&all, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &all, &before);
  auto child = script("exec sleep 1000");
  ASSERT_TRUE(child.start());
  ::sigprocmask(SIG_SETMASK, &before, nullptr);

  child.terminate();

  int status = 0;
  ASSERT_EQ(::waitpid(child.pid(), &status, 0), child.pid());
  EXPECT_TRUE(WIFSIGNALED(status));
}

}  // namespace
}  // namespace weir::weirctl
