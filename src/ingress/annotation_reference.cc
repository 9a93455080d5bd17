#include "ingress/annotation_reference.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kHead = R"(# Annotations

`weirctl docs annotations` prints this page from the registry in `src/ingress/annotations`; the tests compare the two.

An annotation that is empty counts as not there. One that is unknown, wrong or without effect is a problem of its Ingress: a log line, a metric by code, and an
Event (`UnknownAnnotation`, `InvalidAnnotation`, `NotInEffect`, `RefusedAnnotation`). Everything else of the Ingress counts as ever.

Scope says what has the property: the paths of the Ingress, its hosts, the Service ports that it names (backend), or all of it. Where Ingresses share a host or a
Service port and disagree, the oldest one that says something counts. The ConfigMap's key, if there is one, sets the default of all Ingresses.

Times are written as `30s`, `1h30m` or `500ms`; a plain number is seconds. Times of ingress-nginx's annotations are plain numbers, as there.
)";

constexpr const char* kScopes[] = {"path", "host", "backend", "ingress"};

bool counts(const Annotation& annotation) {
  return annotation.effect == Effect::InEffect || annotation.effect == Effect::Partly;
}

std::string code(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("`{}`", text);
}

/// "|" would end a cell.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

std::string text_of(const Annotation& annotation) {
  std::string text(annotation.text);
  if (annotation.effect == Effect::Partly)
    text += fmt::format(". Not all of it: {}", annotation.note);
  if (!annotation.needs.empty()) text += fmt::format(". Needs `{}`", annotation.needs);
  if (annotation.close != nullptr) text += fmt::format(". With a wrong value {}", kClosed);
  for (const auto alias : annotation.aliases) text += fmt::format(". Also written `{}`", alias);
  return text;
}

void add_theme(const AnnotationTheme& theme, std::string& page) {
  if (std::ranges::none_of(theme.annotations, counts)) return;
  page += fmt::format("\n## {}\n\n", theme.title);
  if (!theme.text.empty()) page += fmt::format("{}\n\n", theme.text);
  page += "| annotation | value | default | scope | ConfigMap | what it does |\n";
  page += "|---|---|---|---|---|---|\n";
  for (const auto& annotation : theme.annotations) {
    if (!counts(annotation)) continue;
    page += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", annotation.name,
                        cell(describe(annotation.type, "`")), code(annotation.usual),
                        kScopes[static_cast<std::size_t>(annotation.scope)], code(annotation.twin),
                        cell(text_of(annotation)));
  }
}

/// The annotations of one effect, over all themes.
void add_rest(std::string_view title, std::string_view text, Effect effect, std::string& page) {
  std::string rows;
  for (const auto& theme : annotation_themes()) {
    for (const auto& annotation : theme.annotations) {
      if (annotation.effect != effect) continue;
      rows +=
          fmt::format("| `{}` | {} | {} |\n", annotation.name, cell(annotation.text),
                      annotation.close == nullptr ? cell(annotation.note) : std::string(kClosed));
    }
  }
  if (rows.empty()) return;
  page += fmt::format("\n## {}\n\n{}\n\n| annotation | what it is | |\n|---|---|---|\n{}", title,
                      text, rows);
}

}  // namespace

std::string annotation_reference() {
  std::string page(kHead);
  for (const auto& theme : annotation_themes()) add_theme(theme, page);
  add_rest("Accepted", "Without effect, and nothing is lost.", Effect::Accepted, page);
  add_rest("Not in effect yet", "Known, and told as a problem (`NotInEffect`).", Effect::NotYet,
           page);
  add_rest(
      "Refused",
      "Never in effect: nothing from an annotation becomes part of a program. Each is told as a "
      "problem (`RefusedAnnotation`).",
      Effect::Refused, page);
  return page;
}

}  // namespace weir::ingress
