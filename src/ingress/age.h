#pragma once

#include <cstdint>

#include "ingress/names.h"
#include "kube/objects.h"

namespace weir::ingress {

/// Whose word counts first when Ingresses disagree: the older one's; of the same second, the one
/// whose "namespace/name" sorts last (as ingress-nginx does, so that a switch changes no winner).
struct Age {
  std::int64_t creation_timestamp = 0;
  NamespacedName name;

  explicit Age(const kube::ObjectMeta& meta);
  bool operator<(const Age& other) const;
};

}  // namespace weir::ingress
