#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "kube/list_watch.h"

namespace weir::kube {

struct ApiSourceOptions {
  /// What is watched. The other kinds count as synced from the start, with no objects.
  std::vector<Kind> kinds{kObjectKinds.begin(), kObjectKinds.end()};
  ListWatchOptions list_watch;
  /// Which Secrets, where not all may be read: those of these namespaces, and those of these names.
  /// None: as the other kinds.
  struct Secrets {
    std::string ns;
    std::string name;  ///< empty: all of the namespace
  };
  std::vector<Secrets> secrets;
};

/// The objects of an API server: a thread a kind that only reads, decodes and tells. If the server
/// is away, now or later, it goes on trying; what was told stays true until the server says
/// otherwise.
class ApiSource : public Source {
 public:
  ApiSource(std::shared_ptr<Credentials> credentials, ApiSourceOptions options);
  ~ApiSource() override;

  void start(Sink sink) override;
  /// Ends requests under way.
  void stop() override;

 private:
  void watch(Kind kind, const ListWatchOptions& options, Sink sink);

  const std::shared_ptr<Credentials> credentials_;
  const ApiSourceOptions options_;
  std::vector<std::unique_ptr<ListWatch>> watches_;
  std::vector<std::thread> threads_;
};

}  // namespace weir::kube
