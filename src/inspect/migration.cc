#include "inspect/migration.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"
#include "ingress/config_keys.h"
#include "ingress/global_settings.h"
#include "inspect/findings.h"
#include "inspect/version_drift.h"

namespace weir::inspect {

namespace {

using ingress::Annotation;
using ingress::Effect;

struct Judged {
  Verdict verdict = Verdict::Works;
  std::string text;
};

std::string with_note(std::string_view text, std::string_view note) {
  return note.empty() ? std::string(text) : fmt::format("{}: {}", text, note);
}

/// What it means that an annotation is not in effect.
std::string_view meaning_of(const Annotation& annotation) {
  return annotation.close == nullptr ? annotation.note : ingress::kClosed;
}

/// The registry has all that ingress-nginx has.
Judged judge_unknown(std::string_view name) {
  const auto* nearest = ingress::nearest_annotation(name);
  return {
      Verdict::NeedsChange,
      with_note("neither ingress-nginx nor weir knows it",
                nearest == nullptr ? "remove it" : fmt::format("did you mean {}?", nearest->name))};
}

/// Of an annotation that nothing was said about.
Judged judge_silent(const Annotation& annotation) {
  if (annotation.effect == Effect::Accepted) {
    return {Verdict::Works, with_note("without effect, and nothing is lost", annotation.note)};
  }
  if (annotation.effect == Effect::InEffect && !annotation.difference.empty()) {
    return {Verdict::Differs, std::string(annotation.difference)};
  }
  return {};
}

Judged judge_not_in_effect(const Annotation& annotation, const std::string& message) {
  if (annotation.effect == Effect::NotYet) {
    return {Verdict::Unsupported, with_note("not in effect yet", meaning_of(annotation))};
  }
  if (annotation.effect == Effect::Partly) return {Verdict::Differs, message};
  // Without the one that it needs it has no effect in ingress-nginx either.
  const bool is_alone = !annotation.needs.empty() && message.ends_with(annotation.needs);
  return {is_alone ? Verdict::Works : Verdict::Unsupported, message};
}

/// By what the translation says of it here, else by what the registry says of it.
Judged judge(std::string_view name, const std::vector<kube::Problem>& problems) {
  const auto* annotation = ingress::find_annotation(name);
  if (annotation == nullptr) return judge_unknown(name);
  if (problems.empty()) return judge_silent(*annotation);
  Judged worst;
  for (const auto& problem : problems) {
    auto judged = problem.code == "NotInEffect" ? judge_not_in_effect(*annotation, problem.message)
                                                : Judged{Verdict::NeedsChange, problem.message};
    if (judged.verdict > worst.verdict || worst.text.empty()) worst = std::move(judged);
  }
  return worst;
}

/// nginx redirects "/a" to "/a/" where only the latter is a path; weir goes by Kubernetes.
std::vector<std::string> differences_of(const kube::Ingress& ingress) {
  std::vector<std::string> differences;
  for (const auto& rule : ingress.rules) {
    for (const auto& path : rule.paths) {
      if (path.path.size() < 2 || !path.path.ends_with('/')) continue;
      const auto without = path.path.substr(0, path.path.size() - 1);
      const bool is_exact = path.path_type == kube::PathType::Exact;
      differences.push_back(
          fmt::format("path {} of host \"{}\": {}, where ingress-nginx redirects it to {}",
                      path.path, rule.host,
                      is_exact ? fmt::format("{} is not taken", without)
                               : fmt::format("{} is taken as well", without),
                      path.path));
    }
  }
  return differences;
}

class Judge {
 public:
  explicit Judge(const std::vector<Finding>& findings) {
    for (const auto& finding : findings) {
      by_field_[{finding.problem.object, finding.problem.field}].push_back(finding.problem);
    }
  }

  MigratedObject run(const kube::Ingress& ingress, const Input& input) const {
    MigratedObject migrated;
    migrated.object = {kube::Kind::Ingress, ingress.meta.ns, ingress.meta.name};
    migrated.place = input.place_of(migrated.object, "");
    for (const auto& [name, value] : ingress.meta.annotations) {
      const auto text = ingress::trimmed(value);
      if (!ingress::is_ours(name)) continue;
      const auto field = fmt::format("metadata.annotations[{}]", name);
      const auto problems = problems_of(migrated.object, field);
      if (text.empty() && problems.empty()) continue;  // as good as not there
      auto judged = judge(name, problems);
      migrated.items.push_back({name, std::string(text), judged.verdict, std::move(judged.text)});
    }
    migrated.differences = differences_of(ingress);
    migrated.drift = version_drift_of(ingress);
    return migrated;
  }

