#pragma once

#include <string>
#include <string_view>

#include "proxy/exchange.h"
#include "table/table.h"
#include "util/regex.h"

namespace weir::proxy {

/// `text` with "$1" to "$9" replaced by what the groups of the last match took, and all of it fit
/// to stand in a request line: what nginx escapes in a URI that it has changed is escaped. Any
/// other
/// "$" stands for itself.
std::string fill_in(std::string_view text, const util::RegexMatcher& matcher);

/// What endpoints get to see of a request: its target, and X-Forwarded-Prefix. `matcher` has found
/// the route just now. Nothing happens without a path to rewrite to.
void rewrite_target(const table::Rewrite& rewrite, const util::RegexMatcher& matcher,
                    Exchange& exchange);

}  // namespace weir::proxy
