#pragma once

namespace weir::util {

/// As `project()` in CMakeLists.txt says.
inline constexpr char kVersion[] = WEIR_VERSION;

}  // namespace weir::util
