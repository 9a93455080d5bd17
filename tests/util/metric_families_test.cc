#include "util/metric_families.h"

#include <chrono>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::util {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

prometheus::ClientMetric::Histogram two_buckets(std::uint64_t below, std::uint64_t all) {
  prometheus::ClientMetric::Histogram histogram;
  histogram.bucket = {{below, 1}, {all, std::numeric_limits<double>::infinity()}};
  histogram.sample_count = all;
  histogram.sample_sum = 2.5;
  return histogram;
}

TEST(MetricFamilies, AreWrittenAsPrometheusReadsThem) {
  MetricFamilies families;
  families.counter("a_total", "What it \"is\"\nand \\.").add({{"x", "say \"hi\"\n\\"}}, 1'000'000);
  families.gauge("b", "Two.").add(0.25);
  families.histogram("c", "Three.").add({{"y", "z"}}, two_buckets(1, 3));

  EXPECT_EQ(metrics_text(families.all(), MetricsFormat::Text),
            "# HELP a_total What it \"is\"\\nand \\\\.\n"
            "# TYPE a_total counter\n"
            "a_total{x=\"say \\\"hi\\\"\\n\\\\\"} 1000000\n"
            "# HELP b Two.\n"
            "# TYPE b gauge\n"
            "b 0.25\n"
            "# HELP c Three.\n"
            "# TYPE c histogram\n"
            "c_bucket{y=\"z\",le=\"1\"} 1\n"
            "c_bucket{y=\"z\",le=\"+Inf\"} 3\n"
            "c_sum{y=\"z\"} 2.5\n"
            "c_count{y=\"z\"} 3\n");
}

TEST(MetricFamilies, AreWrittenAsOpenMetrics) {
  MetricFamilies families;
  families.counter("a_total", "One.").add(1);
  families.counter("old", "Without an end.").add(2);
  families.gauge("b", "Two.").add(3);
  families.counter("b_total", "Its name without the end is taken.").add(4);
  families.histogram("c", "Three.").add({}, two_buckets(1, 3));

  EXPECT_EQ(metrics_text(families.all(), MetricsFormat::OpenMetrics),
            "# HELP a One.\n# TYPE a counter\na_total 1\n"
            "# HELP old Without an end.\n# TYPE old unknown\nold 2\n"
            "# HELP b Two.\n# TYPE b gauge\nb 3\n"
            "# HELP b_total Its name without the end is taken.\n# TYPE b_total unknown\nb_total 4\n"
            "# HELP c Three.\n# TYPE c histogram\n"
            "c_bucket{le=\"1.0\"} 1\nc_bucket{le=\"+Inf\"} 3\nc_sum 2.5\nc_count 3\n"
            "# EOF\n");
}

TEST(MetricFamilies, TheFormatIsTheOneThatTheScrapePrefers) {
  using Format = MetricsFormat;
  const auto of = [](std::string_view accept) { return metrics_format(accept); };
  EXPECT_EQ(of(""), Format::Text);
  EXPECT_EQ(of("*/*"), Format::Text);
  EXPECT_EQ(of("text/plain"), Format::Text);
  EXPECT_EQ(of("application/openmetrics-text"), Format::OpenMetrics);
  EXPECT_EQ(of("application/openmetrics-text; version=2.0.0, text/plain"), Format::Text);
  EXPECT_EQ(of("application/openmetrics-text;q=0.1, text/plain;q=0.5"), Format::Text);
  EXPECT_EQ(of("application/openmetrics-text;q=0"), Format::Text);
  EXPECT_EQ(of("application/openmetrics-text;version=1.0.0,"
               "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
               "*/*;q=0.1"),
            Format::OpenMetrics);
}

TEST(MetricFamilies, SeriesOverTheBoundBecomeOne) {
  MetricFamilies families;
  families.counter("a_total", "One.");
  for (const char* ingress : {"one", "two", "three"}) {
    families.add({{"ingress", ingress}, {"code", "200"}}, 1);
  }
  families.add({{"ingress", "three"}, {"code", "404"}}, 5);
  auto family = families.take().front();

  EXPECT_EQ(bound_series(family, 4), 0U);
  EXPECT_EQ(bound_series(family, 1), 1U);

  const auto text = metrics_text({family}, MetricsFormat::Text);
  EXPECT_THAT(text, HasSubstr("a_total{ingress=\"one\",code=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("a_total{ingress=\"_other\",code=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("a_total{ingress=\"_other\",code=\"404\"} 5\n"));
  EXPECT_THAT(text, Not(HasSubstr("three")));
}

TEST(MetricFamilies, KnowThisProcess) {
  const auto use = process_use();
  EXPECT_GT(use.cpu_seconds, 0);
  EXPECT_GT(use.resident_bytes, 1e6);
  EXPECT_GT(use.virtual_bytes, use.resident_bytes);
  EXPECT_GE(use.open_descriptors, 3);
  EXPECT_GE(use.most_descriptors, use.open_descriptors);
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(use.start_time, now + 2);  // the kernel knows both to a second
  EXPECT_GT(use.start_time, now - 3600);
}

}  // namespace
}  // namespace weir::util
