#include "ingress/policy_schema.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/policies.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

using kube::Kind;

/// Go's durations, as custom resources write them (GEP-2257).
constexpr std::string_view kTimePattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";
constexpr std::string_view kSecondsPattern = "^([0-9]{1,5}(h|m|s)){1,3}$";
constexpr std::size_t kMostTimeText = 32;
constexpr std::size_t kMostItem = 255;  // bytes of an item of a list

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// "1h30m", with a unit in any case.
std::string time_text(std::uint64_t ms) {
  if (ms == 0) return "0s";
  return format_duration(static_cast<std::uint32_t>(ms));
}

struct Bounds {
  std::uint64_t least_ms = 0;
  std::uint64_t most_ms = 0;
};

/// Of an annotation that is a time.
Bounds bounds_of(const Annotation& annotation) {
  if (const auto* duration = std::get_if<Duration>(&annotation.type)) {
    return {duration->least_ms, duration->most_ms};
  }
  const auto& number = std::get<Number>(annotation.type);
  constexpr std::uint64_t kMost = 0xffff'ffff;
  return {number.least * 1'000, std::min(number.most * 1'000, kMost)};
}

/// What it does, with the names that fields have here instead of annotations'.
std::string text_of(const PolicyKind& kind, const PolicyField& field) {
  std::string text(field.text.empty() ? field.annotation->text : field.text);
  for (const auto& other : kind.fields) {
    const std::string name(other.annotation->name);
    replace_all(text, '`' + name + '`', '`' + other.path + '`');
    replace_all(text, '`' + name.substr(name.find('/') + 1) + '`', '`' + other.path + '`');
  }
  if (is_time(*field.annotation)) replace_all(text, "`0`", "`0s`");
  return text;
}

/// The default that counts where nothing else does, as it would be written.
std::string usual_of(const Annotation& annotation) {
  const auto usual = annotation.usual;
  if (usual.empty()) return {};
  if (is_time(annotation)) return time_text(*parse_duration_ms(usual));
  if (std::holds_alternative<Choice>(annotation.type)) return camel_case(usual);
  if (const auto* flag = std::get_if<Flag>(&annotation.type)) {
    if (flag->words == Flag::Words::OnOff) return usual == "on" ? "true" : "false";
  }
  return std::string(usual);
}

/// The rule for times within bounds.
PolicyRule time_rule(const Annotation& annotation, std::string& cel, std::string& message) {
  const auto [least, most] = bounds_of(annotation);
  const auto least_text =
      least % 1'000 == 0 ? fmt::format("{}s", least / 1'000) : fmt::format("{}ms", least);
  cel = least == 0 ? "" : fmt::format("duration(self) >= duration('{}') && ", least_text);
  cel += fmt::format("duration(self) <= duration('{}s')", most / 1'000);
  message = fmt::format("must be from {} to {}", time_text(least), time_text(most));
  return {cel, message};
}

