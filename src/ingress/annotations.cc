#include "ingress/annotations.h"

#include <algorithm>
#include <array>
#include <bit>
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

/// Which letters a name has. An edit changes at most two of the bits.
std::uint64_t letters_of(std::string_view name) {
  std::uint64_t bits = 0;
  for (const char c : name) bits |= std::uint64_t{1} << (static_cast<unsigned char>(c) % 64);
  return bits;
}

/// Letters inserted, left out, replaced, or swapped with their neighbour that lead from one to the
/// other; more than kMostEdits is kMostEdits + 1.
std::size_t edits_between(std::string_view a, std::string_view b) {
  constexpr std::size_t kMany = kMostEdits + 1;
  std::array<std::array<std::size_t, kLongest + 2>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    // Only near the diagonal can there be few edits.
    const auto begin = i > kMostEdits ? i - kMostEdits : 1;
    const auto end = std::min(b.size(), i + kMostEdits);
    if (begin > end) return kMany;
    row[begin - 1] = begin == 1 ? i : kMany;
    std::size_t least = row[begin - 1];
    for (std::size_t j = begin; j <= end; ++j) {
      const auto from_above = j < i + kMostEdits ? above[j] + 1 : kMany;
      row[j] = std::min({from_above, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], rows[(i + 1) % 3][j - 2] + 1);
      }
      least = std::min(least, row[j]);
    }
    if (least > kMostEdits) return kMany;
  }
  return std::min(rows[a.size() % 3][b.size()], kMany);
}

struct Candidate {
  std::string_view name;  // without prefix
  std::uint64_t letters = 0;
  const Annotation* annotation = nullptr;
};

const std::vector<Candidate>& candidates() {
  static const std::vector<Candidate> all = [] {
    std::vector<Candidate> made;
    for (const auto& [name, annotation] : by_name()) {
      const auto short_name = without_prefix(name);
      if (short_name.size() > kLongest) continue;
      made.push_back({short_name, letters_of(short_name), annotation});
    }
    return made;
  }();
  return all;
}

}  // namespace

const std::vector<AnnotationTheme>& annotation_themes() {
  static const std::vector<AnnotationTheme> themes = {
      tunnel_annotations(),        timeout_annotations(),     retry_annotations(),
      balancing_annotations(),     health_annotations(),      redirect_annotations(),
      tls_annotations(),           backend_tls_annotations(), content_annotations(),
      canary_annotations(),        access_annotations(),      cors_annotations(),
      observability_annotations(), refused_annotations(),
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
  const auto letters = letters_of(wanted);
  const Annotation* nearest = nullptr;
  // Half of a short name is another name.
  std::size_t least = std::min(kMostEdits, wanted.size() / 4) + 1;
  for (const auto& candidate : candidates()) {
    if (candidate.name.size() > wanted.size() + kMostEdits ||
        wanted.size() > candidate.name.size() + kMostEdits ||
        std::popcount(candidate.letters ^ letters) > static_cast<int>(2 * kMostEdits)) {
      continue;
    }
    const auto edits = edits_between(wanted, candidate.name);
    if (edits >= least) continue;
    least = edits;
    nearest = candidate.annotation;
  }
  return nearest;
}

bool is_ours(std::string_view name) {
  return std::ranges::any_of(kAnnotationPrefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace weir::ingress
