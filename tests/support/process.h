#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weir::test {

/// A child process whose output is read line by line. It dies with the test that started it.
class Process {
 public:
  /// `argv[0]` is a path. What it prints on stdout and stderr is kept, and shown when a wait fails.
  explicit Process(const std::vector<std::string>& argv,
                   const std::map<std::string, std::string>& environment = {});
  ~Process();  ///< kills it
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Waits for its end and returns the exit code, or 128 + signal. -1 after 60 s.
  int wait();
  bool running();

  /// Waits up to 60 s for a line that has `text`, looking from line `from` on; returns the line,
  /// empty if it does not come or the process ends before. `from` is moved behind it.
  std::string wait_for_line(const std::string& text, std::size_t* from = nullptr);
  std::string output() const;

 private:
  void read_lines(int fd);

  pid_t pid_ = -1;
  int exit_code_ = -2;  // -2: not reaped
  std::thread reader_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  bool ended_ = false;
};

/// The folder of the binaries under test: the one that this test runs from.
std::filesystem::path binary_folder();

}  // namespace weir::test