/// Writes YAML, a line at a time.
class Yaml {
 public:
  void line(int depth, std::string_view text) {
    text_.append(static_cast<std::size_t>(depth) * 2, ' ');
    text_ += text;
    text_ += '\n';
  }
  void value(int depth, std::string_view key, std::string_view text) {
    line(depth, fmt::format("{}: {}", key, quoted(text)));
  }
  void rule(int depth, const PolicyRule& rule) {
    line(depth, fmt::format("- rule: {}", quoted(rule.cel)));
    line(depth, fmt::format("  message: {}", quoted(rule.message)));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// The schema of one field, below its name.
class FieldSchema {
 public:
  FieldSchema(const PolicyKind& kind, const PolicyField& field, int depth, Yaml& yaml)
      : kind_(kind), field_(field), depth_(depth), yaml_(yaml) {}

  void write() {
    const auto usual = usual_of(*field_.annotation);
    auto text = text_of(kind_, field_);
    if (!usual.empty()) text += fmt::format(". Without it: `{}`", usual);
    yaml_.value(depth_, "description", text + '.');
    if (is_time(*field_.annotation)) {
      write_time();
    } else {
      std::visit(*this, field_.annotation->type);
    }
  }

  void operator()(const Flag&) { yaml_.line(depth_, "type: boolean"); }

  void operator()(const Number& number) {
    yaml_.line(depth_, "type: integer");
    yaml_.line(depth_, "format: int64");
    yaml_.line(depth_, fmt::format("minimum: {}", number.least));
    yaml_.line(depth_, fmt::format("maximum: {}", number.most));
    if (number.fits == nullptr) return;
    yaml_.line(depth_, "x-kubernetes-validations:");
    // The one number with gaps.
    yaml_.rule(depth_, {"self <= 1003 || (self >= 1007 && self <= 1014) || self >= 3000",
                        "1004 to 1006 and 1015 to 2999 cannot be sent in a Close frame"});
  }

  void operator()(const Duration&) { write_time(); }

  void operator()(const Size&) {
    yaml_.line(depth_, "type: string");
    yaml_.value(depth_, "pattern", "^[0-9]{1,9}(Ki|Mi|Gi)?$");
    yaml_.line(depth_, "maxLength: 12");
  }

  void operator()(const List& list) {
    yaml_.line(depth_, "type: array");
    yaml_.line(depth_, "minItems: 1");
    yaml_.line(depth_, fmt::format("maxItems: {}", list.most));
    yaml_.line(depth_, "x-kubernetes-list-type: set");
    yaml_.line(depth_, "items:");
    yaml_.value(depth_ + 1, "description", fmt::format("Each is {}.", list.item));
    yaml_.line(depth_ + 1, "type: string");
    yaml_.line(depth_ + 1, "minLength: 1");
    yaml_.line(depth_ + 1, fmt::format("maxLength: {}", kMostItem));
    yaml_.value(depth_ + 1, "pattern", "^[^, ]+$");
  }

  void operator()(const Choice& choice) {
    yaml_.line(depth_, "type: string");
    yaml_.line(depth_, "enum:");
    for (const auto word : choice.words) {
      yaml_.line(depth_, fmt::format("- {}", quoted(camel_case(word))));
    }
  }

  void operator()(const Text& type) {
    yaml_.line(depth_, "type: string");
    yaml_.line(depth_, "minLength: 1");
    yaml_.line(depth_, fmt::format("maxLength: {}", field_.is_secret_name ? 253 : type.most));
    if (field_.is_secret_name) {
      yaml_.value(depth_, "pattern", "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$");
    }
  }

 private:
  void write_time() {
    yaml_.line(depth_, "type: string");
    const bool has_parts = std::holds_alternative<Duration>(field_.annotation->type);
    yaml_.value(depth_, "pattern", has_parts ? kTimePattern : kSecondsPattern);
    yaml_.line(depth_, fmt::format("maxLength: {}", kMostTimeText));
    std::string cel;
    std::string message;
    yaml_.line(depth_, "x-kubernetes-validations:");
    yaml_.rule(depth_, time_rule(*field_.annotation, cel, message));
  }

  const PolicyKind& kind_;
  const PolicyField& field_;
  const int depth_;
  Yaml& yaml_;
};

constexpr PolicyRule kUniqueTargets = {
    "self.all(a, self.exists_one(b, a.kind == b.kind && a.name == b.name && "
    "(has(a.sectionName) ? a.sectionName : '') == (has(b.sectionName) ? b.sectionName : '')))",
    "each target may be named once"};

void write_section_name(int depth, std::string_view text, Yaml& yaml) {
  yaml.line(depth, "sectionName:");
  yaml.value(depth + 1, "description", text);
  yaml.line(depth + 1, "type: string");
  yaml.line(depth + 1, "minLength: 1");
  yaml.line(depth + 1, "maxLength: 253");
}

void write_targets(const PolicyKind& kind, int depth, Yaml& yaml) {
  const bool has_ingress = kind.kind == Kind::TunnelPolicy;
  yaml.line(depth, "targetRefs:");
  yaml.value(depth + 1, "description",
             "What the policy is for, in its own namespace. Of two policies of a kind for one "
             "target the older one counts, and of the same age the one whose name sorts first.");
  yaml.line(depth + 1, "type: array");
  yaml.line(depth + 1, "minItems: 1");
  yaml.line(depth + 1, "maxItems: 16");
  yaml.line(depth + 1, "x-kubernetes-list-type: atomic");
  yaml.line(depth + 1, "x-kubernetes-validations:");
  yaml.rule(depth + 1, kUniqueTargets);
  yaml.line(depth + 1, "items:");
  const int inner = depth + 2;
  yaml.value(inner, "description", "One target.");
  yaml.line(inner, "type: object");
  yaml.line(inner, "required: [group, kind, name]");
  yaml.line(inner, "x-kubernetes-validations:");
  if (has_ingress) {
    yaml.rule(inner, {"self.kind == 'Service' ? self.group == '' : "
                      "self.group == 'networking.k8s.io'",
                      "a Service is of group \"\", an Ingress of group networking.k8s.io"});
  } else {
    yaml.rule(inner, {"self.group == ''", "a Service is of group \"\""});
  }
  yaml.line(inner, "properties:");
  yaml.line(inner + 1, "group:");
  yaml.value(inner + 2, "description",
             has_ingress ? "Group of the target: empty for a Service, networking.k8s.io for an "
                           "Ingress."
                         : "Group of the target: empty.");
  yaml.line(inner + 2, "type: string");
  yaml.line(inner + 2, "maxLength: 253");
  yaml.line(inner + 1, "kind:");
  yaml.value(inner + 2, "description",
             has_ingress ? "Kind of the target. What is said of an Ingress goes before what is "
                           "said of its Services."
                         : "Kind of the target.");
  yaml.line(inner + 2, "type: string");
  yaml.line(inner + 2, has_ingress ? "enum: [Ingress, Service]" : "enum: [Service]");
  yaml.line(inner + 1, "name:");
  yaml.value(inner + 2, "description", "Name of the target.");
  yaml.line(inner + 2, "type: string");
  yaml.line(inner + 2, "minLength: 1");
  yaml.line(inner + 2, "maxLength: 253");
  write_section_name(inner + 1,
                     has_ingress ? "Of an Ingress a host of its rules, of a Service the name of a "
                                   "port; without it, all of the target. What is said of a part "
                                   "goes before what is said of the whole."
                                 : "The name of a port; without it, all of them. What is said of "
                                   "a port goes before what is said of the Service.",
                     yaml);
}

const PolicyGroup& group_at(const PolicyKind& kind, const std::string& path) {
  const auto found = std::ranges::find_if(
      kind.groups, [&](const PolicyGroup& group) { return group.path == path; });
  return *found;
}

/// The member of `path` that leads to `below`; nothing: it is not in there.
std::optional<std::string> member_of(const std::string& path, const std::string& below) {
  const auto prefix = path.empty() ? std::string() : path + '.';
  if (!below.starts_with(prefix)) return std::nullopt;
  return below.substr(prefix.size(), below.find('.', prefix.size()) - prefix.size());
}

void write_group(const PolicyKind& kind, const std::string& path, int depth, Yaml& yaml) {
  const auto& group = group_at(kind, path);
  yaml.value(depth, "description", std::string(group.text) + '.');
  yaml.line(depth, "type: object");
  if (!group.required.empty()) {
    yaml.line(depth, "required:");
    for (const auto name : group.required) yaml.line(depth, fmt::format("- {}", name));
  }
  if (!group.rules.empty()) {
    yaml.line(depth, "x-kubernetes-validations:");
    for (const auto& rule : group.rules) yaml.rule(depth, rule);
  }
  yaml.line(depth, "properties:");
  if (path.empty() && kind.kind != Kind::WeirConfig) write_targets(kind, depth + 1, yaml);
  std::string last;
  for (const auto& field : kind.fields) {
    const auto member = member_of(path, field.path);
    if (!member || *member == last) continue;
    last = *member;
    yaml.line(depth + 1, *member + ':');
    const auto below = path.empty() ? *member : path + '.' + *member;
    if (below == field.path) {
      FieldSchema(kind, field, depth + 2, yaml).write();
    } else {
      write_group(kind, below, depth + 2, yaml);
    }
  }
}

constexpr std::string_view kStatus = R"(            status:
              description: "What controllers make of it."
              type: object
              properties:
                ancestors:
                  description: "One entry for each target, or for each IngressClass of a WeirConfig."
                  type: array
                  maxItems: 16
                  x-kubernetes-list-type: atomic
                  items:
                    description: "What one controller makes of one target."
                    type: object
                    required: [ancestorRef, controllerName, conditions]
                    properties:
                      ancestorRef:
                        description: "The target."
                        type: object
                        required: [group, kind, name]
                        properties:
                          group:
                            description: "Group of the target."
                            type: string
                            maxLength: 253
                          kind:
                            description: "Kind of the target."
                            type: string
                            maxLength: 63
                          name:
                            description: "Name of the target."
                            type: string
                            maxLength: 253
                          sectionName:
                            description: "The part of it that is meant."
                            type: string
                            maxLength: 253
                      controllerName:
                        description: "Who says so: weir.dev/ingress."
                        type: string
                        maxLength: 253
                      conditions:
                        description: "Accepted: whether it counts for the target. Programmed: whether all of it is in the route table."
                        type: array
                        maxItems: 8
                        x-kubernetes-list-type: map
                        x-kubernetes-list-map-keys: [type]
                        items:
                          description: "One condition."
                          type: object
                          required: [type, status, reason, message, lastTransitionTime]
                          properties:
                            type:
                              description: "Accepted or Programmed."
                              type: string
                              maxLength: 316
                            status:
                              description: "Whether it is so."
                              type: string
                              enum: ["True", "False", Unknown]
                            reason:
                              description: "Why, in a word: Accepted, Conflicted, TargetNotFound, Programmed, PartiallyProgrammed."
                              type: string
                              maxLength: 1024
                            message:
                              description: "Why, in a sentence."
                              type: string
                              maxLength: 32768
                            observedGeneration:
                              description: "Generation of the object of which this is said."
                              type: integer
                              format: int64
                              minimum: 0
                            lastTransitionTime:
                              description: "Since when status is what it is."
                              type: string
                              format: date-time
)";

void write_column(std::string_view name, std::string_view path, int priority, Yaml& yaml,
                  std::string_view type = "string") {
  yaml.line(4, fmt::format("- name: {}", name));
  yaml.line(4, fmt::format("  type: {}", type));
  yaml.value(4, "  jsonPath", path);
  if (priority > 0) yaml.line(4, fmt::format("  priority: {}", priority));
}

void write_columns(const PolicyKind& kind, Yaml& yaml) {
  const auto of_condition = [](std::string_view type, std::string_view member) {
    return fmt::format(".status.ancestors[0].conditions[?(@.type==\"{}\")].{}", type, member);
  };
  yaml.line(3, "additionalPrinterColumns:");
  if (kind.kind == Kind::WeirConfig) {
    write_column("Classes", ".status.ancestors[*].ancestorRef.name", 0, yaml);
  } else {
    write_column("Kind", ".spec.targetRefs[0].kind", 0, yaml);
    write_column("Target", ".spec.targetRefs[0].name", 0, yaml);
  }
  write_column("Accepted", of_condition("Accepted", "status"), 0, yaml);
  write_column("Programmed", of_condition("Programmed", "status"), 0, yaml);
  write_column("Age", ".metadata.creationTimestamp", 0, yaml, "date");
  write_column("Reason", of_condition("Accepted", "reason"), 1, yaml);
  write_column("Message", of_condition("Accepted", "message"), 1, yaml);
}

// The page.

/// "|" would end a cell.
std::string cell(std::string text) {
  replace_all(text, "|", "\\|");
  return text;
}

/// What may be written, for people.
std::string value_text(const PolicyField& field) {
  const auto& annotation = *field.annotation;
  if (is_time(annotation)) {
    const auto [least, most] = bounds_of(annotation);
    return fmt::format("a time, `{}` to `{}`", time_text(least), time_text(most));
  }
  if (std::holds_alternative<Flag>(annotation.type)) return "`true` or `false`";
  if (const auto* list = std::get_if<List>(&annotation.type)) {
    return fmt::format("a list of at most {}; each is {}", list->most, list->item);
  }
  if (const auto* choice = std::get_if<Choice>(&annotation.type)) {
    std::string words;
    for (const auto word : choice->words) {
      words += fmt::format("{}`{}`", words.empty() ? "" : ", ", camel_case(word));
    }
    return words;
  }
  if (std::holds_alternative<Size>(annotation.type)) return "bytes, such as `64Ki` or `1Mi`";
  return field.is_secret_name ? "the name of a Secret" : describe(annotation.type, "`");
}

constexpr std::string_view kHead = R"(# Custom resources

`weirctl docs crds` prints this page from the registry in `src/ingress/policy_fields.cc`, and `weirctl docs crd KIND` the definitions in
[crds](../crds); the tests compare them.

Three kinds of `weir.dev/v1alpha1`, all namespaced, all in the category `weir` (`kubectl get weir -A`). What they say, annotations can say, too; a policy is for who
runs a Service or a platform, and counts before what an Ingress says. The chart installs them (`crds.enabled`), and leaves them on uninstall; without Helm:
`kubectl apply --server-side -f crds/`. weir works without them, and takes them up within half a minute when they come later. They work from a folder of manifests, too.

Of one field this counts, the first that says something:

1. a TunnelPolicy for a host of the Ingress, or else one for the Ingress;
2. a TunnelPolicy or BackendPolicy for the port of the Service, or else one for the Service;
3. the annotation of the Ingress;
4. the WeirConfig of the Ingress's class;
5. the ConfigMap;
6. the default.

- In 1 and 2 one policy counts as a whole: what is said of a part goes before what is said of all, and what that leaves open is not looked for in the other one.
- An annotation that has no effect because a policy says the same is a problem of its Ingress (`ShadowedAnnotation`), and `weirctl lint` tells it.
- Of two policies of a kind for one target the older one counts, and of the same second the one whose name sorts first. The other one has `Accepted=False`,
  reason `Conflicted`, and an Event (`PolicyConflict`) that names the winner. It counts as soon as the winner is gone.
- A target that is not there is `TargetNotFound` (`PolicyTargetNotFound`) until it is. Targets are in the policy's own namespace, always.
- A change counts at once, and cuts no open tunnel. Limits are for new ones, times count for open ones from then on (a shorter idle timeout ends those that are idle for
  so long). Where a change lets others in than before (`websocket`, `origins`), open ones end politely as `onRouteChange` says. A `tunnelsPerClient` that comes later
  counts tunnels from then on. A policy that is deleted leaves what the next one in the list above says.
- What a policy says wrongly (only from a folder; the API server refuses it) is `Programmed=False`, reason `PartiallyProgrammed`, and an Event (`InvalidField`);
  its other fields count.

`status.ancestors` has an entry for each target, with the conditions `Accepted` and `Programmed` and the generation they are about. The leader writes it by server-side
apply, when it changes.

Times are written as `30s`, `1h30m` or `500ms`, always with a unit.
)";

