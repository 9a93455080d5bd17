#include "proxy_control/access_log_writer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "util/log.h"

namespace weir::proxy_control {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kEvery{100};
constexpr milliseconds kAtTheEnd{1'000};
constexpr mode_t kMode = 0640;

bool is_stdout(const std::string& path) {
  return path == "-";
}

int open_log(const std::string& path) {
  if (is_stdout(path)) return ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  struct stat status {};
  const bool pipe = ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  // A pipe's other end too: it can be opened before there is a reader, and outlives readers.
  const int way = pipe ? O_RDWR : O_WRONLY | O_APPEND | O_CREAT;
  return ::open(path.c_str(), way | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, kMode);
}

/// A file, or what never blocks. Stdout's mode is not ours to change: others may share it.
bool takes_all(int fd) {
  struct stat status {};
  const bool file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  return file || (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

/// As write(2), but on a descriptor that would block no more than it takes at once (pipe(7)).
ssize_t write_some(int fd, const char* bytes, std::size_t size, bool all) {
  if (all) return ::write(fd, bytes, size);
  pollfd ready{fd, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(fd, bytes, std::min<std::size_t>(size, PIPE_BUF));
}

}  // namespace

util::Result<std::unique_ptr<AccessLogWriter>> AccessLogWriter::start(std::string path,
                                                                      proxy::AccessLog& log) {
  const int fd = open_log(path);
  if (fd < 0) {
    return util::unavailable(
        fmt::format("cannot open access log {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<AccessLogWriter>(new AccessLogWriter(std::move(path), fd, log));
}

AccessLogWriter::AccessLogWriter(std::string path, int fd, proxy::AccessLog& log)
    : path_(std::move(path)), fd_(fd), takes_all_(takes_all(fd)), log_(log), thread_([this] {
        ::pthread_setname_np(::pthread_self(), "access-log");
        run();
      }) {}

AccessLogWriter::~AccessLogWriter() {
  stopping_ = true;
  log_.call_writer();
  thread_.join();
  ::close(fd_);
}

void AccessLogWriter::reopen() {
  reopen_ = true;
  log_.call_writer();
}

void AccessLogWriter::run() {
  while (!stopping_) {
    // Lines are taken before the file is changed: they are from before.
    const bool reopen = reopen_.exchange(false);
    if (pending_.empty()) log_.take(pending_);
    write_pending();
    if (reopen) reopen_now();
    log_.wait(is_full_ ? fd_ : -1, kEvery);
  }
  finish();
}

void AccessLogWriter::finish() {
  const auto deadline = std::chrono::steady_clock::now() + kAtTheEnd;
  for (;;) {
    if (pending_.empty()) log_.take(pending_);
    if (pending_.empty()) return;
    if (write_pending()) continue;
    // On a full disk there is nothing to wait for.
    if (!is_full_ || std::chrono::steady_clock::now() >= deadline) return;
    log_.wait(fd_, kEvery);
  }
}

void AccessLogWriter::reopen_now() {
  if (is_stdout(path_)) return;
  const int fd = open_log(path_);
  if (fd < 0) return tell_failure(errno);
  // The rest of a line that the old file could not take would be none in the new one.
  if (std::exchange(amid_line_, false)) pending_.erase(0, pending_.find('\n') + 1);
  ::close(std::exchange(fd_, fd));
  takes_all_ = takes_all(fd_);
}

bool AccessLogWriter::write_pending() {
  std::size_t written = 0;
  int error = 0;
  while (written < pending_.size() && error == 0) {
    const auto wrote =
        write_some(fd_, pending_.data() + written, pending_.size() - written, takes_all_);
    if (wrote >= 0) {
      written += static_cast<std::size_t>(wrote);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (written > 0) amid_line_ = pending_[written - 1] != '\n';
  pending_.erase(0, written);
  is_full_ = error == EAGAIN;
  if (error != 0 && error != EAGAIN) {
    tell_failure(error);
  } else if (written > 0 && std::exchange(failing_, false)) {
    util::log::info("access log {}: written again", path_);
  }
  return pending_.empty();
}

void AccessLogWriter::tell_failure(int error) {
  if (std::exchange(failing_, true)) return;
  util::log::warning("access log {}: {}", path_, std::strerror(error));
}

}  // namespace weir::proxy_control
