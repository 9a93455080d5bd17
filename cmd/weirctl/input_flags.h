#pragma once

#include <string>
#include <vector>

#include "common/flags.h"
#include "ingress/options.h"
#include "inspect/input.h"

namespace weir::weirctl {

/// The flags of every command that looks at manifests: what weir-controller would be started with.
/// Outlives the parse of `flags`.
class InputFlags {
 public:
  explicit InputFlags(cmd::Flags& flags);

  struct Refused {
    std::string flag;
    std::string message;
  };
  template <class T>
  using Result = boost::system::result<T, Refused>;
  Result<ingress::Options> options() const;

 private:
  std::string ingress_class_ = "nginx";
  std::vector<std::string> controller_classes_;
  std::string configmap_;
};

/// `args` behind `program`, as Flags takes them. The texts are those of `program` and `args`.
std::vector<const char*> to_argv(const std::string& program, const std::vector<std::string>& args);

/// Whether what goes to standard output may be coloured: it is a terminal that can, and NO_COLOR is
/// not set.
bool may_colour();

}  // namespace weir::weirctl