constexpr std::string_view kExamples[] = {R"(```yaml
apiVersion: weir.dev/v1alpha1
kind: TunnelPolicy
metadata: {name: chat, namespace: shop}
spec:
  targetRefs:
    - {group: "", kind: Service, name: chat, sectionName: ws}
  timeouts: {handshake: 10s, idle: 1h}
  keepalive: {pingInterval: 25s}
  limits: {tunnels: 20000, tunnelsPerEndpoint: 5000, handshakesPerSecond: 200, handshakeWait: 5s}
  origins: {allowed: ["https://*.example.com"]}
  onEndpointEnd: Drain
  drain: {window: 4m, closeCode: 1012}
```
)",
                                          R"(```yaml
apiVersion: weir.dev/v1alpha1
kind: BackendPolicy
metadata: {name: api, namespace: shop}
spec:
  targetRefs:
    - {group: "", kind: Service, name: api}
  timeouts: {connect: 2s, read: 30s}
  retries: {conditions: [error, timeout, http_503], tries: 2}
  limits: {requestsPerEndpoint: 64, queue: 200, queueTimeout: 2s}
  healthCheck: {type: Http, path: /healthz, interval: 5s}
```
)",
                                          R"(```yaml
apiVersion: weir.dev/v1alpha1
kind: WeirConfig
metadata: {name: public, namespace: weir}
spec:
  tunnels:
    timeouts: {idle: 15m}
  backends:
    timeouts: {connect: 2s}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: public}
