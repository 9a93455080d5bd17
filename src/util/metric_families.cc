#include "util/metric_families.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace weir::util {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// ---- putting together --------------------------------------------------------------------------

MetricFamilies& MetricFamilies::begin(const char* name, const char* help, MetricType type) {
  families_.push_back({name, help, type, {}});
  return *this;
}
MetricFamilies& MetricFamilies::counter(const char* name, const char* help) {
  return begin(name, help, MetricType::Counter);
}
MetricFamilies& MetricFamilies::gauge(const char* name, const char* help) {
  return begin(name, help, MetricType::Gauge);
}
MetricFamilies& MetricFamilies::histogram(const char* name, const char* help) {
  return begin(name, help, MetricType::Histogram);
}

void MetricFamilies::add(MetricLabels labels, double value) {
  auto& last = families_.back();
  ClientMetric metric;
  metric.label = std::move(labels);
  if (last.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  last.metric.push_back(std::move(metric));
}

void MetricFamilies::add(MetricLabels labels, ClientMetric::Histogram histogram) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.histogram = std::move(histogram);
  families_.back().metric.push_back(std::move(metric));
}

// ---- this process ------------------------------------------------------------------------------

namespace {

double open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = -3;  // ".", "..", and the folder itself
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

/// proc(5), /proc/stat: when the machine was booted.
double boot_time() {
  std::ifstream stat("/proc/stat");
  for (std::string line; std::getline(stat, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessUse process_use() {
  ProcessUse use;
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  use.cpu_seconds = seconds(own.ru_utime) + seconds(own.ru_stime);
  constexpr double kBlock = 512;  // getrusage(2)
  use.bytes_read = static_cast<double>(own.ru_inblock) * kBlock;
  use.bytes_written = static_cast<double>(own.ru_oublock) * kBlock;
  double pages = 0;
  double resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  use.virtual_bytes = pages * page;
  use.resident_bytes = resident * page;
  use.open_descriptors = open_descriptors();
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  use.most_descriptors = static_cast<double>(limit.rlim_cur);
  // proc(5), /proc/pid/stat: the 22nd field, behind the name, which may hold anything.
  std::ostringstream stat;
  stat << std::ifstream("/proc/self/stat").rdbuf();
  const auto text = stat.str();
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  double ticks = 0;
  std::from_chars(field.data(), field.data() + field.size(), ticks);
  use.start_time = boot_time() + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return use;
}

void add_process_metrics(MetricFamilies& families) {
  const auto use = process_use();
  families.counter("process_cpu_seconds_total", "CPU time of this process.").add(use.cpu_seconds);
  families.gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.")
      .add(use.resident_bytes);
  families.gauge("process_virtual_memory_bytes", "Address space of this process.")
      .add(use.virtual_bytes);
  families.gauge("process_open_fds", "Descriptors that this process has open.")
      .add(use.open_descriptors);
  families.gauge("process_max_fds", "Descriptors that it may have open.").add(use.most_descriptors);
  families.gauge("process_start_time_seconds", "When this process was started, in Unix time.")
      .add(use.start_time);
}

// ---- bounds ------------------------------------------------------------------------------------

namespace {

/// Labels that name what people have configured; the others are of closed lists.
constexpr std::array<std::string_view, 10> kOpenLabels{
    "ingress_namespace", "ingress",    "backend", "namespace", "service", "path", "host", "canary",
    "secret_namespace",  "secret_name"};

/// To a series of the same family with the same labels.
void add_to(ClientMetric& sum, const ClientMetric& metric) {
  sum.counter.value += metric.counter.value;
  sum.gauge.value += metric.gauge.value;
  sum.histogram.sample_count += metric.histogram.sample_count;
  sum.histogram.sample_sum += metric.histogram.sample_sum;
  auto& buckets = sum.histogram.bucket;
  for (std::size_t i = 0; i < std::min(buckets.size(), metric.histogram.bucket.size()); ++i) {
    buckets[i].cumulative_count += metric.histogram.bucket[i].cumulative_count;
  }
}

}  // namespace

std::uint64_t bound_series(MetricFamily& family, std::size_t most) {
  auto& metrics = family.metric;
  if (metrics.size() <= most) return 0;
  std::map<std::vector<std::string>, ClientMetric> others;
  for (auto i = most; i < metrics.size(); ++i) {
    auto& metric = metrics[i];
    std::vector<std::string> values;
    for (auto& label : metric.label) {
      if (std::ranges::find(kOpenLabels, label.name) != kOpenLabels.end()) label.value = "_other";
      values.push_back(label.value);
    }
    const auto [place, is_new] = others.try_emplace(std::move(values));
    if (is_new) {
      place->second = std::move(metric);
    } else {
      add_to(place->second, metric);
    }
  }
  const auto before = metrics.size();
  metrics.resize(most);
  for (auto& [values, metric] : others) {
    // There may be one already: the workers count so what they have no room for.
    const auto same = std::ranges::find_if(
        metrics, [&labels = metric.label](const auto& other) { return other.label == labels; });
    if (same == metrics.end()) {
      metrics.push_back(std::move(metric));
    } else {
      add_to(*same, metric);
    }
  }
  return before - metrics.size();
}

// ---- text --------------------------------------------------------------------------------------

namespace {

constexpr std::string_view kTotal = "_total";

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> text{};
    // What is whole is written so: 1000000, not 1e+06.
    const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
    const auto end = whole ? std::to_chars(text.begin(), text.end(), std::llround(value)).ptr
                           : std::to_chars(text.begin(), text.end(), value).ptr;
    out.append(text.begin(), end);
  }
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (quotes && c == '"')) {
      (out += '\\') += c;
    } else {
      out += c;
    }
  }
}

class Writer {
 public:
  Writer(MetricsFormat format, const std::vector<MetricFamily>& families) : format_(format) {
    for (const auto& family : families) names_.insert(family.name);
  }

