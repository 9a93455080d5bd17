#include "weirctl/child.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "util/log.h"

namespace weir::weirctl {

namespace {

constexpr std::chrono::seconds kLasted{10};  // a child that ran so long was well
constexpr int kCannotExec = 127;

[[noreturn]] void become(const std::string& program, const std::vector<char*>& argv, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // it died before that was set
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(program.c_str(), argv.data());
  ::_exit(kCannotExec);
}

}  // namespace

Child::Child(std::string program, std::vector<std::string> args)
    : program_(std::move(program)),
      name_(program_.substr(program_.find_last_of('/') + 1)),
      args_(std::move(args)) {}

bool Child::start() {
  std::vector<char*> argv = {program_.data()};
  for (auto& arg : args_) argv.push_back(arg.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  started_ = Clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) {
    util::log::error("{} cannot be started: {}", name_, std::strerror(errno));
    due_ = started_ + backoff_.next();
    return false;
  }
  if (pid == 0) become(program_, argv, parent);
  pid_ = pid;
  return true;
}

void Child::terminate() const {
  if (runs()) ::kill(pid_, SIGTERM);
}

void Child::kill() const {
  if (runs()) ::kill(pid_, SIGKILL);
}

std::optional<int> Child::on_exit(int status) {
  pid_ = 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return 2;  // it has said why
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotExec) {
    util::log::error("{} cannot be run", program_);
    return 1;
  }
  const auto now = Clock::now();
  if (now - started_ >= kLasted) backoff_.reset();
  const auto wait = backoff_.next();
  due_ = now + wait;
  if (WIFSIGNALED(status)) {
    util::log::warning("{} was ended by signal {}; starting it again in {} ms", name_,
                       WTERMSIG(status), wait.count());
  } else {
    util::log::warning("{} ended with exit code {}; starting it again in {} ms", name_,
                       WEXITSTATUS(status), wait.count());
  }
  return std::nullopt;
}

}  // namespace weir::weirctl
