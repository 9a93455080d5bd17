#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace weir::kube {

/// One object of a YAML stream, as JSON text.
///
/// Plain scalars are typed as kubectl does (YAML 1.1 words for booleans too: yes, no, on, off),
/// quoted ones stay strings, times stay strings; merge keys ("<<") are resolved.
struct YamlObject {
  std::string json;
  /// The type of the list that the object is an item of; empty for an object on its own.
  std::string list_api_version;
  std::string list_kind;
  /// Where the object begins, from 1.
  int line = 1;
  /// Keys that are there twice, as sentences: "the key "host" is there twice".
  struct Duplicate {
    int line;
    std::string message;
  };
  std::vector<Duplicate> duplicates;
  /// The line of a field ("spec.rules[0].host"), or of the nearest thing around it that exists.
  std::function<int(std::string_view field)> line_of;
};

/// Splits a stream in documents, and lists in their items. Empty documents are passed over.
/// Malformed, with "<line>: <reason>", if any of it is not YAML, nests too deeply, or grows out of
/// proportion by its aliases.
util::Result<std::vector<YamlObject>> read_yaml(std::string_view text);

}  // namespace weir::kube
