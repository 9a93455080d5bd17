#include "weirctl/run_args.h"

#include <algorithm>
#include <array>

namespace weir::weirctl {

namespace {

/// Those of the controller's flags that take no value of their own ("--flag", "--flag=false").
constexpr std::array<std::string_view, 6> kControllerSwitches = {
    "--watch-ingress-without-class",     "--ingress-class-by-name",
    "--report-node-internal-ip-address", "--update-status",
    "--update-status-on-shutdown",       "--disable-leader-election"};

bool contains(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

}  // namespace

util::Result<RunArgs> split_run_args(const std::vector<std::string>& args,
                                     const std::vector<std::string_view>& own_flags) {
  RunArgs split;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (!arg.starts_with("--")) {
      if (!split.path.empty()) return util::malformed(arg + " is a second PATH");
      split.path = arg;
      continue;
    }
    const auto equals = arg.find('=');
    const auto name = arg.substr(0, equals);
    const bool is_own = contains(own_flags, name);
    auto whole = arg;
    if (equals == std::string::npos && !contains(kControllerSwitches, name)) {
      if (i + 1 == args.size() || args[i + 1].starts_with("--")) {
        return util::malformed(name + " needs a value");
      }
      whole += "=" + args[++i];
    }
    (is_own ? split.own : split.controller).push_back(std::move(whole));
  }
  return split;
}

}  // namespace weir::weirctl
