#include "ingress/annotations.h"

#include <algorithm>
#include <array>
#include <map>

#include "ingress/annotations/themes.h"

namespace weir::ingress {

namespace {

using Index = std::map<std::string_view, const Annotation*, std::less<>>;

template <class Add>
Index make_index(Add add) {
  Index index;
  for (const auto& theme : annotation_themes()) {
    for (const auto& annotation : theme.annotations) add(index, annotation);
  }
  return index;
}

const Index& by_name() {
  static const Index index = make_index([](Index& all, const Annotation& annotation) {
    all.emplace(annotation.name, &annotation);
    for (const auto alias : annotation.aliases) all.emplace(alias, &annotation);
  });
  return index;
}

std::string_view without_prefix(std::string_view name) {
  return name.substr(name.find('/') + 1);
}

constexpr std::size_t kMostEdits = 2;
constexpr std::size_t kLongest = 64;  // of names; more is nobody's typo

/// Letters inserted, left out, replaced, or swapped with their neighbour that lead from one to the
/// other.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::array<std::array<std::size_t, kLongest + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], rows[(i + 1) % 3][j - 2] + 1);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

const std::vector<AnnotationTheme>& annotation_themes() {
  static const std::vector<AnnotationTheme> themes = {
      tunnel_annotations(),      timeout_annotations(),  retry_annotations(),
      balancing_annotations(),   redirect_annotations(), tls_annotations(),
      backend_tls_annotations(), content_annotations(),  canary_annotations(),
      access_annotations(),      cors_annotations(),     observability_annotations(),
      refused_annotations(),
  };
  return themes;
}

const Annotation* find_annotation(std::string_view name) {
  const auto found = by_name().find(name);
  return found == by_name().end() ? nullptr : found->second;
}

const Annotation* find_twin(std::string_view key) {
  static const Index index = make_index([](Index& all, const Annotation& annotation) {
    const bool counts =
        annotation.effect == Effect::InEffect || annotation.effect == Effect::Partly;
    if (counts && !annotation.twin.empty()) all.emplace(annotation.twin, &annotation);
  });
  const auto found = index.find(key);
  return found == index.end() ? nullptr : found->second;
}

const Annotation* nearest_annotation(std::string_view name) {
  const auto wanted = without_prefix(name);
  if (wanted.size() > kLongest) return nullptr;
  const Annotation* nearest = nullptr;
  // Half of a short name is another name.
  std::size_t least = std::min(kMostEdits, wanted.size() / 4) + 1;
  for (const auto& [known, annotation] : by_name()) {
    const auto candidate = without_prefix(known);
    if (candidate.size() > kLongest || candidate.size() > wanted.size() + kMostEdits ||
        wanted.size() > candidate.size() + kMostEdits) {
      continue;
    }
    const auto edits = edits_between(wanted, candidate);
    if (edits >= least) continue;
    least = edits;
    nearest = annotation;
  }
  return nearest;
}

bool is_ours(std::string_view name) {
  return std::ranges::any_of(kAnnotationPrefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace weir::ingress
