#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "util/result.h"

namespace weir::kube {

/// Tells what happens to the entries of folders (inotify(7)), as far as it may change what a file
/// says: closed after writing, created, moved, deleted, attributes. For one thread.
class Inotify {
 public:
  struct Event {
    int watch = -1;  ///< -1 with IN_Q_OVERFLOW: events were lost
    std::uint32_t mask = 0;
    std::uint32_t cookie = 0;  ///< joins the two halves of a move
    std::string name;          ///< of the entry; empty: the folder itself
  };

  static util::Result<std::unique_ptr<Inotify>> open();
  ~Inotify();
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;

  /// Readable when there are events.
  int fd() const { return fd_; }
  /// Watches a folder, given by any path. The same folder gives the same number, also by another
  /// path.
  util::Result<int> watch(const std::string& folder);
  void unwatch(int watch);
  /// All that is there, without waiting.
  std::vector<Event> read();

 private:
  explicit Inotify(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace weir::kube
