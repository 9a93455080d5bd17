#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kube/problem.h"

namespace weir::ingress {

/// All problems that hold, each told by one or more tellers (a check of one object, the build of
/// one host, …). A teller replaces what it said before; a problem is gone when nobody tells it any
/// more.
class ProblemBook {
 public:
  enum class Kind { Decoding, Options, Ingress, Annotations, Host, Backend, Policy };
  using Teller = std::pair<Kind, std::string>;

  void tell(const Teller& teller, std::vector<kube::Problem> problems);

  /// What came and went since the last call, each sorted.
  struct Changes {
    std::vector<kube::Problem> appeared;
    std::vector<kube::Problem> disappeared;
  };
  Changes take_changes();

 private:
  void touch(const kube::Problem& problem, int difference);

  std::map<Teller, std::vector<kube::Problem>> told_;
  std::map<kube::Problem, int> tellers_of_;        // > 0
  std::map<kube::Problem, bool> was_told_before_;  // of those touched since take_changes
};

}  // namespace weir::ingress