 private:
  std::vector<kube::Problem> problems_of(const kube::ObjectRef& object,
                                         const std::string& field) const {
    const auto found = by_field_.find({object, field});
    return found == by_field_.end() ? std::vector<kube::Problem>() : found->second;
  }

  std::map<std::pair<kube::ObjectRef, std::string>, std::vector<kube::Problem>> by_field_;
};

Judged judge_idle_key(std::string_view key, std::string_view value) {
  if (const auto* annotation = ingress::find_any_twin(key)) {
    if (annotation->effect == Effect::Accepted) return judge_silent(*annotation);
    return {Verdict::Unsupported, with_note("not in effect yet", meaning_of(*annotation))};
  }
  const auto* known = ingress::find_idle_config_key(key);
  if (known == nullptr) {
    return {Verdict::NeedsChange, "neither ingress-nginx nor weir knows it: remove it"};
  }
  if (known->effect == Effect::NotYet) {
    return {Verdict::Unsupported, with_note("not in effect yet", known->note)};
  }
  const bool asks_for_nothing = ingress::parse_bool(ingress::trimmed(value)) == false;
  if (known->effect == Effect::Accepted || asks_for_nothing) {
    return {Verdict::Works, with_note("without effect, and nothing is lost", known->note)};
  }
  return {Verdict::NeedsChange, with_note("it never has an effect", known->note)};
}

/// By what the translation says of a ConfigMap with nothing but this key.
Judged judge_key(const kube::ConfigMap& config_map, const std::string& key,
                 const std::string& value) {
  kube::ConfigMap alone;
  alone.meta = config_map.meta;
  alone.data[key] = value;
  const auto read = ingress::read_global_settings(&alone);
  const auto* twin = ingress::find_twin(key);
  if (read.problems.empty()) return twin == nullptr ? Judged{} : judge_silent(*twin);
  const auto& problem = read.problems.front();
  if (problem.code == "ConfigMapKeyIgnored") return judge_idle_key(key, value);
  if (problem.code == "NotInEffect") return {Verdict::Differs, problem.message};
  return {Verdict::NeedsChange, problem.message};
}

MigratedObject migrate_config_map(const kube::ConfigMap& config_map, const Input& input) {
  MigratedObject migrated;
  migrated.object = {kube::Kind::ConfigMap, config_map.meta.ns, config_map.meta.name};
  migrated.place = input.place_of(migrated.object, "");
  for (const auto& [key, value] : config_map.data) {
    auto judged = judge_key(config_map, key, value);
    migrated.items.push_back({key, value, judged.verdict, std::move(judged.text)});
  }
  return migrated;
}

}  // namespace

const char* to_string(Verdict verdict) {
  constexpr const char* kNames[] = {"works as is", "works, with a difference", "needs a change",
                                    "not supported"};
  return kNames[static_cast<std::size_t>(verdict)];
}

Verdict MigratedObject::worst() const {
  Verdict worst = differences.empty() ? Verdict::Works : Verdict::Differs;
  for (const auto& item : items) worst = std::max(worst, item.verdict);
  return worst;
}

Migration migrate(Input input, const ingress::Options& options) {
  auto setting = settle_options(input, options);
  const auto outcome = translate(input, setting.options);
  const Judge judge(outcome.findings);
  Migration migration;
  migration.unreadable = input.findings();
  migration.notes = std::move(setting.notes);
  const ServedIngresses ingresses(input, setting.options);
  for (const auto* ingress : ingresses.served()) {
    migration.ingresses.push_back(judge.run(*ingress, input));
  }
  for (const auto& note : ingresses.notes()) migration.notes.push_back(note);
  for (const auto& object : input.objects()) {
    const auto* config_map = std::get_if<kube::ConfigMap>(&object);
    if (config_map && setting.options.config_map == ingress::name_of(config_map->meta)) {
      migration.config_map = migrate_config_map(*config_map, input);
    }
  }
  std::ranges::sort(migration.ingresses, {}, &MigratedObject::object);
  if (!setting.options.config_map) {
    migration.notes.emplace_back(
        "the ConfigMap of ingress-nginx was not looked at; --configmap NAMESPACE/NAME names it");
  } else if (!migration.config_map) {
    migration.notes.push_back(
        fmt::format("ConfigMap {}, which --configmap names, is not in the "
                    "input",
                    ingress::to_string(*setting.options.config_map)));
  }
  return migration;
}

}  // namespace weir::inspect