spec:
  controller: weir.dev/ingress
  parameters: {apiGroup: weir.dev, kind: WeirConfig, name: public, namespace: weir, scope: Namespace}
```

A class whose parameters are not there has the defaults of all classes, and a problem (`ParametersNotFound`). With `--watch-namespace` the WeirConfig must be in that namespace.
)"};

void add_fields(const PolicyKind& kind, std::string& page) {
  page += "\n| field | value | default | annotation | what it does |\n|---|---|---|---|---|\n";
  for (const auto& field : kind.fields) {
    const auto usual = usual_of(*field.annotation);
    page += fmt::format("| `{}` | {} | {} | `{}` | {} |\n", field.path, cell(value_text(field)),
                        usual.empty() ? "" : '`' + usual + '`', field.annotation->name,
                        cell(text_of(kind, field)));
  }
}

void add_rules(const PolicyKind& kind, std::string& page) {
  std::string rows;
  for (const auto& group : kind.groups) {
    for (const auto& rule : group.rules) {
      rows += fmt::format("- {}{}: {}\n", "`spec",
                          group.path.empty() ? "`" : '.' + group.path + '`', rule.message);
    }
  }
  if (!rows.empty()) page += "\nThe API server refuses, besides values out of bounds:\n\n" + rows;
}

}  // namespace

