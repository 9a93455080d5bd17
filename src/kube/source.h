#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "kube/objects.h"
#include "kube/problem.h"

namespace weir::kube {

/// What a source tells. All changes of one call belong together: they are taken over at once.
struct SourceEvents {
  /// Objects that are new or different.
  std::vector<Object> upserts;
  /// Objects that are gone.
  std::vector<ObjectRef> removes;
  /// The problems of decoding, in full for each object named in `upserts`, `removes` or `problems`:
  /// an object that is named without a problem has none any more.
  std::vector<Problem> problems;
  /// Kinds whose first complete list is part of this call or came before it.
  std::vector<Kind> synced;
};

/// Where objects come from: an API server, or a folder of manifests. Both give the same decoded
/// objects, so everything behind them is one code path.
class Source {
 public:
  /// Called on the source's own threads, one call at a time per kind; returns quickly.
  using Sink = std::function<void(SourceEvents)>;

  virtual ~Source() = default;  ///< stops first

  /// Returns at once; events follow until `stop`. Call once.
  virtual void start(Sink sink) = 0;
  /// No sink call is running or will come after it returns. May be called twice.
  virtual void stop() = 0;
};

}  // namespace weir::kube
