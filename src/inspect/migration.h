#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "inspect/input.h"

namespace weir::inspect {

/// What becomes of an annotation or key of ingress-nginx. Ordered: the later, the more to do.
enum class Verdict {
  Works,        ///< as it is
  Differs,      ///< works, and something about it is different
  NeedsChange,  ///< by whoever wrote it
  Unsupported,  ///< by weir, in this version
};
inline constexpr std::size_t kVerdicts = 4;

/// "works as is", "works, with a difference", …
const char* to_string(Verdict verdict);

/// One annotation of an Ingress, or one key of the ConfigMap.
struct Migrated {
  std::string name;
  std::string value;
  Verdict verdict = Verdict::Works;
  std::string text;  ///< which difference, what to change to, or why not; may be empty for Works
};

struct MigratedObject {
  kube::ObjectRef object;
  std::string place;  ///< as Finding::place
  std::vector<Migrated> items;
  /// What differs whatever the annotations say: sentences.
  std::vector<std::string> differences;
  /// On which defaults of older versions of ingress-nginx it relies (version_drift.h).
  std::vector<std::string> drift;

  Verdict worst() const;  ///< of the items and differences
};

struct Migration {
  std::vector<MigratedObject> ingresses;  ///< by namespace and name; those that are served
  std::optional<MigratedObject> config_map;
  std::vector<Finding> unreadable;  ///< what was left out
  std::vector<std::string> notes;
};

/// What a move from ingress-nginx to weir means for the input. Verdicts come from the registry of
/// annotations and from what the translation says of these very objects.
Migration migrate(Input input, const ingress::Options& options);

enum class ReportStyle { Terminal, Colours, Markdown };

/// With totals, for people.
std::string to_text(const Migration& migration, ReportStyle style);

}  // namespace weir::inspect
