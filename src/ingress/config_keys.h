#pragma once

#include <span>
#include <string_view>

#include "ingress/annotations.h"

namespace weir::ingress {

/// A key of ingress-nginx's ConfigMap that is not in effect, and what that means. Those that are in
/// effect are global_settings.cc's and the annotations' twins; a test holds that none is in both.
struct ConfigKey {
  std::string_view key;
  Effect effect = Effect::NotYet;  ///< NotYet, Accepted or Refused
  std::string_view note = {};      ///< a sentence; for Refused what to use instead
};

/// Sorted by key. Keys that are twins of annotations that are not in effect are not in it.
std::span<const ConfigKey> idle_config_keys();

/// nullptr: ingress-nginx has no such key, or it is in effect, or an annotation's twin.
const ConfigKey* find_idle_config_key(std::string_view key);

/// The annotation that has the key as its twin, in effect or not; nullptr: none.
const Annotation* find_any_twin(std::string_view key);

}  // namespace weir::ingress
