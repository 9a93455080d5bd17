#pragma once

#include <string>

#include "util/metric_families.h"

namespace weir::util {

/// What ingress-nginx's metrics say of the controller: these labels are on nearly all of them.
struct NginxLabels {
  std::string controller_class = "k8s.io/ingress-nginx";  ///< spec.controller of the IngressClass
  std::string ns;                                         ///< the Pod's
  std::string pod;

  MetricLabels all() const {
    return {{"controller_class", controller_class},
            {"controller_namespace", ns},
            {"controller_pod", pod}};
  }
};

}  // namespace weir::util
