#include "weirctl/docs.h"

#include <fmt/format.h>

#include "ingress/annotation_reference.h"

namespace weir::weirctl {

int docs(const std::vector<std::string>& args) {
  if (args.size() != 1 || args[0] != "annotations") {
    fmt::print(stderr, "weirctl docs: needs annotations\n");
    return 2;
  }
  fmt::print("{}", ingress::annotation_reference());
  return 0;
}

}  // namespace weir::weirctl
