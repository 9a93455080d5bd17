#pragma once

#include <map>
#include <string>

#include "ingress/options.h"
#include "kube/objects.h"

namespace weir::ingress {

using IngressClasses = std::map<std::string, kube::IngressClass>;

/// Whether weir serves this Ingress: by spec.ingressClassName, else by the annotation
/// kubernetes.io/ingress.class, else by what `options` say about Ingresses without a class. A
/// className that is not ours settles it: the annotation is not looked at. With a watched namespace
/// a class that is not known is ours by its name, if names count (Options::ingress_class_by_name).
bool is_served(const kube::Ingress& ingress, const IngressClasses& classes, const Options& options);

/// Whether Ingresses that name this class are ours.
bool is_our_class(const kube::IngressClass& ingress_class, const Options& options);

}  // namespace weir::ingress
