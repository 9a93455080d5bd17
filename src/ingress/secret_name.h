#pragma once

#include <string_view>

#include "ingress/names.h"

namespace weir::ingress {

inline constexpr std::string_view kSecretNameText = "namespace/name of a Secret, of this namespace";
inline constexpr std::size_t kMostSecretName = 320;

/// "namespace/name"; without a slash the namespace is empty, which no Secret has.
inline NamespacedName parse_secret_name(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return {{}, std::string(text)};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

}  // namespace weir::ingress
