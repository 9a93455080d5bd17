#include "inspect/lint.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/annotations.h"
#include "inspect/findings.h"
#include "inspect/text.h"

namespace weir::inspect {

namespace {

constexpr std::string_view kWarnings[] = {"ConfigMapKeyIgnored", "InvalidOcspResponse",
                                          "NotInEffect", "UnknownAnnotation"};

/// Files in order, and in each line by line.
bool comes_before(const Finding& a, const Finding& b) {
  const auto part = [](const std::string& place) {
    const auto colon = std::min(place.rfind(':'), place.size());
    std::size_t line = 0;
    for (auto i = colon + 1; i < place.size(); ++i) {
      line = line * 10 + static_cast<std::size_t>(place[i] - '0');
    }
    return std::pair(place.substr(0, colon), line);
  };
  return part(a.place) < part(b.place);
}

std::string line_of(const Finding& finding, Severity severity, bool colours) {
  const auto& problem = finding.problem;
  const bool is_file = problem.object.kind == kube::Kind::Manifest;
  std::string line = finding.place.empty() ? "" : printable(finding.place) + ": ";
  line += severity == Severity::Error ? toned("error", Tone::Bad, colours)
                                      : toned("warning", Tone::Warning, colours);
  line += ": ";
  if (!is_file) line += toned(printable(kube::to_string(problem.object)), Tone::Bold, colours);
  if (!problem.field.empty()) line += " " + printable(problem.field);
  return line +
         fmt::format("{}{} [{}]\n", is_file ? "" : ": ", printable(problem.message), problem.code);
}

}  // namespace

Severity severity_of(const kube::Problem& problem) {
  if (std::ranges::find(kWarnings, problem.code) == std::end(kWarnings)) return Severity::Error;
  constexpr std::string_view kField = "metadata.annotations[";
  const std::string_view field = problem.field;
  if (problem.code != "NotInEffect" || !field.starts_with(kField)) return Severity::Warning;
  const auto* annotation =
      ingress::find_annotation(field.substr(kField.size(), field.size() - kField.size() - 1));
  const bool closes = annotation != nullptr && annotation->close != nullptr;
  return closes ? Severity::Error : Severity::Warning;
}

LintReport lint(Input input, const ingress::Options& options, bool colours) {
  auto setting = settle_options(input, options);
  auto outcome = translate(input, setting.options);
  std::ranges::stable_sort(outcome.findings, comes_before);
  LintReport report;
  for (const auto& finding : outcome.findings) {
    const auto severity = severity_of(finding.problem);
    ++(severity == Severity::Error ? report.errors : report.warnings);
    report.text += line_of(finding, severity, colours);
  }
  const ServedIngresses ingresses(input, setting.options);
  for (const auto& notes : {setting.notes, outcome.notes, ingresses.notes()}) {
    for (const auto& note : notes) report.text += "note: " + note + "\n";
  }
  report.text += fmt::format("{}, {} in {}\n", counted(report.errors, "error", "errors"),
                             counted(report.warnings, "warning", "warnings"),
                             counted(ingresses.served().size(), "Ingress", "Ingresses"));
  return report;
}

}  // namespace weir::inspect
