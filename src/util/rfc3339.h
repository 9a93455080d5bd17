#pragma once

#include <chrono>
#include <string>

namespace weir::util {

/// "2026-11-21T10:00:00.123456Z" (RFC 3339), as Kubernetes' MicroTime is written.
std::string rfc3339_micro(std::chrono::system_clock::time_point time);

}  // namespace weir::util
