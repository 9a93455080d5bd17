#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "inspect/migration.h"
#include "inspect/text.h"

namespace weir::inspect {

namespace {

constexpr std::size_t kMostValue = 60;  // bytes shown of a value
constexpr Verdict kAll[] = {Verdict::Works, Verdict::Differs, Verdict::NeedsChange,
                            Verdict::Unsupported};

using Counts = std::array<std::size_t, kVerdicts>;

std::size_t& of(Counts& counts, Verdict verdict) {
  return counts[static_cast<std::size_t>(verdict)];
}

/// The first line of a value, and not too much of it.
std::string short_value(const std::string& value) {
  auto text = value.substr(0, value.find('\n'));
  std::size_t end = std::min(text.size(), kMostValue);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  const bool is_cut = end < value.size();
  text.resize(end);
  return printable(text) + (is_cut ? "…" : "");
}

std::string without_prefix(const std::string& name) {
  constexpr std::string_view kPrefix = "nginx.ingress.kubernetes.io/";
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

struct Totals {
  Counts ingresses{};
  Counts annotations{};
  Counts keys{};
  std::size_t drifting = 0;
  struct Use {
    std::size_t count = 0;
    Verdict worst = Verdict::Works;
  };
  std::map<std::string, Use> by_name;

  explicit Totals(const Migration& migration) {
    for (const auto& ingress : migration.ingresses) {
      ++of(ingresses, ingress.worst());
      if (!ingress.drift.empty()) ++drifting;
      for (const auto& item : ingress.items) {
        ++of(annotations, item.verdict);
        auto& use = by_name[item.name];
        ++use.count;
        use.worst = std::max(use.worst, item.verdict);
      }
    }
    if (!migration.config_map) return;
    for (const auto& item : migration.config_map->items) ++of(keys, item.verdict);
  }

  /// The most frequent first.
  std::vector<std::pair<std::string, Use>> uses() const {
    std::vector<std::pair<std::string, Use>> sorted(by_name.begin(), by_name.end());
    std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) {
      return std::pair(b.second.worst, b.second.count) < std::pair(a.second.worst, a.second.count);
    });
    return sorted;
  }
};

class Terminal {
 public:
  explicit Terminal(bool colours) : colours_(colours) {}

  std::string run(const Migration& migration) {
    for (const auto& ingress : migration.ingresses) add_object(ingress);
    if (migration.config_map) add_object(*migration.config_map);
    for (const auto& finding : migration.unreadable) {
      text_ += fmt::format(
          "{}: {} {}: {}\n", toned("left out", Tone::Bad, colours_), printable(finding.place),
          printable(kube::to_string(finding.problem.object)), printable(finding.problem.message));
    }
    for (const auto& note : migration.notes) text_ += fmt::format("note: {}\n", printable(note));
    add_totals(Totals(migration));
    return std::move(text_);
  }

 private:
  static Tone tone_of(Verdict verdict) {
    constexpr Tone kTones[] = {Tone::Good, Tone::Warning, Tone::Bad, Tone::Bad};
    return kTones[static_cast<std::size_t>(verdict)];
  }

  void add_object(const MigratedObject& object) {
    text_ += toned(printable(kube::to_string(object.object)), Tone::Bold, colours_);
    if (!object.place.empty()) text_ += fmt::format("  ({})", printable(object.place));
    text_ += '\n';
    if (object.items.empty() && object.differences.empty())
      text_ += "  has nothing that is ingress-nginx's own\n";
    std::size_t width = 0;
    for (const auto& item : object.items) {
      width = std::max(width, without_prefix(item.name).size());
    }
    for (const auto& item : object.items) {
      const auto verdict = fmt::format("{:24}", to_string(item.verdict));
      const auto name = fmt::format("{:{}}", printable(without_prefix(item.name)), width);
      text_ += fmt::format("  {}  {}  {}\n", toned(verdict, tone_of(item.verdict), colours_), name,
                           short_value(item.value));
      if (!item.text.empty()) text_ += fmt::format("{:28}{}\n", "", printable(item.text));
    }
    for (const auto& difference : object.differences) {
      const auto verdict = fmt::format("{:24}", to_string(Verdict::Differs));
      text_ += fmt::format("  {}  {}\n", toned(verdict, tone_of(Verdict::Differs), colours_),
                           printable(difference));
    }
    for (const auto& drift : object.drift) {
      text_ += fmt::format(
          "  {}  {}\n",
          toned(fmt::format("{:24}", "version of ingress-nginx"), Tone::Warning, colours_),
          printable(drift));
    }
    text_ += '\n';
  }

