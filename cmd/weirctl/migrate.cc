#include "weirctl/migrate.h"

#include <variant>

#include <fmt/format.h>

#include "inspect/live_input.h"
#include "inspect/migration.h"
#include "util/log.h"
#include "weirctl/input_flags.h"

namespace weir::weirctl {

namespace {

struct ReportFlags {
  std::string path;
  std::string output = "text";
  std::string ns;
  kube::CredentialOptions where;
  std::chrono::milliseconds patience{30'000};
};

/// What is read, or the exit code after a line that says why nothing is.
std::variant<inspect::Input, int> read(const ReportFlags& given, const ingress::Options& options,
                                       const cmd::Flags& flags) {
  if (!given.path.empty()) {
    auto input = inspect::read_input(given.path);
    if (!input) return flags.refuse("PATH", input.error().detail);
    return *std::move(input);
  }
  const auto refuse = [&](const std::string& why) {
    return given.where.kubeconfig.empty() ? flags.refuse("PATH", "is missing, and " + why)
                                          : flags.refuse("--kubeconfig", why);
  };
  auto access = kube::find_cluster_access(given.where);
  if (!access) return refuse(access.error().detail);
  const auto credentials = kube::Credentials::open(*std::move(access));
  if (!credentials) return refuse(credentials.error().detail);
  util::log::init("weirctl", util::log::Level::Warning);
  std::vector<kube::Kind> kinds{kube::Kind::Ingress, kube::Kind::IngressClass};
  if (options.config_map) kinds.push_back(kube::Kind::ConfigMap);
  auto input = inspect::read_cluster(*credentials, kinds, given.ns, given.patience);
  if (input) return *std::move(input);
  util::log::error("{}", input.error().detail);
  return 1;
}

int report(const std::vector<std::string>& args) {
  const std::string program = "weirctl migrate report";
  cmd::Flags flags(program,
                   "Says what a move from ingress-nginx means: weirctl migrate report [PATH]");
  ReportFlags given;
  flags.word("PATH", given.path,
             "A folder or a file of manifests, or - for standard input; none: the cluster");
  const InputFlags input_flags(flags);
  flags.choice("--output", given.output, {"text", "markdown"}, "How to write it: text, markdown");
  flags.text("--kubeconfig", given.where.kubeconfig, "How to reach the cluster");
  flags.text("--watch-namespace", given.ns, "Only this namespace of the cluster; default: all");
  flags.duration("--timeout", given.patience, "For the cluster to give its objects");
  const auto argv = to_argv(program, args);
  if (const auto code = flags.parse(static_cast<int>(argv.size()), argv.data())) return *code;
  const auto options = input_flags.options();
  if (!options) return flags.refuse(options.error().flag, options.error().message);
  auto input = read(given, *options, flags);
  if (const auto* code = std::get_if<int>(&input)) return *code;
  const auto style = given.output == "markdown" ? inspect::ReportStyle::Markdown
                     : may_colour()             ? inspect::ReportStyle::Colours
                                                : inspect::ReportStyle::Terminal;
  const auto migration = inspect::migrate(std::get<inspect::Input>(std::move(input)), *options);
  fmt::print("{}", inspect::to_text(migration, style));
  return 0;
}

}  // namespace

int migrate(const std::vector<std::string>& args) {
  if (!args.empty() && args.front() == "report") return report({args.begin() + 1, args.end()});
  fmt::print(stderr, "weirctl migrate: needs report\n");
  return 2;
}

}  // namespace weir::weirctl
