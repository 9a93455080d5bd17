#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::util {

/// RFC 4648 §4 with its padding. Line ends are skipped, as Go's decoder does for Secrets and
/// kubeconfigs. Nothing if the text is anything else.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace weir::util
