#include "ingress/policy_settings.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ingress/annotation_values.h"

namespace weir::ingress {

namespace {

using Texts = std::vector<std::string>;

/// The one text of what is no list.
std::string single(const Texts& texts) {
  return texts.size() == 1 ? texts.front() : fmt::format("{}", fmt::join(texts, ","));
}

/// A value of a custom resource as its annotation has it; what is not of its type is left as it is,
/// for that to refuse.
struct ToText {
  const Texts& texts;

  std::string operator()(const Flag& flag) const {
    auto text = single(texts);
    if (flag.words == Flag::Words::TrueFalse) return text;
    if (text == "true") return "on";
    return text == "false" ? "off" : text;
  }

  std::string operator()(const Number& number) const {
    auto text = single(texts);
    if (number.unit != "seconds") return text;
    const auto ms = parse_duration_ms(text);
    return ms && *ms % 1'000 == 0 ? std::to_string(*ms / 1'000) : text;
  }

  std::string operator()(const Duration&) const { return single(texts); }

  std::string operator()(const Size&) const {
    auto text = single(texts);
    if (!text.ends_with('i') || text.size() < 2) return text;
    text.pop_back();
    text.back() = static_cast<char>(text.back() + ('a' - 'A'));
    return text;
  }

  std::string operator()(const List& list) const {
    return fmt::format("{}", fmt::join(texts, std::string_view(&list.separator, 1)));
  }

  std::string operator()(const Choice& choice) const {
    auto text = single(texts);
    for (const auto word : choice.words) {
      if (camel_case(word) == text) return std::string(word);
    }
    return text;
  }

  std::string operator()(const Text&) const { return single(texts); }
};

class Reader {
 public:
  explicit Reader(const kube::Policy& policy) : policy_(policy) {}

  ReadPolicy run() {
    auto settings = std::make_shared<PolicySettings>();
    settings->policy = kube::ref_of(policy_);
    for (const auto& [path, texts] : policy_.fields) {
      const auto* field = find_policy_field(policy_.kind, path);
      if (field == nullptr) {
        add(path, "is no field of this kind");
      } else if (auto text = take(*field, texts)) {
        settings->values.push_back({field, *std::move(text)});
      }
    }
    return {std::move(settings), std::move(problems_)};
  }

 private:
  void add(const std::string& path, std::string message) {
    problems_.push_back(
        {"InvalidField", kube::ref_of(policy_), "spec." + path, std::move(message)});
  }

  std::optional<std::string> take(const PolicyField& field, const Texts& texts) {
    const auto& annotation = *field.annotation;
    auto text = std::visit(ToText{texts}, annotation.type);
    if (field.is_secret_name) {
      if (text.find('/') != std::string::npos) {
        add(field.path, "must be the name of a Secret of the same namespace, without a /");
        return std::nullopt;
      }
      text = policy_.meta.ns + '/' + text;
    }
    const auto value = std::string(trimmed(text));
    Policies scratch;
    const auto complaint = take_value(annotation, value, scratch);
    if (!complaint) return value;
    add(field.path, complaint->why);
    if (annotation.if_wrong.empty()) return std::nullopt;
    return std::string(annotation.if_wrong);
  }

  const kube::Policy& policy_;
  std::vector<kube::Problem> problems_;
};

}  // namespace

bool PolicySettings::sets(const Annotation& annotation) const {
  return std::ranges::any_of(
      values, [&](const Value& value) { return value.field->annotation == &annotation; });
}

ReadPolicy read_policy(const kube::Policy& policy) {
  return Reader(policy).run();
}

void apply_settings(const PolicySettings& settings, const PolicySettings* but, Policies& policies) {
  static const auto* const algorithm = find_annotation("nginx.ingress.kubernetes.io/load-balance");
  static const auto* const affinity = find_annotation("nginx.ingress.kubernetes.io/affinity");
  // An annotation's hash would go before an algorithm, and its cookie is another one.
  if (settings.sets(*algorithm)) policies.balancing.hash_key.clear();
  if (settings.sets(*affinity)) {
    policies.balancing.cookie = {};
    policies.balancing.sticky_mode.reset();
  }
  for (const auto& [field, text] : settings.values) {
    if (but != nullptr && but->sets(*field->annotation)) continue;
    take_value(*field->annotation, text, policies);
  }
  // Of requests alone: of tunnels, other fields say it.
  auto& unsettled = policies.unsettled;
  if (const auto read = std::exchange(unsettled.read_timeout_s, {})) {
    policies.requests.read_timeout_ms = *read * 1'000;
  }
  if (const auto send = std::exchange(unsettled.send_timeout_s, {})) {
    policies.requests.send_timeout_ms = *send * 1'000;
  }
  policies.settle();
}

}  // namespace weir::ingress
