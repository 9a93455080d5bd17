#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "kube/objects.h"

namespace weir::kube {

/// Something wrong with one object, as a value. It becomes a log line, a metric (by `code`) and, in
/// a cluster, an Event on the object. It never stops anything else from working.
struct Problem {
  std::string_view code;  ///< stable CamelCase word, a string literal: "SecretNotFound"
  ObjectRef object;
  std::string field;    ///< path in the object: "spec.tls[0].secretName"; empty: the whole object
  std::string message;  ///< a sentence that says what to do; no trailing period, never a secret

  auto operator<=>(const Problem&) const = default;
};

}  // namespace weir::kube
