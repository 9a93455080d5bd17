#pragma once

#include <cstdint>
#include <string>

#include "common/flags.h"

namespace weir::weirctl {

/// A TCP port that nobody listens on at that IP address just now; 0: there is none, or no such
/// address.
std::uint16_t find_free_port(const std::string& host);

/// Whether GET /readyz at a proxy's admin listener is answered with 200, within a quarter of a
/// second.
bool answers_ready(const cmd::Address& admin);

}  // namespace weir::weirctl
