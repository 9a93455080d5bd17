#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "proxy/access_log.h"
#include "util/result.h"

namespace weir::proxy_control {

/// Writes the access log, on a thread of its own: every 100 ms, or when a worker's buffer is half
/// full, all that there is with one write(2). What cannot be written (a pipe that nobody reads, a
/// full disk) is tried again; meanwhile the workers' buffers fill, and then drop.
class AccessLogWriter {
 public:
  /// `path`: of a file or pipe; "-" is stdout. An error names the path. The log outlives it.
  static util::Result<std::unique_ptr<AccessLogWriter>> start(std::string path,
                                                              proxy::AccessLog& log);
  /// Writes what is left, the workers being gone; a pipe that nobody reads has 1 s for it.
  ~AccessLogWriter();

  /// The file at the path is another one now (logrotate). What was logged before still goes to the
  /// one that was. Any thread.
  void reopen();

 private:
  AccessLogWriter(std::string path, int fd, proxy::AccessLog& log);

  void run();
  void finish();
  void reopen_now();
  /// False: some is left.
  bool write_pending();
  void tell_failure(int error);

  const std::string path_;
  int fd_;
  bool takes_all_ = false;  // a write blocks nobody, however long it is
  proxy::AccessLog& log_;
  std::string pending_;
  bool amid_line_ = false;
  bool is_full_ = false;  // the descriptor tells when it takes more
  bool failing_ = false;
  std::atomic<bool> reopen_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace weir::proxy_control
