#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "kube/inotify.h"
#include "kube/manifest_set.h"
#include "kube/source.h"
#include "util/result.h"

namespace weir::kube {

/// A folder of manifests: *.yaml, *.yml and *.json, in subfolders too, links followed. Names that
/// begin with a dot are passed over.
///
/// The first scan is told in one call, with all kinds synced. After that inotify says which files
/// to read again: a file 10 ms after its writer closed it or a move put it in place, so that files
/// that are written together are told together; a file that went away after 50 ms, because many an
/// editor puts a new one in its place. A ConfigMap mount's swap of "..data" reads everything again.
/// What a broken file or a refused object does, ManifestSet says; problems are told, not logged,
/// here.
///
/// If the folder itself goes, its last good objects stay until it is there again.
class DirSource : public Source {
 public:
  /// Malformed if `path` is not a folder, Unavailable if it cannot be read or watched.
  static util::Result<std::unique_ptr<DirSource>> open(const std::string& path);
  ~DirSource() override;

  void start(Sink sink) override;
  void stop() override;

 private:
  using Clock = std::chrono::steady_clock;

  /// What tells one content of a file from another without reading it.
  struct Signature {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;

    bool operator==(const Signature&) const = default;
  };

  DirSource(std::string root, std::unique_ptr<Inotify> inotify, int stop_fd);

  void run();
  int timeout_ms() const;
  void on_event(const Inotify::Event& event);
  void on_entry(const std::string& folder, const Inotify::Event& event);
  void read_due();
  void rescan(bool trust_signatures);

  /// Watches a folder and those below it, then calls for what is in them; never loses a file
  /// between the two.
  void scan(const std::string& folder, int depth, std::set<std::string>& files);
  void watch_target(const std::string& path);
  void forget_folder(const std::string& folder);
  void load(const std::string& path);

  void check(const std::string& path, std::chrono::milliseconds after);
  void tell();
  std::string full(const std::string& path) const;

  const std::string root_;
  const std::unique_ptr<Inotify> inotify_;
  const int stop_fd_;
  Sink sink_;
  std::thread thread_;

  // Touched by the thread only. Paths are relative to the root, "" is the root.
  ManifestSet manifests_;
  std::map<int, std::string> folders_;  // by watch
  std::set<int> targets_;               // folders outside that links lead to
  int parent_ = -1;                     // the root's own folder
  std::map<std::string, Clock::time_point> due_;
  std::map<std::uint32_t, std::string> moved_;  // by cookie, within one read of events
  std::map<std::string, Signature> signatures_;
  std::optional<Clock::time_point> rescan_due_;
  bool events_lost_ = false;
};

}  // namespace weir::kube
