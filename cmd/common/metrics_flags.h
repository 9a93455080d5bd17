#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "common/flags.h"
#include "util/nginx_labels.h"

namespace weir::cmd {

/// How both programs name their metrics.
class MetricsFlags {
 public:
  /// Outlives the parsing of `flags`.
  explicit MetricsFlags(Flags& flags);

  /// Nothing: no names but weir's own.
  std::optional<util::NginxLabels> ingress_nginx() const;

 private:
  std::string compat_;
  std::string class_ = util::NginxLabels{}.controller_class;
};

/// The Pod, as its manifest tells it; a Pod's host name is its name, too.
std::string own_pod_name();

}  // namespace weir::cmd
