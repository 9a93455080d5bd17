#include "ingress/age.h"

namespace weir::ingress {

Age::Age(const kube::ObjectMeta& meta)
    : creation_timestamp(meta.creation_timestamp), name(name_of(meta)) {}

bool Age::operator<(const Age& other) const {
  if (creation_timestamp != other.creation_timestamp) {
    return creation_timestamp < other.creation_timestamp;
  }
  // "a-b/x" and "a/x" are compared as whole texts, in which '-' sorts before '/'.
  const auto order = to_string(name) <=> to_string(other.name);
  return order != 0 ? order > 0 : name > other.name;
}

}  // namespace weir::ingress
