#include "inspect/findings.h"

#include <algorithm>

#include <fmt/format.h>

#include "ingress/class_filter.h"
#include "ingress/translate.h"
#include "inspect/text.h"

namespace weir::inspect {

namespace {

struct Missing {
  std::string_view code;
  kube::Kind kind;
};
constexpr Missing kMissing[] = {{"ServiceNotFound", kube::Kind::Service},
                                {"SecretNotFound", kube::Kind::Secret},
                                {"HeaderMapNotFound", kube::Kind::ConfigMap},
                                {"IngressClassNotFound", kube::Kind::IngressClass}};

/// Somebody who gives Ingresses alone knows that their Services are elsewhere.
bool is_about_what_was_not_given(const kube::Problem& problem, const Input& input) {
  return std::ranges::any_of(kMissing, [&](const Missing& missing) {
    return problem.code == missing.code && !input.has(missing.kind);
  });
}

}  // namespace

Outcome translate(const Input& input, const ingress::Options& options) {
  auto translation = ingress::translate(input.objects(), options);
  Outcome outcome{std::move(translation.resources), input.findings(), {}};
  std::set<std::string> absent;
  for (const auto& problem : translation.problems) {
    if (is_about_what_was_not_given(problem, input)) {
      const auto* of = std::ranges::find(kMissing, problem.code, &Missing::code);
      if (of->kind != kube::Kind::IngressClass) absent.insert(kube::to_string(of->kind));
      continue;
    }
    outcome.findings.push_back({input.place_of(problem.object, problem.field), problem});
  }
  for (const auto& kind : absent) {
    outcome.notes.push_back(fmt::format(
        "no {} is in the input; whether those that are named exist is not known", kind));
  }
  return outcome;
}

ServedIngresses::ServedIngresses(const Input& input, const ingress::Options& options) {
  ingress::IngressClasses classes;
  for (const auto& object : input.objects()) {
    if (const auto* of = std::get_if<kube::IngressClass>(&object)) classes[of->meta.name] = *of;
  }
  for (const auto& object : input.objects()) {
    const auto* ingress = std::get_if<kube::Ingress>(&object);
    if (ingress == nullptr) continue;
    if (ingress::is_served(*ingress, classes, options)) {
      served_.push_back(ingress);
    } else {
      ++others_;
    }
  }
}

std::vector<std::string> ServedIngresses::notes() const {
  if (others_ == 0) return {};
  return {fmt::format(
      "{} passed over; --ingress-class and --controller-class say which are weir's",
      counted(others_, "Ingress of another class is", "Ingresses of other classes are"))};
}

}  // namespace weir::inspect
