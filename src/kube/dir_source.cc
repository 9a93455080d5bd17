#include "kube/dir_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "util/log.h"

namespace weir::kube {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSettle{10};    // writers of several files
constexpr milliseconds kVanished{50};  // editors that move away first
constexpr std::size_t kMaxFile = 64 << 20;
constexpr int kMaxDepth = 32;  // of folders

bool is_manifest(std::string_view name) {
  return !name.starts_with('.') &&
         (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + '/' + name;
}

bool is_below(std::string_view path, std::string_view folder) {
  return folder.empty() || path == folder ||
         (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

struct FileText {
  std::string text;
  struct stat status = {};
};

/// The errno of what failed, or 0.
int read_file(const std::string& path, FileText& file) {
  // Without O_NONBLOCK a pipe in the folder would block here.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno;
  int error = 0;
  if (::fstat(fd, &file.status) != 0) {
    error = errno;
  } else if (!S_ISREG(file.status.st_mode)) {
    error = S_ISDIR(file.status.st_mode) ? EISDIR : EINVAL;
  }
  char buffer[64 * 1024];
  while (error == 0) {
    const auto length = ::read(fd, buffer, sizeof(buffer));
    if (length == 0) break;
    if (length < 0) {
      error = errno == EINTR ? 0 : errno;
    } else if (file.text.size() + static_cast<std::size_t>(length) > kMaxFile) {
      error = EFBIG;
    } else {
      file.text.append(buffer, static_cast<std::size_t>(length));
    }
  }
  ::close(fd);
  return error;
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

util::Result<std::unique_ptr<DirSource>> DirSource::open(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (error && error != std::errc::no_such_file_or_directory) {
      return util::unavailable(path + ": " + error.message());
    }
    return util::malformed(path +
                           (fs::exists(path, error) ? " is not a folder" : " does not exist"));
  }
  if (::access(path.c_str(), R_OK | X_OK) != 0) {
    return util::unavailable(path + ": " + std::strerror(errno));
  }
  auto root = fs::absolute(path).lexically_normal().string();
  while (root.size() > 1 && root.back() == '/') root.pop_back();

  auto inotify = Inotify::open();
  if (!inotify) return inotify.error();
  if (const auto watch = (*inotify)->watch(root); !watch) {
    return util::unavailable("cannot watch " + root + ": " + watch.error().detail);
  }
  const int stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd < 0) return util::unavailable(std::string("eventfd: ") + std::strerror(errno));
  return std::unique_ptr<DirSource>(new DirSource(std::move(root), std::move(*inotify), stop_fd));
}

DirSource::DirSource(std::string root, std::unique_ptr<Inotify> inotify, int stop_fd)
    : root_(std::move(root)), inotify_(std::move(inotify)), stop_fd_(stop_fd) {}

DirSource::~DirSource() {
  DirSource::stop();
  ::close(stop_fd_);
}

void DirSource::start(Sink sink) {
  sink_ = std::move(sink);
  thread_ = std::thread([this] { run(); });
}

void DirSource::stop() {
  ::eventfd_write(stop_fd_, 1);
  if (thread_.joinable()) thread_.join();
}

void DirSource::run() {
  const auto parent = fs::path(root_).parent_path();
  if (const auto watch = inotify_->watch(parent.string()); watch && parent != root_) {
    parent_ = *watch;
  }
  rescan(false);
  auto first = manifests_.take_changes().value_or(SourceEvents());
  first.synced.assign(kObjectKinds.begin(), kObjectKinds.end());
  sink_(std::move(first));

  for (;;) {
    pollfd fds[] = {{stop_fd_, POLLIN, 0}, {inotify_->fd(), POLLIN, 0}};
    ::poll(fds, 2, timeout_ms());
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      moved_.clear();
      for (const auto& event : inotify_->read()) on_event(event);
    }
    read_due();
  }
}

int DirSource::timeout_ms() const {
  auto next = rescan_due_.value_or(Clock::time_point::max());
  for (const auto& [path, at] : due_) next = std::min(next, at);
  if (next == Clock::time_point::max()) return -1;
  const auto wait = std::chrono::ceil<milliseconds>(next - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

void DirSource::check(const std::string& path, milliseconds after) {
  const auto at = Clock::now() + after;
  const auto [entry, added] = due_.try_emplace(path, at);
  if (!added) entry->second = std::min(entry->second, at);
}

void DirSource::on_event(const Inotify::Event& event) {
  const auto rescan_within = [&](milliseconds after) {
    const auto at = Clock::now() + after;
    rescan_due_ = std::min(rescan_due_.value_or(at), at);
  };
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    util::log::warning("{}: file events were lost, all is read again", root_);
    events_lost_ = true;
    rescan_within(milliseconds(0));
    return;
  }
  if (event.watch == parent_) {
    if (event.name == fs::path(root_).filename()) rescan_within(kVanished);
    return;
  }
  if (targets_.contains(event.watch)) {
    if ((event.mask & IN_IGNORED) != 0) targets_.erase(event.watch);
    rescan_within(kSettle);
    return;
  }
  const auto folder = folders_.find(event.watch);
  if (folder == folders_.end()) return;
  if ((event.mask & IN_IGNORED) != 0) {
    folders_.erase(folder);
  } else if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
    if (folder->second.empty()) rescan_within(kVanished);
  } else if (event.name.starts_with("..")) {
    rescan_within(kSettle);  // a ConfigMap or Secret mount changes by a swap of its link "..data"
  } else if (!event.name.empty() && !event.name.starts_with('.')) {
    on_entry(std::string(folder->second), event);
  }
}

void DirSource::on_entry(const std::string& folder, const Inotify::Event& event) {
  const auto path = join(folder, event.name);
  const bool appeared = (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
  const bool vanished = (event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0;

  if (vanished) {
    forget_folder(path);
    if (is_manifest(event.name)) check(path, kVanished);
    if ((event.mask & IN_MOVED_FROM) != 0) moved_[event.cookie] = path;
    return;
  }
  struct stat status = {};
  const bool is_link = ::lstat(full(path).c_str(), &status) == 0 && S_ISLNK(status.st_mode);
  if (appeared && ::stat(full(path).c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    std::set<std::string> files;
    scan(path, 0, files);
    for (const auto& file : files) check(file, kSettle);
    return;
  }
  if (!is_manifest(event.name)) return;
  // A created file is still being written, as a rule. A link, or a hard link, comes complete.
  check(path, (event.mask & IN_CREATE) != 0 && !is_link ? kVanished : kSettle);
  if ((event.mask & IN_MOVED_TO) != 0) {
    const auto from = moved_.find(event.cookie);
    if (from != moved_.end() && is_manifest(fs::path(from->second).filename().string())) {
      check(from->second, kSettle);
    }
  }
}

void DirSource::read_due() {
  const auto now = Clock::now();
  if (rescan_due_ && *rescan_due_ <= now) {
    rescan_due_.reset();
    rescan(!std::exchange(events_lost_, false));
  }
  for (auto entry = due_.begin(); entry != due_.end();) {
    if (entry->second > now) {
      ++entry;
      continue;
    }
    load(entry->first);
    entry = due_.erase(entry);
  }
  tell();
}

void DirSource::tell() {
  if (auto changes = manifests_.take_changes()) sink_(std::move(*changes));
}

void DirSource::rescan(bool trust_signatures) {
  struct stat status = {};
  if (::stat(root_.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    util::log::error("{}: the folder is gone; its last good objects stay in use", root_);
    return;
  }
  const auto before = std::exchange(folders_, {});
  std::set<std::string> files;
  scan("", 0, files);
  for (const auto& [watch, folder] : before) {
    if (!folders_.contains(watch) && !targets_.contains(watch)) inotify_->unwatch(watch);
  }
  for (const auto& path : manifests_.paths()) {
    if (!files.contains(path)) load(path);
  }
  for (const auto& path : files) {
    const auto known = signatures_.find(path);
    if (trust_signatures && known != signatures_.end() &&
        ::stat(full(path).c_str(), &status) == 0 &&
        known->second == Signature{status.st_dev, status.st_ino, status.st_size,
                                   nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)}) {
      continue;
    }
    load(path);
  }
}

void DirSource::scan(const std::string& folder, int depth, std::set<std::string>& files) {
  if (depth > kMaxDepth) {
    util::log::warning("{}: folders are nested too deeply to be read", full(folder));
    return;
  }
  const auto watch = inotify_->watch(full(folder));
  if (!watch) {
    // A folder that is gone again has an event of its own.
    if (::access(full(folder).c_str(), F_OK) == 0) {
      util::log::error("cannot watch {}: {}", full(folder), watch.error().detail);
    }
  } else {
    const auto known = folders_.find(*watch);
    // Reached by another path already, or a link back up.
    if (*watch == parent_ || (known != folders_.end() && known->second != folder)) return;
    targets_.erase(*watch);
    folders_[*watch] = folder;
  }
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(full(folder), error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const auto path = join(folder, name);
    struct stat status = {};
    if (name.starts_with('.') || ::stat(full(path).c_str(), &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      scan(path, depth + 1, files);
    } else if (is_manifest(name)) {
      files.insert(path);
    }
  }
}

/// A change behind a link has no event in the link's own folder.
void DirSource::watch_target(const std::string& path) {
  struct stat status = {};
  if (::lstat(full(path).c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return;
  std::error_code error;
  const auto target = fs::canonical(full(path), error);
  if (error) return;
  const auto watch = inotify_->watch(target.parent_path().string());
  if (watch && *watch != parent_ && !folders_.contains(*watch)) targets_.insert(*watch);
}

void DirSource::forget_folder(const std::string& folder) {
  bool known = false;
  for (auto entry = folders_.begin(); entry != folders_.end();) {
    if (!is_below(entry->second, folder)) {
      ++entry;
      continue;
    }
    known = true;
    inotify_->unwatch(entry->first);
    entry = folders_.erase(entry);
  }
  if (!known) return;
  for (const auto& path : manifests_.paths()) {
    if (is_below(path, folder)) check(path, kVanished);
  }
}

void DirSource::load(const std::string& path) {
  FileText file;
  const int error = read_file(full(path), file);
  if (error == ENOENT || error == ENOTDIR || error == EISDIR) {
    signatures_.erase(path);
    manifests_.remove(path);
    return;
  }
  watch_target(path);
  if (error != 0) {
    const char* reason = error == EFBIG ? "is over 64 MiB" : std::strerror(error);
    manifests_.put(path, util::unavailable(path + ": " + reason));
    return;
  }
  signatures_[path] = {file.status.st_dev, file.status.st_ino, file.status.st_size,
                       nanoseconds(file.status.st_mtim), nanoseconds(file.status.st_ctim)};
  manifests_.put(path, parse_manifest(file.text, path));
}

std::string DirSource::full(const std::string& path) const {
  return path.empty() ? root_ : root_ + '/' + path;
}

}  // namespace weir::kube
