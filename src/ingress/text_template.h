#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "table/table.h"

namespace weir::ingress {

/// A text of letters, digits, "-", "_" with nginx's variables in it, as $name or ${name}:
/// remote_addr, binary_remote_addr, host, request_uri, http_NAME, cookie_NAME, arg_NAME. Nothing if
/// there is anything else in it, or too much.
std::optional<std::vector<table::TextPart>> parse_text_template(std::string_view text);

}  // namespace weir::ingress
