#include "weirctl/docs.h"

#include <optional>
#include <string>

#include <fmt/format.h>

#include "ingress/admission_policy.h"
#include "ingress/annotation_reference.h"
#include "ingress/policy_schema.h"

namespace weir::weirctl {

namespace {

std::optional<std::string> definition(const std::string& name) {
  for (const auto& kind : ingress::policy_kinds()) {
    if (kube::to_string(kind.kind) == name) return ingress::policy_definition(kind);
  }
  return std::nullopt;
}

std::optional<std::string> page(const std::vector<std::string>& args) {
  if (args.size() == 2 && args[0] == "crd") return definition(args[1]);
  if (args.size() != 1) return std::nullopt;
  if (args[0] == "annotations") return ingress::annotation_reference();
  if (args[0] == "admission-policy") return ingress::admission_policy();
  if (args[0] == "crds") return ingress::policy_reference();
  return std::nullopt;
}

}  // namespace

int docs(const std::vector<std::string>& args) {
  const auto text = page(args);
  if (!text) {
    fmt::print(stderr,
               "weirctl docs: needs annotations, admission-policy, crds, or crd and one of "
               "TunnelPolicy, BackendPolicy and WeirConfig\n");
    return 2;
  }
  fmt::print("{}", *text);
  return 0;
}

}  // namespace weir::weirctl