std::string policy_definition(const PolicyKind& kind) {
  const std::string name = kube::to_string(kind.kind);
  std::string singular = name;
  std::ranges::transform(singular, singular.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  Yaml yaml;
  yaml.line(0, fmt::format("# weirctl docs crd {} prints this file; a test compares.", name));
  yaml.line(0, "apiVersion: apiextensions.k8s.io/v1");
  yaml.line(0, "kind: CustomResourceDefinition");
  yaml.line(0, "metadata:");
  yaml.line(1, fmt::format("name: {}.weir.dev", kind.plural));
  yaml.line(0, "spec:");
  yaml.line(1, "group: weir.dev");
  yaml.line(1, "scope: Namespaced");
  yaml.line(1, "names:");
  yaml.line(2, fmt::format("kind: {}", name));
  yaml.line(2, fmt::format("listKind: {}List", name));
  yaml.line(2, fmt::format("plural: {}", kind.plural));
  yaml.line(2, fmt::format("singular: {}", singular));
  yaml.line(2, fmt::format("shortNames: [{}]", kind.short_name));
  yaml.line(2, "categories: [weir]");
  yaml.line(1, "versions:");
  yaml.line(2, "- name: v1alpha1");
  yaml.line(3, "served: true");
  yaml.line(3, "storage: true");
  yaml.line(3, "subresources:");
  yaml.line(4, "status: {}");
  write_columns(kind, yaml);
  yaml.line(3, "schema:");
  yaml.line(4, "openAPIV3Schema:");
  yaml.value(5, "description", kind.text);
  yaml.line(5, "type: object");
  yaml.line(5, "required: [spec]");
  yaml.line(5, "properties:");
  yaml.line(6, "apiVersion:");
  yaml.value(7, "description", "Version of the schema: weir.dev/v1alpha1.");
  yaml.line(7, "type: string");
  yaml.line(6, "kind:");
  yaml.value(7, "description", fmt::format("{}.", name));
  yaml.line(7, "type: string");
  yaml.line(6, "metadata:");
  yaml.line(7, "type: object");
  yaml.line(6, "spec:");
  write_group(kind, {}, 7, yaml);
  return yaml.take() + std::string(kStatus);
}

std::string policy_reference() {
  std::string page(kHead);
  std::size_t example = 0;
  for (const auto& kind : policy_kinds()) {
    page += fmt::format("\n## {}\n\n{} Short name `{}`.\n\n{}", kube::to_string(kind.kind),
                        kind.text, kind.short_name, kExamples[example++]);
    add_fields(kind, page);
    add_rules(kind, page);
  }
  return page;
}

}  // namespace weir::ingress
