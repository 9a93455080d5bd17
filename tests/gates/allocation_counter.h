#pragma once

#include <cstdint>
#include <string>

namespace weir::test {

/// Calls of malloc, calloc, realloc and their kin so far, by threads of this process.
struct Allocations {
  std::uint64_t own = 0;
  std::uint64_t openssl = 0;  ///< those that OpenSSL asked for
};

/// Of the living threads with that name.
Allocations allocations_of_threads(const std::string& name);

}  // namespace weir::test
