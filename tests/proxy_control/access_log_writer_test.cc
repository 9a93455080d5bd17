#include "proxy_control/access_log_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/socket.h"
#include "support/temp_folder.h"

namespace weir::proxy_control {
namespace {

using test::eventually;
using ::testing::HasSubstr;

class AccessLogWriterTest : public testing::Test {
 protected:
  void start(const std::string& path) {
    auto writer = AccessLogWriter::start(path, log_);
    ASSERT_TRUE(writer) << writer.error().detail;
    writer_ = *std::move(writer);
  }
  void add(const std::string& line) {
    buffer_.begin_line() += line;
    buffer_.end_line();
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static bool comes_to_have(const std::string& path, const std::string& text) {
    return eventually([&] { return content(path) == text; });
  }

  test::TempFolder folder_;
  proxy::AccessLog log_{false, 8192};
  proxy::AccessLogBuffer& buffer_ = log_.add_worker();
  std::unique_ptr<AccessLogWriter> writer_;
};

TEST_F(AccessLogWriterTest, AppendsToItsFileAndWritesTheRestAtTheEnd) {
  const auto path = folder_.path("log");
  std::ofstream(path) << "before\n";
  start(path);
  add("one");
  EXPECT_TRUE(comes_to_have(path, "before\none\n"));
  add("two");
  writer_.reset();
  EXPECT_EQ(content(path), "before\none\ntwo\n");
}

TEST_F(AccessLogWriterTest, AFileOfItsOwnIsNotForEverybody) {
  start(folder_.path("log"));
  struct stat status {};
  ASSERT_EQ(::stat(folder_.path("log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07U, 0U);
}

TEST_F(AccessLogWriterTest, GoesOnInTheNewFileWhenToldThatItIsOne) {
  const auto path = folder_.path("log");
  const auto old = folder_.path("log.1");
  start(path);
  add("one");
  EXPECT_TRUE(comes_to_have(path, "one\n"));
  std::filesystem::rename(path, old);
  add("two");
  writer_->reopen();
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path); }));
  add("three");
  EXPECT_TRUE(comes_to_have(path, "three\n"));
  EXPECT_EQ(content(old), "one\ntwo\n");
}

TEST_F(AccessLogWriterTest, KeepsTheOldFileIfThereIsNoNewOne) {
  const auto path = folder_.path("a/log");
  std::filesystem::create_directory(folder_.path("a"));
  start(path);
  std::filesystem::rename(folder_.path("a"), folder_.path("b"));
  writer_->reopen();
  // The writer is told after the first line or before; it has tried behind the second at the
  // latest.
  for (const std::string all : {"1\n", "1\n2\n", "1\n2\n3\n"}) {
    add(all.substr(all.size() - 2, 1));
    EXPECT_TRUE(comes_to_have(folder_.path("b/log"), all));
  }
}

TEST_F(AccessLogWriterTest, APipeThatNobodyReadsCostsLinesOnly) {
  const auto path = folder_.path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  start(path);
  const std::string line(1023, 'x');
  // The pipe has room for 64 KiB, then the writer holds some, then the buffer is full.
  ASSERT_TRUE(eventually([&] {
    add(line);
    return log_.dropped() > 0;
  }));
  // Who comes late gets whole lines, and those that are logged from now on.
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  std::string read;
  const auto read_some = [&] {
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(fd, bytes.data(), bytes.size())) > 0;) {
      read.append(bytes.data(), static_cast<std::size_t>(got));
    }
  };
  ASSERT_TRUE(eventually([&] {
    read_some();
    add("the last");
    return read.find("the last\n") != std::string::npos;
  }));
  std::istringstream lines(read);
  for (std::string each; std::getline(lines, each);) {
    EXPECT_TRUE(each == line || each == "the last") << each;
  }
  ::close(fd);
  ASSERT_TRUE(eventually([&] {
    const auto before = log_.dropped();
    add(line);
    return log_.dropped() > before;
  }));
  const auto begin = std::chrono::steady_clock::now();
  writer_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST_F(AccessLogWriterTest, AFullDiskCostsLinesOnly) {
  if (::access("/dev/full", W_OK) != 0) FAIL() << "there is no /dev/full";
  start("/dev/full");
  const std::string line(1023, 'x');
  EXPECT_TRUE(eventually([&] {
    add(line);
    return log_.dropped() > 0;
  }));
  writer_.reset();
}

/// Stdout is a pipe that blocks, as a container's is, and its mode stays as it is.
TEST_F(AccessLogWriterTest, StdoutNeverBlocksTheWriterForGood) {
  int ends[2] = {};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const int real = ::dup(STDOUT_FILENO);
  ::dup2(ends[1], STDOUT_FILENO);
  start("-");
  ::dup2(real, STDOUT_FILENO);
  ::close(real);
  const std::string line(1023, 'x');
  EXPECT_TRUE(eventually([&] {
    add(line);
    return log_.dropped() > 0;
  }));
  EXPECT_EQ(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
  std::array<char, 1024> first{};
  EXPECT_EQ(::read(ends[0], first.data(), first.size()), 1024);
  EXPECT_EQ(std::string_view(first.data(), first.size()), line + "\n");
  writer_.reset();
  // The reader's end is no more than another failure.
  std::signal(SIGPIPE, SIG_IGN);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(AccessLogWriterTest, APathThatCannotBeOpenedIsAnErrorThatNamesIt) {
  const auto error = AccessLogWriter::start(folder_.path("no/log"), log_).error();
  EXPECT_THAT(error.detail, HasSubstr("cannot open access log " + folder_.path("no/log")));
}

}  // namespace
}  // namespace weir::proxy_control
