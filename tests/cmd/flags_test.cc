#include "common/flags.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/cpu_count.h"

namespace weir::cmd {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

/// One flag of each type, as a program would have them.
struct Program {
  Program() {
    flags.text("--socket", socket, "The socket");
    flags.texts("--controller-class", classes, "Classes");
    flags.toggle("--watch", watch, "Watch");
    flags.number("--threads", threads, 1, 64, "Threads");
    flags.size("--max-head-bytes", head_bytes, "Bytes", 1024, 1 << 20);
    flags.duration("--head-timeout", head, "Timeout", milliseconds(1));
    flags.address("--admin", admin, "Admin");
    flags.addresses("--http", http, "Listeners");
    flags.log_level(level);
  }

  std::optional<int> parse(std::vector<const char*> args) {
    args.insert(args.begin(), "program");
    return flags.parse(static_cast<int>(args.size()), args.data());
  }

  std::string socket = "/run/weir.sock";
  std::vector<std::string> classes = {"one"};
  bool watch = true;
  std::uint64_t threads = 4;
  std::uint64_t head_bytes = 32768;
  milliseconds head{60'000};
  std::optional<Address> admin;
  std::vector<Address> http;
  util::log::Level level = util::log::Level::Info;
  Flags flags{"program", "A program"};
};

TEST(Flags, TakesBothSpellings) {
  Program program;

  ASSERT_EQ(
      program.parse({"--socket", "/a", "--threads=2", "--http", ":1", "--http=[::1]:2",
                     "--max-head-bytes=16k", "--head-timeout", "5m", "--admin=127.0.0.1:0",
                     "--log-level", "debug", "--controller-class", "a", "--controller-class=b"}),
      std::nullopt);

  EXPECT_EQ(program.socket, "/a");
  EXPECT_EQ(program.threads, 2U);
  EXPECT_THAT(program.http, ElementsAre(Address{any_address(), 1}, Address{"::1", 2}));
  EXPECT_EQ(program.head_bytes, 16384U);
  EXPECT_EQ(program.head, milliseconds(300'000));
  EXPECT_EQ(program.admin, (Address{"127.0.0.1", 0}));
  EXPECT_EQ(program.level, util::log::Level::Debug);
  EXPECT_THAT(program.classes, ElementsAre("a", "b"));
  EXPECT_TRUE(program.flags.given("--http"));
  EXPECT_FALSE(program.flags.given("--watch"));
}

TEST(Flags, KeepsDefaultsOfWhatIsNotGiven) {
  Program program;
  ASSERT_EQ(program.parse({}), std::nullopt);
  EXPECT_EQ(program.socket, "/run/weir.sock");
  EXPECT_THAT(program.classes, ElementsAre("one"));
  EXPECT_TRUE(program.watch);
  EXPECT_EQ(program.threads, 4U);
  EXPECT_EQ(program.admin, std::nullopt);
}

TEST(Flags, ASwitchIsGivenAloneOrWithItsValue) {
  for (const auto& [flag, value] :
       {std::pair{"--watch", true}, {"--watch=true", true}, {"--watch=false", false}}) {
    Program program;
    program.watch = !value;
    ASSERT_EQ(program.parse({flag}), std::nullopt) << flag;
    EXPECT_EQ(program.watch, value) << flag;
  }
}

TEST(Flags, TheEnvironmentIsTheFlagsTwinAndTheCommandLineWins) {
  ::setenv("WEIR_HEAD_TIMEOUT", "7s", 1);
  ::setenv("WEIR_HTTP", "127.0.0.1:1,[::1]:2", 1);
  ::setenv("WEIR_WATCH", "false", 1);
  ::setenv("WEIR_THREADS", "9", 1);
  Program program;
  const auto exit = program.parse({"--threads", "3"});
  for (const char* name : {"WEIR_HEAD_TIMEOUT", "WEIR_HTTP", "WEIR_WATCH", "WEIR_THREADS"}) {
    ::unsetenv(name);
  }

  ASSERT_EQ(exit, std::nullopt);
  EXPECT_EQ(program.head, milliseconds(7'000));
  EXPECT_THAT(program.http, ElementsAre(Address{"127.0.0.1", 1}, Address{"::1", 2}));
  EXPECT_FALSE(program.watch);
  EXPECT_EQ(program.threads, 3U);
}

TEST(Flags, AWrongFlagIsExitTwoAndOneLineThatNamesIt) {
  for (const auto& [arg, name] : {std::pair{"--threads=0", "--threads"},
                                  {"--threads=x", "--threads"},
                                  {"--head-timeout=5", "--head-timeout"},
                                  {"--head-timeout=0", "--head-timeout"},
                                  {"--max-head-bytes=1k1", "--max-head-bytes"},
                                  {"--max-head-bytes=1023", "--max-head-bytes"},
                                  {"--max-head-bytes=2m", "--max-head-bytes"},
                                  {"--max-head-bytes=1x", "--max-head-bytes"},
                                  {"--admin=localhost", "--admin"},
                                  {"--http=1.2.3.4:99999", "--http"},
                                  {"--log-level=loud", "--log-level"},
                                  {"--watch=maybe", "--watch"},
                                  {"--socket", "--socket"},
                                  {"--novel", "--novel"},
                                  {"stray", "stray"}}) {
    Program program;
    CaptureStderr();
    EXPECT_EQ(program.parse({arg}), 2) << arg;
    const auto line = GetCapturedStderr();
    EXPECT_THAT(line, HasSubstr(name));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1) << line;
    EXPECT_TRUE(line.starts_with("program: ")) << line;
  }
}

TEST(Flags, HelpAndVersionAreExitZeroOnStdout) {
  for (const auto& [arg, text] :
       {std::pair{"--help", "--head-timeout"}, {"--version", "program 0."}}) {
    Program program;
    CaptureStdout();
    EXPECT_EQ(program.parse({arg}), 0);
    EXPECT_THAT(GetCapturedStdout(), HasSubstr(text));
  }
}

TEST(Flags, AddressesAreNumbersWithAPort) {
  EXPECT_EQ(*parse_address("127.0.0.1:80"), (Address{"127.0.0.1", 80}));
  EXPECT_EQ(*parse_address("[::]:443"), (Address{"::", 443}));
  EXPECT_EQ(*parse_address(":0"), (Address{any_address(), 0}));
  for (const char* wrong : {"", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80",
                            "[127.0.0.1]:80", "[::1]", "localhost:80", "1.2.3:80", "1.2.3.4:+5"}) {
    EXPECT_FALSE(parse_address(wrong)) << wrong;
  }
  EXPECT_EQ(to_string(Address{"::1", 80}), "[::1]:80");
  EXPECT_EQ(to_string(Address{"127.0.0.1", 80}), "127.0.0.1:80");
}

TEST(CpuCount, IsAtLeastOne) {
  EXPECT_GE(usable_cpus(), 1U);
}

}  // namespace
}  // namespace weir::cmd
