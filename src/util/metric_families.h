#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

/// A scrape: what it says, and how it is written (docs/metrics.md).
namespace weir::util {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

/// Puts the families of one scrape together, one after the other.
class MetricFamilies {
 public:
  // Each begins a family; series follow.
  MetricFamilies& counter(const char* name, const char* help);
  MetricFamilies& gauge(const char* name, const char* help);
  MetricFamilies& histogram(const char* name, const char* help);

  // One more series of the last family. They are told apart by values alone: the same names, in the
  // same order.
  void add(MetricLabels labels, double value);
  void add(MetricLabels labels, prometheus::ClientMetric::Histogram histogram);
  void add(double value) { add({}, value); }

  const std::vector<prometheus::MetricFamily>& all() const { return families_; }
  std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  MetricFamilies& begin(const char* name, const char* help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

/// CPU, memory, descriptors and start of this process, by the names that Prometheus' client
/// libraries have given them.
void add_process_metrics(MetricFamilies& families);

/// What of this process only aliases show.
struct ProcessUse {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double start_time = 0;  ///< Unix time in seconds
  double open_descriptors = 0;
  double most_descriptors = 0;
  double bytes_read = 0;     ///< from storage
  double bytes_written = 0;  ///< to it
};
ProcessUse process_use();

/// Of a family with more series than `most`, those that come last become one for each set of the
/// other labels: their `kOpenLabels` are "_other". Returns how many series that took away.
std::uint64_t bound_series(prometheus::MetricFamily& family, std::size_t most);

enum class MetricsFormat {
  Text,         ///< Prometheus' text exposition format 0.0.4
  OpenMetrics,  ///< OpenMetrics 1.0.0
};
/// What the field Accept of a scrape prefers (RFC 9110 §12.5.1).
MetricsFormat metrics_format(std::string_view accept);

/// Counters whose name is not theirs in OpenMetrics are of type unknown there: those without
/// "_total", and those whose name without it is another family's.
std::string metrics_text(const std::vector<prometheus::MetricFamily>& families,
                         MetricsFormat format);

}  // namespace weir::util
