#pragma once

namespace weir::cmd {

/// The CPUs that this process may use: those of its affinity mask, or fewer if its cgroup (v2, or
/// v1's cpu controller) has a quota; a part of one counts as one. At least 1.
unsigned usable_cpus();

}  // namespace weir::cmd
