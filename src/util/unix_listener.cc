#include "util/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace weir::util {

namespace {

constexpr int kBacklog = 64;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error failed(const std::string& path, const char* what) {
  return unavailable(fmt::format("{} {}: {}", what, path, std::strerror(errno)));
}

Descriptor open_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Removes what an ended process left behind.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failed(path, "cannot look at");
  }
  if (!S_ISSOCK(status.st_mode)) return malformed(path + " is there, and no socket");
  const Descriptor probe = open_socket();
  if (probe.get() < 0) return failed(path, "cannot probe");
  const int connected =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (connected == 0 || errno == EAGAIN) {
    return unavailable("another process listens on " + path);
  }
  if (errno != ECONNREFUSED) return failed(path, "cannot probe");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path, "cannot replace");
  return {};
}

}  // namespace

Result<int> listen_unix(const std::string& path, mode_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != path.npos) {
    return malformed(fmt::format("a socket's path has 1 to {} bytes, this one {}",
                                 sizeof address.sun_path - 1, path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (const auto removed = remove_stale(path, address); !removed) return removed.error();

  Descriptor socket = open_socket();
  if (socket.get() < 0) return failed(path, "cannot make a socket for");
  // The file has its mode from the first moment. Another thread's file, made just now, would have
  // fewer rights, not more.
  const mode_t former = ::umask(0777 & ~mode);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bind_error = errno;
  ::umask(former);
  errno = bind_error;
  if (bound != 0) return failed(path, "cannot bind");
  if (::listen(socket.get(), kBacklog) != 0) return failed(path, "cannot listen on");
  return socket.release();
}

Result<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return unavailable(fmt::format("SO_PEERCRED: {}", std::strerror(errno)));
  }
  return Peer{credentials.pid, credentials.uid, credentials.gid};
}

bool is_allowed(const Peer& peer, uid_t own_uid, gid_t own_gid) {
  return peer.uid == own_uid || peer.uid == 0 || peer.gid == own_gid;
}

}  // namespace weir::util
