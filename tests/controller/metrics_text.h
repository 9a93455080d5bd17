#pragma once

#include <string>

#include "controller/metrics.h"
#include "util/metric_families.h"

namespace weir::controller {

/// As a scrape has it.
inline std::string text_of(const Metrics& metrics) {
  return util::metrics_text(metrics.collect(), util::MetricsFormat::Text);
}

}  // namespace weir::controller
