#include "weirctl/input_flags.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

namespace weir::weirctl {

InputFlags::InputFlags(cmd::Flags& flags) {
  flags.text("--ingress-class", ingress_class_,
             "Value of annotation kubernetes.io/ingress.class that is weir's");
  flags.texts("--controller-class", controller_classes_,
              "spec.controller of IngressClasses that are weir's; repeatable; default: "
              "weir.dev/ingress and k8s.io/ingress-nginx");
  flags.text("--configmap", configmap_, "NAMESPACE/NAME of the ConfigMap with settings");
}

InputFlags::Result<ingress::Options> InputFlags::options() const {
  ingress::Options options;
  options.ingress_class = ingress_class_;
  if (!controller_classes_.empty()) options.controller_classes = controller_classes_;
  if (configmap_.empty()) return options;
  const auto slash = configmap_.find('/');
  if (slash == 0 || slash >= configmap_.size() - 1 ||
      configmap_.find('/', slash + 1) != std::string::npos) {
    return Refused{"--configmap", fmt::format("\"{}\" is not NAMESPACE/NAME", configmap_)};
  }
  options.config_map = {configmap_.substr(0, slash), configmap_.substr(slash + 1)};
  return options;
}

std::vector<const char*> to_argv(const std::string& program, const std::vector<std::string>& args) {
  std::vector<const char*> argv{program.c_str()};
  for (const auto& arg : args) argv.push_back(arg.c_str());
  return argv;
}

bool may_colour() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0') &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace weir::weirctl
