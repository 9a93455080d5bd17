#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "table/table.h"

namespace weir::ingress {

/// Whether the ConfigMap's key says who is turned away everywhere: block-cidrs, block-user-agents,
/// block-referers.
bool is_block_list(std::string_view key);

/// Puts the items of its value, with commas between, into `blocked`. Gives what is wrong with some,
/// a sentence each; those are left out.
std::vector<std::string> take_block_list(std::string_view key, std::string_view value,
                                         table::Blocked& blocked);

}  // namespace weir::ingress
