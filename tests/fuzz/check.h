#pragma once

#include <cstdio>
#include <cstdlib>

namespace weir::fuzz {

/// What does not hold ends the run: libFuzzer keeps the input.
inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace weir::fuzz