  void write(const MetricFamily& family) {
    const bool open = format_ == MetricsFormat::OpenMetrics;
    const bool is_counter = family.type == MetricType::Counter;
    std::string_view name = family.name;
    const char* type = type_of(family);
    if (open && is_counter) {
      const auto stem = name.substr(0, name.size() - (name.ends_with(kTotal) ? kTotal.size() : 0));
      if (stem.size() == name.size() || names_.contains(stem)) {
        type = "unknown";
      } else {
        name = stem;
      }
    }
    ((out_ += "# HELP ") += name) += ' ';
    append_escaped(out_, family.help, /*quotes=*/open);
    (((out_ += "\n# TYPE ") += name) += ' ') += type;
    out_ += '\n';
    for (const auto& metric : family.metric) write(family, metric);
  }

  std::string finish() {
    if (format_ == MetricsFormat::OpenMetrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  static const char* type_of(const MetricFamily& family) {
    switch (family.type) {
      case MetricType::Counter:
        return "counter";
      case MetricType::Histogram:
        return "histogram";
      default:
        return "gauge";
    }
  }

  void write(const MetricFamily& family, const ClientMetric& metric) {
    if (family.type != MetricType::Histogram) {
      const bool is_counter = family.type == MetricType::Counter;
      line(family.name, "", metric.label, nullptr,
           is_counter ? metric.counter.value : metric.gauge.value);
      return;
    }
    const auto& histogram = metric.histogram;
    for (const auto& bucket : histogram.bucket) {
      line(family.name, "_bucket", metric.label, &bucket.upper_bound,
           static_cast<double>(bucket.cumulative_count));
    }
    line(family.name, "_sum", metric.label, nullptr, histogram.sample_sum);
    line(family.name, "_count", metric.label, nullptr, static_cast<double>(histogram.sample_count));
  }

  void line(std::string_view name, std::string_view suffix, const MetricLabels& labels,
            const double* bound, double value) {
    (out_ += name) += suffix;
    char separator = '{';
    for (const auto& label : labels) {
      (((out_ += separator) += label.name) += "=\"");
      append_escaped(out_, label.value, /*quotes=*/true);
      out_ += '"';
      separator = ',';
    }
    if (bound != nullptr) {
      (out_ += separator) += "le=\"";
      append_number(out_, *bound);
      // OpenMetrics 1.0.0, "Numbers": canonical for the buckets of histograms.
      if (format_ == MetricsFormat::OpenMetrics && *bound == std::floor(*bound) &&
          !std::isinf(*bound)) {
        out_ += ".0";
      }
      out_ += '"';
      separator = ',';
    }
    out_ += separator == ',' ? "} " : " ";
    append_number(out_, value);
    out_ += '\n';
  }

  const MetricsFormat format_;
  std::set<std::string, std::less<>> names_;
  std::string out_;
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// The parts of `text` between separators, one after the other.
std::string_view take_part(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = trimmed(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

/// One media range of a field Accept.
struct MediaRange {
  std::string_view type;
  std::string_view version;
  double quality = 1;
};

MediaRange read_range(std::string_view text) {
  MediaRange range;
  range.type = take_part(text, ';');
  while (!text.empty()) {
    const auto parameter = take_part(text, ';');
    const auto value = parameter.substr(std::min(parameter.find('=') + 1, parameter.size()));
    if (parameter.starts_with("version=")) range.version = value;
    if (parameter.starts_with("q=")) {
      std::from_chars(value.data(), value.data() + value.size(), range.quality);
    }
  }
  return range;
}

}  // namespace

MetricsFormat metrics_format(std::string_view accept) {
  double open = 0;
  double text = 0;
  while (!accept.empty()) {
    const auto range = read_range(take_part(accept, ','));
    if (range.type == "application/openmetrics-text") {
      if (range.version.empty() || range.version.starts_with("1.")) {
        open = std::max(open, range.quality);
      }
    } else if (range.type == "text/plain" || range.type == "text/*" || range.type == "*/*") {
      text = std::max(text, range.quality);
    }
  }
  return open > 0 && open >= text ? MetricsFormat::OpenMetrics : MetricsFormat::Text;
}

std::string metrics_text(const std::vector<MetricFamily>& families, MetricsFormat format) {
  Writer writer(format, families);
  for (const auto& family : families) writer.write(family);
  return writer.finish();
}

}  // namespace weir::util
