#include "common/metrics_flags.h"

#include <unistd.h>

#include <array>

namespace weir::cmd {

namespace {

constexpr const char* kNone = "none";
constexpr const char* kIngressNginx = "ingress-nginx";

}  // namespace

MetricsFlags::MetricsFlags(Flags& flags) : compat_(kNone) {
  flags.choice("--metrics-compat", compat_, {kNone, kIngressNginx},
               "Metrics by the names of others, too");
  flags.text("--metrics-compat-class", class_,
             "What those say of the controller's class; of its Pod they say POD_NAMESPACE and "
             "POD_NAME");
}

std::optional<util::NginxLabels> MetricsFlags::ingress_nginx() const {
  if (compat_ != kIngressNginx) return std::nullopt;
  const char* ns = std::getenv("POD_NAMESPACE");
  return util::NginxLabels{class_, ns == nullptr ? "default" : ns, own_pod_name()};
}

std::string own_pod_name() {
  const char* pod = std::getenv("POD_NAME");
  if (pod != nullptr && *pod != '\0') return pod;
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "weir";
}

}  // namespace weir::cmd
