#include "weirctl/lint.h"

#include <fmt/format.h>

#include "inspect/lint.h"
#include "weirctl/input_flags.h"

namespace weir::weirctl {

int lint(const std::vector<std::string>& args) {
  const std::string program = "weirctl lint";
  cmd::Flags flags(program, "Says what is wrong with Kubernetes manifests: weirctl lint PATH");
  std::string path;
  flags.word("PATH", path, "A folder or a file of manifests, or - for standard input");
  const InputFlags given(flags);
  const auto argv = to_argv(program, args);
  if (const auto code = flags.parse(static_cast<int>(argv.size()), argv.data())) return *code;
  if (path.empty()) return flags.refuse("PATH", "is missing: a folder, a file, or -");
  const auto options = given.options();
  if (!options) return flags.refuse(options.error().flag, options.error().message);
  auto input = inspect::read_input(path);
  if (!input) return flags.refuse("PATH", input.error().detail);
  const auto report = inspect::lint(*std::move(input), *options, may_colour());
  fmt::print("{}", report.text);
  return report.errors == 0 ? 0 : 1;
}

}  // namespace weir::weirctl
