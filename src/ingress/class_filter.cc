#include "ingress/class_filter.h"

#include <algorithm>

namespace weir::ingress {

namespace {

constexpr char kClassAnnotation[] = "kubernetes.io/ingress.class";
constexpr char kDefaultClassAnnotation[] = "ingressclass.kubernetes.io/is-default-class";

bool is_default_class(const kube::IngressClass& ingress_class) {
  const auto mark = ingress_class.meta.annotations.find(kDefaultClassAnnotation);
  return mark != ingress_class.meta.annotations.end() && mark->second == "true";
}

}  // namespace

bool is_our_class(const kube::IngressClass& ingress_class, const Options& options) {
  if (options.ingress_class_by_name && ingress_class.meta.name == options.ingress_class)
    return true;
  const auto& ours = options.controller_classes;
  return std::find(ours.begin(), ours.end(), ingress_class.controller) != ours.end();
}

bool is_served(const kube::Ingress& ingress, const IngressClasses& classes,
               const Options& options) {
  if (ingress.ingress_class_name) {
    const auto named = classes.find(*ingress.ingress_class_name);
    // Who may see one namespace alone may not see classes.
    if (named == classes.end() && !options.watch_namespace.empty()) {
      return options.ingress_class_by_name && *ingress.ingress_class_name == options.ingress_class;
    }
    return named != classes.end() && is_our_class(named->second, options);
  }
  const auto& annotations = ingress.meta.annotations;
  if (const auto named = annotations.find(kClassAnnotation); named != annotations.end()) {
    return named->second == options.ingress_class;
  }
  if (options.watch_ingress_without_class) return true;
  if (!options.serve_classless) return false;
  return classes.empty() || std::any_of(classes.begin(), classes.end(), [&](const auto& entry) {
           return is_default_class(entry.second) && is_our_class(entry.second, options);
         });
}

}  // namespace weir::ingress
