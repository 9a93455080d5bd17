#include "common/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace weir::cmd {

namespace {

unsigned affinity_cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

std::optional<unsigned> quota(double used, double period) {
  if (used <= 0 || period <= 0) return std::nullopt;
  return static_cast<unsigned>(std::max(1.0, std::min(4096.0, (used + period - 1) / period)));
}

/// cgroup v2's cpu.max: "200000 100000", or "max 100000".
std::optional<unsigned> quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double used = 0;
  double period = 0;
  if (!(file >> used >> period)) return std::nullopt;
  return quota(used, period);
}

std::optional<unsigned> quota_v1() {
  std::ifstream used_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double used = 0;
  double period = 0;
  if (!(used_file >> used) || !(period_file >> period)) return std::nullopt;
  return quota(used, period);
}

/// The path of this process's cgroup v2, "" if it has none.
std::string own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return "";
}

}  // namespace

unsigned usable_cpus() {
  unsigned cpus = affinity_cpus();
  const auto limit = [&cpus](std::optional<unsigned> most) {
    if (most) cpus = std::min(cpus, *most);
  };
  // A quota of any group above holds as well.
  for (std::string path = own_cgroup();;) {
    limit(quota_v2("/sys/fs/cgroup" + path));
    if (path.empty()) break;
    path.resize(path.find_last_of('/'));
  }
  limit(quota_v1());
  return cpus;
}

}  // namespace weir::cmd
