#include "inspect/input.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include <fmt/format.h>

namespace weir::inspect {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostBytes = 512 << 20;  // of a file: a dump of a very large cluster

bool is_manifest(const fs::path& path) {
  const auto extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

/// Messages of parse_manifest begin with "NAME:LINE: ".
Finding part(kube::Problem problem, const std::string& name) {
  Finding finding{name, std::move(problem)};
  auto& message = finding.problem.message;
  if (!message.starts_with(name + ":")) return finding;
  const auto end = message.find(": ", name.size());
  if (end == std::string::npos) return finding;
  finding.place = message.substr(0, end);
  message.erase(0, end + 2);
  return finding;
}

util::Result<std::string> read_text(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > kMostBytes) return util::malformed("is larger than 512 MiB");
  const std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || text.fail()) return util::unavailable("cannot be read");
  return text.str();
}

/// Sorted; in a folder the first of two files with the same object counts.
util::Result<std::vector<fs::path>> manifests_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::follow_directory_symlink,
                                      error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->path().filename().native().starts_with('.')) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file() && is_manifest(at->path())) {
      files.push_back(at->path());
    }
  }
  if (error) return util::unavailable(fmt::format("{}: {}", folder.native(), error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

kube::IngressClass make_class(const std::string& name, const std::string& controller) {
  kube::IngressClass made;
  made.meta.name = name;
  made.controller = controller;
  return made;
}

}  // namespace

void Input::add_text(std::string_view text, const std::string& name) {
  auto manifest = kube::parse_manifest(text, name);
  if (!manifest) {
    add_finding(
        part({"ManifestUnreadable", {kube::Kind::Manifest, "", name}, "", manifest.error().detail},
             name));
    return;
  }
  for (auto& problem : manifest->problems) add_finding(part(std::move(problem), name));
  for (auto& entry : manifest->objects) {
    add(std::move(entry.object), {name, std::move(entry.line_of)});
  }
}

void Input::add(kube::Object object) {
  add(std::move(object), {});
}

void Input::add(kube::Object object, Place place) {
  const auto ref = kube::ref_of(object);
  const auto [at, is_new] = places_.try_emplace(ref, place);
  if (is_new) {
    objects_.push_back(std::move(object));
    return;
  }
  const auto line = place.line_of ? place.line_of("") : 0;
  add_finding(
      {fmt::format("{}:{}", place.file, line),
       {"DuplicateObject", ref, "",
        fmt::format("is already in {}, which counts; remove one of them", place_of(ref, ""))}});
}

bool Input::has(kube::Kind kind) const {
  return std::ranges::any_of(places_, [&](const auto& entry) { return entry.first.kind == kind; });
}

std::string Input::place_of(const kube::ObjectRef& object, std::string_view field) const {
  const auto found = places_.find(object);
  if (found == places_.end() || found->second.file.empty()) return {};
  return fmt::format("{}:{}", found->second.file, found->second.line_of(field));
}

util::Result<Input> read_input(const std::string& path) {
  Input input;
  if (path == "-") {
    std::stringstream text;
    text << std::cin.rdbuf();
    input.add_text(text.view(), "standard input");
    return input;
  }
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) return util::unavailable(fmt::format("{}: there is no such file", path));
  std::vector<fs::path> files{path};
  if (fs::is_directory(status)) {
    auto found = manifests_below(path);
    if (!found) return found.error();
    if (found->empty()) {
      return util::unavailable(
          fmt::format("{}: there is no *.yaml, *.yml or *.json in this folder", path));
    }
    files = *std::move(found);
  }
  for (const auto& file : files) {
    const auto text = read_text(file);
    if (!text) return util::unavailable(fmt::format("{}: {}", file.native(), text.error().detail));
    input.add_text(*text, file.native());
  }
  return input;
}

Setting settle_options(Input& input, ingress::Options options) {
  // As the controller has it for a folder.
  options.serve_classless = true;
  options.allow_loopback = true;
  Setting setting{std::move(options), {}};
  if (input.has(kube::Kind::IngressClass) || !input.has(kube::Kind::Ingress)) return setting;
  setting.options.watch_ingress_without_class = true;
  const std::set<std::string> names{"nginx", "weir", setting.options.ingress_class};
  for (const auto& name : names) {
    input.assume(make_class(name, setting.options.controller_classes.front()));
  }
  setting.notes.push_back(
      fmt::format("no IngressClass is in the input; those named {} count as weir's own, and so do "
                  "Ingresses without a class",
                  fmt::join(names, ", ")));
  return setting;
}

}  // namespace weir::inspect
