#pragma once

#include <optional>
#include <string_view>

#include "table/table.h"

namespace weir::ingress {

/// How long answers are kept, as nginx's proxy_cache_valid has it: statuses, then a time, such as
/// "200 202 1h30m". Nothing: it is no such text, or names no status.
std::optional<table::CacheTime> parse_cache_time(std::string_view text);

}  // namespace weir::ingress
