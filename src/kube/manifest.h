#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/problem.h"
#include "util/result.h"

namespace weir::kube {

struct ManifestObject {
  Object object;
  std::string location;  ///< "chat/ingress.yaml:12"
  /// The line of a field ("spec.rules[0].host"), or of the nearest thing around it that exists.
  std::function<std::size_t(std::string_view field)> line_of = {};
};

struct Manifest {
  std::vector<ManifestObject> objects;
  /// Of single objects, which are left out. Messages begin with the place: "chat/ingress.yaml:12:
  /// …".
  std::vector<Problem> problems;
};

/// Reads the text of a file as `kubectl apply -f` would: YAML of one or many documents, or JSON,
/// with lists taken apart. Kinds that weir does not read are passed over (with a debug line).
///
/// Malformed if the file as a whole cannot be read; the reason then begins with `name`, which is
/// the file's path as the user knows it, and the line.
util::Result<Manifest> parse_manifest(std::string_view text, const std::string& name);

}  // namespace weir::kube
