#include "kube/manifest_set.h"

namespace weir::kube {

namespace {

ObjectRef file_ref(const std::string& path) {
  return {Kind::Manifest, "", path};
}

bool same_object(const std::shared_ptr<const Object>& a, const std::shared_ptr<const Object>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

}  // namespace

ManifestSet::File ManifestSet::to_file(Manifest manifest, const File& before) {
  File file;
  for (auto& object : manifest.objects) {
    const auto ref = ref_of(object.object);
    auto& entry = file[ref];
    if (entry.object == nullptr) {
      entry.object = std::make_shared<const Object>(std::move(object.object));
      entry.location = std::move(object.location);
    } else {
      entry.problems.push_back({"DuplicateObject", ref, "",
                                object.location + ": is already in " + entry.location +
                                    ", which counts; remove one of them"});
    }
  }
  for (auto& problem : manifest.problems) {
    auto& entry = file[problem.object];
    if (entry.object == nullptr) {
      const auto old = before.find(problem.object);
      if (old != before.end()) {
        entry.object = old->second.object;
        entry.location = old->second.location;
      }
    }
    entry.problems.push_back(std::move(problem));
  }
  return file;
}

void ManifestSet::put(const std::string& path, util::Result<Manifest> content) {
  const auto found = files_.find(path);
  File before = found == files_.end() ? File() : found->second;
  if (content) {
    replace(path, to_file(std::move(*content), before));
    return;
  }
  const auto ref = file_ref(path);
  before[ref].problems = {{"ManifestUnreadable", ref, "",
                           content.error().detail + "; its last good objects stay in use"}};
  replace(path, std::move(before));
}

void ManifestSet::remove(const std::string& path) {
  replace(path, {});
  files_.erase(path);
}

std::vector<std::string> ManifestSet::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) paths.push_back(path);
  return paths;
}

void ManifestSet::replace(const std::string& path, File file) {
  auto& current = files_[path];
  for (const auto& [ref, entry] : current) {
    touched_.insert(ref);
    const auto mention = mentions_.find(ref);
    mention->second.erase(path);
    if (mention->second.empty()) mentions_.erase(mention);
  }
  for (const auto& [ref, entry] : file) {
    touched_.insert(ref);
    mentions_[ref].insert(path);
  }
  current = std::move(file);
}

ManifestSet::Told ManifestSet::now(const ObjectRef& ref) const {
  Told told;
  const auto mention = mentions_.find(ref);
  if (mention == mentions_.end()) return told;
  const std::string* location = nullptr;
  for (const auto& path : mention->second) {
    const auto& entry = files_.at(path).at(ref);
    told.problems.insert(told.problems.end(), entry.problems.begin(), entry.problems.end());
    if (entry.object == nullptr) continue;
    if (location == nullptr) {
      told.object = entry.object;
      location = &entry.location;
    } else {
      told.problems.push_back(
          {"DuplicateObject", ref, "",
           entry.location + ": is already in " + *location + ", which counts; remove one of them"});
    }
  }
  return told;
}

void ManifestSet::tell(const ObjectRef& ref, const Told& before, const Told& after,
                       SourceEvents& events) {
  const bool same = same_object(before.object, after.object);
  // Naming the object is what ends a problem, also when the object itself stays as it is.
  const bool only_name = same && after.problems.empty();
  if (after.object != nullptr && (!same || only_name)) events.upserts.push_back(*after.object);
  if (after.object == nullptr && (!same || only_name)) events.removes.push_back(ref);
  events.problems.insert(events.problems.end(), after.problems.begin(), after.problems.end());
}

std::optional<SourceEvents> ManifestSet::take_changes() {
  std::optional<SourceEvents> events;
  for (const auto& ref : touched_) {
    auto after = now(ref);
    auto& before = told_[ref];
    if (!same_object(before.object, after.object) || before.problems != after.problems) {
      if (!events) events.emplace();
      tell(ref, before, after, *events);
    }
    if (after.empty()) {
      told_.erase(ref);
    } else {
      before = std::move(after);
    }
  }
  touched_.clear();
  return events;
}

}  // namespace weir::kube