  void add_totals(Totals totals) {
    text_ += '\n';
    text_ +=
        fmt::format("{:26}{:>10}{:>13}{:>16}\n", "", "Ingresses", "annotations", "ConfigMap keys");
    for (const auto verdict : kAll) {
      text_ += fmt::format("{:26}{:>10}{:>13}{:>16}\n", to_string(verdict),
                           of(totals.ingresses, verdict), of(totals.annotations, verdict),
                           of(totals.keys, verdict));
    }
    text_ += fmt::format("\n{} on defaults of older versions of ingress-nginx\n",
                         counted(totals.drifting, "Ingress relies", "Ingresses rely"));
    if (totals.by_name.empty()) return;
    text_ += '\n';
    for (const auto& [name, use] : totals.uses()) {
      text_ += fmt::format(
          "{:6}  {}  {}\n", use.count,
          toned(fmt::format("{:24}", to_string(use.worst)), tone_of(use.worst), colours_),
          printable(name));
    }
  }

  const bool colours_;
  std::string text_;
};

/// Within a cell of a table (GitHub Flavored Markdown 4.10), and not as HTML.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (c == '|') {
      escaped += "\\|";
    } else if (c == '<') {
      escaped += "&lt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string code_cell(const std::string& text) {
  auto plain = printable(text);
  std::ranges::replace(plain, '`', '\'');
  std::string escaped;
  for (const char c : plain) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped.empty() ? std::string() : "`" + escaped + "`";
}

class Markdown {
 public:
  std::string run(const Migration& migration) {
    text_ = "# From ingress-nginx to weir\n";
    add_totals(Totals(migration));
    if (!migration.notes.empty() || !migration.unreadable.empty()) text_ += "\n## Notes\n\n";
    for (const auto& note : migration.notes) text_ += fmt::format("- {}\n", cell(note));
    for (const auto& finding : migration.unreadable) {
      text_ +=
          fmt::format("- left out: {} {}: {}\n", cell(finding.place),
                      cell(kube::to_string(finding.problem.object)), cell(finding.problem.message));
    }
    if (migration.config_map) add_object(*migration.config_map, "key");
    for (const auto& ingress : migration.ingresses) add_object(ingress, "annotation");
    return std::move(text_);
  }

 private:
  void add_totals(Totals totals) {
    text_ += "\n| | Ingresses | annotations | ConfigMap keys |\n|---|---|---|---|\n";
    for (const auto verdict : kAll) {
      text_ +=
          fmt::format("| {} | {} | {} | {} |\n", to_string(verdict), of(totals.ingresses, verdict),
                      of(totals.annotations, verdict), of(totals.keys, verdict));
    }
    text_ += fmt::format("\n{} on defaults of older versions of ingress-nginx.\n",
                         counted(totals.drifting, "Ingress relies", "Ingresses rely"));
    if (totals.by_name.empty()) return;
    text_ += "\n## By annotation\n\n| annotation | uses | at worst |\n|---|---|---|\n";
    for (const auto& [name, use] : totals.uses()) {
      text_ += fmt::format("| {} | {} | {} |\n", code_cell(name), use.count, to_string(use.worst));
    }
  }

  void add_object(const MigratedObject& object, std::string_view what) {
    text_ += fmt::format("\n## {}\n\n", cell(kube::to_string(object.object)));
    if (!object.place.empty()) text_ += fmt::format("{}\n\n", code_cell(object.place));
    if (object.items.empty() && object.differences.empty()) {
      text_ += "It has nothing that is ingress-nginx's own.\n";
    } else if (!object.items.empty()) {
      text_ += fmt::format("| {} | value | | |\n|---|---|---|---|\n", what);
    }
    for (const auto& item : object.items) {
      text_ +=
          fmt::format("| {} | {} | {} | {} |\n", code_cell(without_prefix(item.name)),
                      code_cell(short_value(item.value)), to_string(item.verdict), cell(item.text));
    }
    add_list("Works, with a difference", object.differences);
    add_list("By version of ingress-nginx", object.drift);
  }

  void add_list(std::string_view title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    text_ += fmt::format("\n{}:\n\n", title);
    for (const auto& line : lines) text_ += fmt::format("- {}\n", cell(line));
  }

  std::string text_;
};

}  // namespace

std::string to_text(const Migration& migration, ReportStyle style) {
  if (style == ReportStyle::Markdown) return Markdown().run(migration);
  return Terminal(style == ReportStyle::Colours).run(migration);
}

}  // namespace weir::inspect
