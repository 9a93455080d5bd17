#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kube/manifest.h"
#include "kube/source.h"
#include "util/result.h"

namespace weir::kube {

/// What the manifests of a folder say together. Remembers what was told already, so that changes
/// cost what they touch, and an equal file is no change. For one thread.
///
/// - An object in two files: the first by path order counts, a problem names the other.
/// - A file that cannot be read keeps its last good objects; so does an object that is refused.
class ManifestSet {
 public:
  void put(const std::string& path, util::Result<Manifest> content);
  void remove(const std::string& path);
  std::vector<std::string> paths() const;

  /// What changed since the last call; nothing if all is as it was told. `synced` is left empty.
  std::optional<SourceEvents> take_changes();

 private:
  struct Entry {
    std::shared_ptr<const Object> object;  // none: refused, and there was none before
    std::string location;
    std::vector<Problem> problems;
  };
  using File = std::map<ObjectRef, Entry>;
  struct Told {
    std::shared_ptr<const Object> object;
    std::vector<Problem> problems;

    bool empty() const { return object == nullptr && problems.empty(); }
  };

  static File to_file(Manifest manifest, const File& before);
  void replace(const std::string& path, File file);
  Told now(const ObjectRef& ref) const;
  void tell(const ObjectRef& ref, const Told& before, const Told& after, SourceEvents& events);

  std::map<std::string, File> files_;
  std::map<ObjectRef, std::set<std::string>> mentions_;  // the files that have the object
  std::map<ObjectRef, Told> told_;
  std::set<ObjectRef> touched_;
};

}  // namespace weir::kube
