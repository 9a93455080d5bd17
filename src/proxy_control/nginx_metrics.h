#pragma once

#include "proxy_control/http_metrics.h"
#include "proxy_control/metrics.h"
#include "util/nginx_labels.h"

namespace weir::proxy_control {

/// What `sources` say by the names and labels that ingress-nginx uses (docs/metrics.md), so that
/// its dashboards and alerts go on.
void add_nginx_metrics(util::MetricFamilies& families, const util::NginxLabels& labels,
                       const MetricSources& sources, const RouteTotals& routes);

}  // namespace weir::proxy_control
