#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "util/backoff.h"

namespace weir::weirctl {

/// One of the two processes: started, started again when it dies, ended. For a single-threaded
/// parent that blocks SIGTERM, SIGINT and SIGCHLD, and reaps what `waitpid` gives it.
class Child {
 public:
  using Clock = std::chrono::steady_clock;

  /// `program` is an executable's path; its name is the last part.
  Child(std::string program, std::vector<std::string> args);

  /// In a process group of its own, so that Ctrl-C reaches the parent only; asked to end when the
  /// parent dies. False: it cannot be started; the reason is logged.
  bool start();
  /// Asks it to end.
  void terminate() const;
  /// Ends it.
  void kill() const;

  /// The child has ended. An exit code if that must end everything: it was started wrongly. Else it
  /// will be due again.
  std::optional<int> on_exit(int status);
  /// The child has ended, as it was asked to.
  void forget() { pid_ = 0; }

  const std::string& name() const { return name_; }
  pid_t pid() const { return pid_; }
  bool runs() const { return pid_ > 0; }
  /// When to start it again.
  Clock::time_point due() const { return due_; }

 private:
  std::string program_;
  std::string name_;
  std::vector<std::string> args_;
  pid_t pid_ = 0;
  Clock::time_point started_;
  Clock::time_point due_;
  util::Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(5)};
};

}  // namespace weir::weirctl
