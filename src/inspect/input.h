#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ingress/options.h"
#include "kube/manifest.h"
#include "kube/objects.h"
#include "kube/problem.h"
#include "util/result.h"

/// What weirctl says of objects without serving them: what is wrong with them, what a move from
/// ingress-nginx means for them, and where a request would go.
namespace weir::inspect {

/// Something wrong, with the place where it is written.
struct Finding {
  std::string place;  ///< "shop/ingress.yaml:12"; empty: from a cluster
  kube::Problem problem;
};

/// Objects from manifests or a cluster, decoded as weir-controller does. The first of two objects
/// with the same kind and name counts.
class Input {
 public:
  /// The text of one file; `name` is its path as the user knows it. What cannot be read is a
  /// finding.
  void add_text(std::string_view text, const std::string& name);
  void add(kube::Object object);
  /// Counts as an object, but not as given.
  void assume(kube::Object object) { objects_.push_back(std::move(object)); }
  /// Of something that was left out.
  void add_finding(Finding finding) { findings_.push_back(std::move(finding)); }

  const std::vector<kube::Object>& objects() const { return objects_; }
  const std::vector<Finding>& findings() const { return findings_; }
  /// Whether an object of that kind was given.
  bool has(kube::Kind kind) const;
  /// Where a field of an object is written; empty if that is not known.
  std::string place_of(const kube::ObjectRef& object, std::string_view field) const;

 private:
  struct Place {
    std::string file;  ///< empty: none
    std::function<std::size_t(std::string_view field)> line_of;
  };

  void add(kube::Object object, Place place);

  std::vector<kube::Object> objects_;
  std::map<kube::ObjectRef, Place> places_;
  std::vector<Finding> findings_;
};

/// A folder with its subfolders (*.yaml, *.yml and *.json, but for names that begin with a dot), a
/// file, or standard input for "-". Unavailable, with the path, if there is nothing to read there.
util::Result<Input> read_input(const std::string& path);

/// How weir-controller would be started on such input, and what had to be assumed for it.
struct Setting {
  ingress::Options options;
  std::vector<std::string> notes;  ///< sentences, without trailing period
};

/// Manifests seldom hold everything that a cluster has. Without any IngressClass in the input
/// those named "nginx", "weir" and `options.ingress_class` count as weir's own; they are assumed.
Setting settle_options(Input& input, ingress::Options options);

}  // namespace weir::inspect
