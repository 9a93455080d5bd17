#include <string>
#include <vector>

#include <fmt/format.h>

#include "util/version.h"
#include "weirctl/completion.h"
#include "weirctl/docs.h"
#include "weirctl/explain.h"
#include "weirctl/lint.h"
#include "weirctl/migrate.h"
#include "weirctl/run.h"
#include "weirctl/wait.h"

namespace {

constexpr char kUsage[] = R"(weirctl: a Kubernetes ingress controller on this machine

  weirctl run PATH [flags]               serve a folder of Kubernetes manifests
  weirctl lint PATH [flags]              say what is wrong with manifests
  weirctl migrate report [PATH] [flags]  say what a move from ingress-nginx means for them
  weirctl explain URL PATH [flags]       say where a request would go, and why
  weirctl wait [URL] [flags]             wait for an HTTP server, or for a time
  weirctl version                        print the version
  weirctl completion bash|zsh|fish       print a completion script

PATH is a folder or a file of manifests, or - for standard input. --help behind a command
lists its flags.
)";

int complete(const std::vector<std::string>& args) {
  const auto script = args.size() == 1 ? weir::weirctl::completion(args[0]) : "";
  if (script.empty()) {
    fmt::print(stderr, "weirctl completion: needs one of bash, zsh, fish\n");
    return 2;
  }
  fmt::print("{}", script);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  const std::vector<std::string> args(argv + (argc > 1 ? 2 : argc), argv + argc);
  if (command == "run") return weir::weirctl::run(args);
  if (command == "lint") return weir::weirctl::lint(args);
  if (command == "migrate") return weir::weirctl::migrate(args);
  if (command == "explain") return weir::weirctl::explain(args);
  if (command == "wait") return weir::weirctl::wait(args);
  if (command == "completion") return complete(args);
  if (command == "docs") return weir::weirctl::docs(args);  // for whoever changes weir
  if (command == "version" || command == "--version") {
    fmt::print("weirctl {}\n", weir::util::kVersion);
    return 0;
  }
  if (command == "--help" || command == "-h" || command == "help") {
    fmt::print("{}", kUsage);
    return 0;
  }
  fmt::print(stderr, "weirctl: {} is no command; see weirctl --help\n",
             command.empty() ? "nothing" : command);
  return 2;
}
