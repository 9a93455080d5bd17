#include "support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace weir::test {

namespace {

constexpr std::chrono::seconds kPatience{60};

}  // namespace

Process::Process(const std::vector<std::string>& argv,
                 const std::map<std::string, std::string>& environment) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  reader_ = std::thread([this, fd = ends[0]] { read_lines(fd); });
}

Process::~Process() {
  if (running()) {
    ::kill(pid_, SIGKILL);
    wait();
  }
  reader_.join();
}

void Process::signal(int number) const {
  ::kill(pid_, number);
}

bool Process::running() {
  if (exit_code_ != -2) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

int Process::wait() {
  if (!running()) return exit_code_;
  const int ended = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));  // readable at its end
  pollfd event{ended, POLLIN, 0};
  const auto patience = std::chrono::milliseconds(kPatience).count();
  ::poll(&event, 1, static_cast<int>(patience));
  ::close(ended);
  return running() ? -1 : exit_code_;
}

void Process::read_lines(int fd) {
  std::string partial;
  char bytes[4096];
  for (;;) {
    const auto got = ::read(fd, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    const std::lock_guard lock(mutex_);
    if (got <= 0) {
      if (!partial.empty()) lines_.push_back(partial);
      ended_ = true;
      changed_.notify_all();
      break;
    }
    partial.append(bytes, static_cast<std::size_t>(got));
    for (auto end = partial.find('\n'); end != std::string::npos; end = partial.find('\n')) {
      lines_.push_back(partial.substr(0, end));
      partial.erase(0, end + 1);
    }
    changed_.notify_all();
  }
  ::close(fd);
}

std::string Process::wait_for_line(const std::string& text, std::size_t* from) {
  std::size_t next = from == nullptr ? 0 : *from;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  for (;;) {
    for (; next < lines_.size(); ++next) {
      if (lines_[next].find(text) == std::string::npos) continue;
      if (from != nullptr) *from = next + 1;
      return lines_[next];
    }
    if (ended_ || changed_.wait_until(lock, deadline) == std::cv_status::timeout) return {};
  }
}

std::string Process::output() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& line : lines_) all += line + '\n';
  return all;
}

std::filesystem::path binary_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

}  // namespace weir::test
