#pragma once

#include <string_view>

#include "table/table.h"

/// Keys of the ConfigMap about connections: how long they are kept, and what a request's head may
/// take.
namespace weir::ingress {

bool is_connection_key(std::string_view key);

/// Takes the value of such a key. What is wrong with it, or nullptr.
const char* take_connection_key(std::string_view key, std::string_view value,
                                table::ConnectionSettings& settings);

}  // namespace weir::ingress
