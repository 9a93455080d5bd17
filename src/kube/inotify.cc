#include "kube/inotify.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::kube {

namespace {

// Not IN_MODIFY: a file is read when its writer is done with it, not after every piece.
constexpr std::uint32_t kMask = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                IN_ONLYDIR;

}  // namespace

util::Result<std::unique_ptr<Inotify>> Inotify::open() {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    return util::unavailable(std::string("no inotify (fs.inotify.max_user_instances?): ") +
                             std::strerror(errno));
  }
  return std::unique_ptr<Inotify>(new Inotify(fd));
}

Inotify::~Inotify() {
  ::close(fd_);
}

util::Result<int> Inotify::watch(const std::string& folder) {
  const int watch = inotify_add_watch(fd_, folder.c_str(), kMask);
  if (watch >= 0) return watch;
  if (errno == ENOSPC) return util::unavailable("fs.inotify.max_user_watches is reached");
  return util::unavailable(std::strerror(errno));
}

void Inotify::unwatch(int watch) {
  inotify_rm_watch(fd_, watch);
}

std::vector<Inotify::Event> Inotify::read() {
  std::vector<Event> events;
  alignas(inotify_event) char buffer[64 * 1024];
  for (;;) {
    const auto length = ::read(fd_, buffer, sizeof(buffer));
    if (length <= 0) return events;
    const char* const end = buffer + length;
    for (const char* at = buffer; at < end;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      // The name is padded with zeros.
      events.push_back({event->wd, event->mask, event->cookie,
                        event->len > 0 ? std::string(event->name) : std::string()});
      at += sizeof(inotify_event) + event->len;
    }
  }
}

}  // namespace weir::kube
