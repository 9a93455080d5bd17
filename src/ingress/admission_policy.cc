#include "ingress/admission_policy.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kHead =
    R"yaml(# weirctl docs admission-policy prints this file from the registry of annotations; a test compares.
variables:
  - name: all
    expression: "has(object.metadata.annotations) ? object.metadata.annotations : {}"
  - name: before
    expression: "oldObject != null && has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}"
  # New or changed ones of weir's; what is there already stays.
  - name: changed
    expression: "variables.all.filter(name, (name.startsWith('nginx.ingress.kubernetes.io/') || name.startsWith('weir.dev/')) && variables.all[name].trim() != '' && !(name in variables.before && variables.before[name] == variables.all[name]))"
validations:
)yaml";

/// A text in CEL.
std::string cel_text(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

/// A double-quoted text in YAML.
std::string yaml_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string any_of(const std::vector<std::string_view>& words, const std::string& value) {
  std::vector<std::string> texts;
  for (const auto word : words) texts.push_back(cel_text(word));
  return fmt::format("{} in [{}]", value, fmt::join(texts, ", "));
}

/// Conditions of values that fit, in CEL, about the trimmed text `value`. All errors of CEL are in
/// the part behind a pattern that rules them out.
struct Fits {
  std::string value;

  std::string operator()(const Flag& flag) const {
    if (flag.words == Flag::Words::OnOff) return any_of({"on", "off"}, value);
    return any_of({"1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"},
                  value);
  }

  std::string operator()(const Number& number) const {
    return fmt::format("{0}.matches('^[0-9]{{1,18}}$') && int({0}) >= {1} && int({0}) <= {2}",
                       value, number.least, number.most);
  }

  std::string operator()(const Duration& duration) const {
    // Days are no unit of CEL's.
    const auto seconds = fmt::format(
        "{0}.matches('^[0-9]{{1,10}}$') && int({0}) * 1000 >= {1} && "
        "int({0}) * 1000 <= {2}",
        value, duration.least_ms, duration.most_ms);
    const auto time = fmt::format(
        "{0}.matches('^([0-9]{{1,8}}(h|m|s|ms))+$') && duration({0}) >= duration('{1}ms') && "
        "duration({0}) <= duration('{2}ms')",
        value, duration.least_ms, duration.most_ms);
    const auto days =
        fmt::format("{}.matches('^([0-9]+(d|h|m|s|ms))*[0-9]+d([0-9]+(d|h|m|s|ms))*$')", value);
    return fmt::format("({}) || ({}) || {}", seconds, time, days);
  }

  std::string operator()(const Size&) const {
    return fmt::format("{}.matches('^[0-9]{{1,18}}[kKmMgG]?$')", value);
  }

  std::string operator()(const List& list) const {
    const auto split =
        list.separator == ' ' ? "' '" : cel_text(std::string_view(&list.separator, 1));
    return fmt::format("size({}.split({}).filter(item, item.trim() != '')) <= {}", value, split,
                       list.most);
  }

  std::string operator()(const Choice& choice) const {
    auto words = choice.words;
    // Known, and without effect as yet: an Event says so.
    words.insert(words.end(), choice.later.begin(), choice.later.end());
    return any_of(words, choice.any_case ? value + ".upperAscii()" : value);
  }

  std::string operator()(const Text& text) const {
    return fmt::format("size({}) <= {}", value, text.most);
  }
};

class Writer {
 public:
  std::string run() {
    for (const auto& theme : annotation_themes()) {
      for (const auto& annotation : theme.annotations) {
        add_all(annotation);
      }
    }
    add_unknown();
    return std::move(text_);
  }

 private:
  void add_all(const Annotation& annotation) {
    add(annotation.name, annotation);
    for (const auto alias : annotation.aliases) add(alias, annotation);
  }

  void add(std::string_view name, const Annotation& annotation) {
    names_.push_back(cel_text(name));
    const auto value = fmt::format("variables.all[{}].trim()", cel_text(name));
    switch (annotation.effect) {
      case Effect::InEffect:
      case Effect::Partly:
        write(name, std::visit(Fits{value}, annotation.type),
              fmt::format("annotation {} must be {}", name, describe(annotation.type, "\"")));
        break;
      case Effect::Refused: {
        const bool is_flag = std::holds_alternative<Flag>(annotation.type);
        const std::vector<std::string_view> nothing = {"0", "f", "F", "false", "FALSE", "False"};
        write(name, is_flag ? any_of(nothing, value) : "false",
              fmt::format("annotation {} never has an effect: {}", name, annotation.note));
        break;
      }
      case Effect::NotYet:
      case Effect::Accepted:
        break;
    }
  }

  void write(std::string_view name, const std::string& condition, const std::string& message) {
    const auto expression = fmt::format("!({} in variables.changed) || {}", cel_text(name),
                                        condition == "false" ? condition : '(' + condition + ')');
    text_ += fmt::format("  - expression: {}\n    message: {}\n", yaml_text(expression),
                         yaml_text(message));
  }

  /// Of weir's own prefix: those of ingress-nginx are perhaps for another controller.
  void add_unknown() {
    std::vector<std::string> own;
    for (const auto& name : names_) {
      if (name.starts_with("'weir.dev/")) own.push_back(name);
    }
    text_ += fmt::format(
        "  - expression: {}\n    messageExpression: {}\n    message: {}\n",
        yaml_text(
            fmt::format("variables.changed.all(name, !name.startsWith('weir.dev/') || name in "
                        "[{}])",
                        fmt::join(own, ", "))),
        yaml_text(fmt::format("'weir knows no annotation ' + variables.changed.filter(name, "
                              "name.startsWith('weir.dev/') && !(name in [{}])).join(', ')",
                              fmt::join(own, ", "))),
        yaml_text("weir does not know all annotations that begin with weir.dev/"));
  }

  std::string text_{kHead};
  std::vector<std::string> names_;
};

}  // namespace

std::string admission_policy() {
  return Writer().run();
}

}  // namespace weir::ingress
