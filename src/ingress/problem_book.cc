#include "ingress/problem_book.h"

#include <algorithm>

namespace weir::ingress {

void ProblemBook::tell(const Teller& teller, std::vector<kube::Problem> problems) {
  std::sort(problems.begin(), problems.end());
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
  const auto told = told_.find(teller);
  if (told == told_.end() ? problems.empty() : told->second == problems) return;
  for (const auto& problem : problems) touch(problem, 1);
  if (told != told_.end()) {
    for (const auto& problem : told->second) touch(problem, -1);
  }
  if (problems.empty()) {
    told_.erase(told);
  } else {
    told_[teller] = std::move(problems);
  }
}

void ProblemBook::touch(const kube::Problem& problem, int difference) {
  const auto tellers = tellers_of_.try_emplace(problem, 0).first;
  was_told_before_.try_emplace(problem, tellers->second > 0);
  tellers->second += difference;
  if (tellers->second == 0) tellers_of_.erase(tellers);
}

ProblemBook::Changes ProblemBook::take_changes() {
  Changes changes;
  for (const auto& [problem, was_told] : was_told_before_) {
    const bool is_told = tellers_of_.contains(problem);
    if (is_told && !was_told) changes.appeared.push_back(problem);
    if (!is_told && was_told) changes.disappeared.push_back(problem);
  }
  was_told_before_.clear();
  return changes;
}

}  // namespace weir::ingress
