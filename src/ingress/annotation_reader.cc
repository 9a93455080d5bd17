#include "ingress/annotation_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"

namespace weir::ingress {

namespace {

constexpr std::size_t kMostUnknown = 20;  // each told on its own

class Reader {
 public:
  Reader(const kube::Ingress& ingress, const std::shared_ptr<const Policies>& defaults)
      : ingress_(ingress), defaults_(defaults), policies_(*defaults) {}

  ReadAnnotations run() {
    for (const auto& [name, value] : ingress_.meta.annotations) {
      if (is_ours(name)) read(name, trimmed(value));
    }
    policies_.settle();
    if (policies_.canary.is_on) policies_ = policies_.of_canary(*defaults_);
    if (unknown_ > kMostUnknown) {
      add("UnknownAnnotation", {}, fmt::format("{} more are unknown", unknown_ - kMostUnknown));
    }
    return {policies_ == *defaults_ ? defaults_
                                    : std::make_shared<const Policies>(std::move(policies_)),
            std::move(problems_)};
  }

 private:
  void add(std::string_view code, std::string_view name, std::string message) {
    problems_.push_back(
        {code,
         {kube::Kind::Ingress, ingress_.meta.ns, ingress_.meta.name},
         name.empty() ? "metadata.annotations" : fmt::format("metadata.annotations[{}]", name),
         std::move(message)});
  }

  bool has(std::string_view name) const {
    const auto found = ingress_.meta.annotations.find(std::string(name));
    return found != ingress_.meta.annotations.end() && !trimmed(found->second).empty();
  }

  bool counts_when_empty(const Annotation& annotation) const {
    const auto* list = std::get_if<List>(&annotation.type);
    return list != nullptr && list->must_have_items &&
           std::ranges::none_of(annotation.aliases, [&](auto alias) { return has(alias); });
  }

  /// Another name of the same annotation counts before this one.
  bool is_hidden(std::string_view name, const Annotation& annotation) const {
    if (name == annotation.name) return false;
    if (has(annotation.name)) return true;
    for (const auto alias : annotation.aliases) {
      if (alias == name) return false;
      if (has(alias)) return true;
    }
    return false;
  }

  void read(std::string_view name, std::string_view text) {
    const auto* annotation = find_annotation(name);
    // As ingress-nginx does: empty is as good as not there, but for lists of who may come in.
    if (text.empty() && (annotation == nullptr || !counts_when_empty(*annotation))) return;
    if (annotation == nullptr) {
      add_unknown(name);
      return;
    }
    if (is_hidden(name, *annotation)) return;
    switch (annotation->effect) {
      case Effect::NotYet:
        add("NotInEffect", name,
            fmt::format("weir knows this annotation, but it has no effect yet{}{}",
                        annotation->close == nullptr && annotation->note.empty() ? "" : "; ",
                        annotation->close == nullptr ? annotation->note : kClosed));
        if (annotation->close != nullptr) annotation->close(policies_);
        break;
      case Effect::Refused:
        if (!asks_for_nothing(*annotation, text)) {
          add("RefusedAnnotation", name,
              fmt::format("it never has an effect; {}", annotation->note));
        }
        break;
      case Effect::Accepted:
        break;
      case Effect::Partly:
      case Effect::InEffect:
        take(name, *annotation, text);
        break;
    }
  }

  static bool asks_for_nothing(const Annotation& annotation, std::string_view text) {
    return std::holds_alternative<Flag>(annotation.type) && parse_bool(text) == false;
  }

  void take(std::string_view name, const Annotation& annotation, std::string_view text) {
    if (!annotation.needs.empty() && !has(annotation.needs)) {
      add("NotInEffect", name, fmt::format("it has no effect without {}", annotation.needs));
      return;
    }
    const auto complaint = take_value(annotation, text, policies_);
    if (!complaint) {
      if (annotation.effect == Effect::Partly) {
        add("NotInEffect", name, std::string(annotation.note));
      }
      return;
    }
    const bool may_be_in_config_map =
        !annotation.twin.empty() && annotation.if_wrong.empty() && annotation.close == nullptr;
    add(complaint->is_not_yet ? "NotInEffect" : "InvalidAnnotation", name,
        fmt::format("{}; {}{}", complaint->why, complaint->instead,
                    may_be_in_config_map
                        ? fmt::format(" unless the ConfigMap has {}", annotation.twin)
                        : std::string()));
  }

  void add_unknown(std::string_view name) {
    if (++unknown_ > kMostUnknown) return;
    const auto* nearest = nearest_annotation(name);
    add("UnknownAnnotation", shortened(name),
        nearest == nullptr ? std::string("weir knows no annotation of this name")
                           : fmt::format("weir knows no annotation of this name; did you mean {}?",
                                         nearest->name));
  }

  const kube::Ingress& ingress_;
  const std::shared_ptr<const Policies>& defaults_;
  Policies policies_;
  std::vector<kube::Problem> problems_;
  std::size_t unknown_ = 0;
};

}  // namespace

ReadAnnotations read_annotations(const kube::Ingress& ingress,
                                 const std::shared_ptr<const Policies>& defaults) {
  if (std::ranges::none_of(ingress.meta.annotations,
                           [](const auto& annotation) { return is_ours(annotation.first); })) {
    return {defaults, {}};
  }
  return Reader(ingress, defaults).run();
}

}  // namespace weir::ingress
