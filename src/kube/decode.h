#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kube/problem.h"
#include "util/result.h"

/// JSON in, typed objects out. Pure functions, for any thread. Input is hostile: whatever it is,
/// the answer is an object or a problem, and memory stays within a small factor of the input's
/// size.
///
/// Unknown fields are passed over, null is the same as missing, and what an API server defaults is
/// defaulted. managedFields, annotations and Secret keys that weir does not read are dropped by the
/// parser, before they become values.
namespace weir::kube {

struct Decoded {
  /// As far as it could be read: the name is empty if the object has none.
  ObjectRef ref;
  /// metadata.resourceVersion, also of an object that is refused.
  std::string resource_version;
  /// Nothing if there is a problem: an object is taken as a whole or not at all.
  std::optional<Object> object;
  /// Code "InvalidObject".
  std::vector<Problem> problems;
};

/// An object of a known kind as an API server gives it (which validated it, perhaps by older rules:
/// only shapes are checked). Items of a list do not name their kind.
Decoded decode_object(Kind kind, std::string_view json);

/// A manifest that no API server has seen: kind from its apiVersion and kind, namespace "default"
/// where one is needed, and the API server's validation of the fields that weir reads. Nothing for
/// kinds that weir does not read. `fallback` is what an item of a typed list is, if it does not say
/// so itself. Malformed if the text is not JSON, or not an object.
util::Result<std::optional<Decoded>> decode_manifest(std::string_view json,
                                                     std::optional<Kind> fallback = std::nullopt);

/// The part of a list around its items, also of a single object (then without `continue`).
struct ListHead {
  std::string api_version;
  std::string kind;
  std::string resource_version;  ///< opaque; where to begin to watch
  std::string continue_token;    ///< opaque; empty on the last page
};
util::Result<ListHead> decode_list_head(std::string_view json);

/// The kind of the items of a typed list: "v1" and "SecretList" give Secret.
std::optional<Kind> list_item_kind(std::string_view api_version, std::string_view list_kind);

/// One line of a watch.
struct WatchChange {
  bool deleted = false;
  Decoded decoded;
};
/// Only moves the place from which to watch again.
struct WatchBookmark {
  std::string resource_version;
};
/// A Status in a 200 stream.
struct WatchFailure {
  int code = 0;  ///< as of HTTP: 410 is Gone
  std::string message;
};
/// Of a type that a newer server may have.
struct WatchUnknown {};
using WatchEvent = std::variant<WatchChange, WatchBookmark, WatchFailure, WatchUnknown>;

/// Malformed if the line is no event at all.
util::Result<WatchEvent> decode_watch_event(Kind kind, std::string_view line);

/// The `message` of a Status, at most 300 bytes of printable text; empty if it is not one.
std::string decode_status_message(std::string_view json);

}  // namespace weir::kube
