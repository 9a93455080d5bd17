#include "proxy_control/metrics.h"

#include <functional>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "util/version.h"

namespace weir::proxy_control {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using proxy::Counters;

/// One scrape of the cells of all workers and of the control thread.
class Collector : public prometheus::Collectable {
 public:
  Collector(const std::vector<const Counters*>& workers, const ControlCounters& control)
      : workers_(workers), control_(control) {}

  std::vector<MetricFamily> Collect() const override {
    families_.clear();
    collect_connections();
    collect_requests();
    collect_tunnels();
    collect_control();
    collect_rest();
    return std::move(families_);
  }

 private:
  using CellOf = std::function<const proxy::Cell&(const Counters&)>;

  double sum(const CellOf& cell) const {
    std::uint64_t total = 0;
    for (const auto* worker : workers_) total += cell(*worker).read();
    return static_cast<double>(total);
  }
  double sum(proxy::Cell Counters::*cell) const {
    return sum([cell](const Counters& counters) -> const proxy::Cell& { return counters.*cell; });
  }

  void family(const char* name, const char* help, MetricType type) const {
    families_.push_back({name, help, type, {}});
  }
  void counter_family(const char* name, const char* help) const {
    family(name, help, MetricType::Counter);
  }
  void gauge_family(const char* name, const char* help) const {
    family(name, help, MetricType::Gauge);
  }

  /// One more series of the last family.
  void series(Labels labels, double value) const {
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
  void counter(const char* name, const char* help, double value) const {
    counter_family(name, help);
    series({}, value);
  }
  void gauge(const char* name, const char* help, double value) const {
    gauge_family(name, help);
    series({}, value);
  }

  void collect_connections() const {
    counter_family("weir_proxy_connections_accepted_total", "Client connections accepted.");
    series({{"listener", "http"}}, sum(&Counters::connections_accepted_http));
    series({{"listener", "https"}}, sum(&Counters::connections_accepted_https));
    gauge("weir_proxy_connections_open", "Client connections open, tunnels among them.",
          sum(&Counters::connections_open));
    counter("weir_proxy_accept_errors_total", "Connections that could not be accepted.",
            sum(&Counters::accept_errors));
    counter_family("weir_proxy_connections_refused_total",
                   "Client connections sent away with 503 or closed, by the limit they met.");
    series({{"limit", "worker"}}, sum(&Counters::connections_refused));
    series({{"limit", "address"}}, sum(&Counters::connections_refused_by_address));
    gauge("weir_proxy_held_bytes", "Unsent bytes and unfinished heads in memory.",
          sum(&Counters::bytes_held));
    counter("weir_proxy_connections_cut_for_memory_total",
            "Connections cut because they held most of too much.",
            sum(&Counters::connections_cut_for_memory));
    counter("weir_proxy_connections_used_up_total",
            "Client connections closed after as many requests as one may carry.",
            sum(&Counters::connections_used_up));
    counter_family("weir_proxy_proxy_protocol_headers_total",
                   "Client connections that had to begin with a PROXY header, by what came.");
    series({{"result", "ok"}}, sum(&Counters::proxy_headers_ok));
    series({{"result", "untrusted"}}, sum(&Counters::proxy_headers_untrusted));
    series({{"result", "malformed"}}, sum(&Counters::proxy_headers_malformed));
    series({{"result", "incomplete"}}, sum(&Counters::proxy_headers_incomplete));
    counter_family("weir_proxy_tls_handshakes_total", "TLS handshakes with clients.");
    series({{"result", "ok"}}, sum(&Counters::handshakes_ok));
    series({{"result", "failed"}}, sum(&Counters::handshakes_failed));
    collect_tls();
  }

  void collect_tls() const {
    counter("weir_proxy_tls_handshakes_resumed_total", "TLS handshakes that resumed a session.",
            sum(&Counters::handshakes_resumed));
    counter("weir_proxy_tls_unknown_names_total",
            "TLS handshakes refused because no host has the name.",
            sum(&Counters::handshakes_unknown_name));
    gauge("weir_proxy_tls_handshakes_under_way", "TLS handshakes with clients under way.",
          sum(&Counters::handshakes_under_way));
    gauge("weir_proxy_tls_handshakes_waiting",
          "Connections whose TLS handshake waits for one that is under way to end.",
          sum(&Counters::handshakes_waiting));
    counter("weir_proxy_tls_handshakes_delayed_total", "TLS handshakes that had to wait so.",
            sum(&Counters::handshakes_delayed));
    counter_family("weir_proxy_tls_staples_total", "OCSP responses that clients asked for.");
    series({{"result", "sent"}}, sum(&Counters::staples_sent));
    series({{"result", "expired"}}, sum(&Counters::staples_expired));
    counter_family("weir_proxy_upstream_tls_handshakes_total", "TLS handshakes with endpoints.");
    series({{"result", "ok"}}, sum(&Counters::upstream_handshakes_ok));
    series({{"result", "failed"}}, sum(&Counters::upstream_handshakes_failed));
    counter("weir_proxy_upstream_tls_handshakes_resumed_total",
            "TLS handshakes with endpoints that resumed a session.",
            sum(&Counters::upstream_handshakes_resumed));
    counter_family("weir_proxy_tls_passthrough_total",
                   "TLS connections for hosts that are passed through undecrypted.");
    series({{"result", "ok"}}, sum(&Counters::passthrough_opened));
    series({{"result", "failed"}}, sum(&Counters::passthrough_failures));
  }

  void collect_requests() const {
    counter_family("weir_proxy_requests_total",
                   "Requests answered, by status code; backends' answers and weir's own.");
    static constexpr std::size_t kAlways[] = {101, 200, 204, 301, 302, 304, 308, 400, 401, 403,
                                              404, 408, 413, 414, 431, 499, 500, 502, 503, 504};
    for (std::size_t code = 100; code < 600; ++code) {
      const double value = sum([code](const Counters& counters) -> const proxy::Cell& {
        return counters.requests_by_code[code - 100];
      });
      if (value == 0 && std::ranges::find(kAlways, code) == std::end(kAlways)) continue;
      series({{"code", std::to_string(code)}}, value);
    }
    counter_family("weir_proxy_local_answers_total",
                   "Requests that weir answered itself, by reason.");
    for (std::size_t i = 0; i < static_cast<std::size_t>(proxy::AnswerReason::Count); ++i) {
      series(
          {{"reason", proxy::reason_name(static_cast<proxy::AnswerReason>(i))}},
          sum([i](const Counters& counters) -> const proxy::Cell& { return counters.answers[i]; }));
    }
    counter("weir_proxy_requests_aborted_total",
            "Requests whose client went away before the whole response was sent.",
            sum(&Counters::requests_aborted));
    counter("weir_proxy_upstream_connects_total", "Connections opened to endpoints.",
            sum(&Counters::upstream_connects));
    counter("weir_proxy_upstream_connect_failures_total",
            "Connections to endpoints that did not come about.",
            sum(&Counters::upstream_connect_failures));
    counter("weir_proxy_upstream_reuses_total", "Requests sent over a pooled connection.",
            sum(&Counters::upstream_reuses));
    counter("weir_proxy_upstream_retries_total",
            "Requests sent again: a pooled connection was stale, or an endpoint failed.",
            sum(&Counters::upstream_retries));
    counter("weir_proxy_endpoint_ejections_total",
            "Times that a worker left an endpoint out for a while, after failures in a row.",
            sum(&Counters::endpoint_ejections));
  }

  void collect_tunnels() const {
    counter("weir_proxy_tunnels_opened_total",
            "Tunnels opened: WebSockets, and TLS passed through.", sum(&Counters::tunnels_opened));
    gauge("weir_proxy_tunnels_open", "Tunnels open.", sum(&Counters::tunnels_open));
    counter_family("weir_proxy_tunnels_ended_total", "Tunnels ended, by reason.");
    for (std::size_t i = 0; i < static_cast<std::size_t>(proxy::TunnelEnd::Count); ++i) {
      series({{"reason", proxy::tunnel_end_name(static_cast<proxy::TunnelEnd>(i))}},
             sum([i](const Counters& counters) -> const proxy::Cell& {
               return counters.tunnels_ended[i];
             }));
    }
    counter_family("weir_proxy_tunnel_bytes_total", "Bytes through tunnels.");
    series({{"to", "backend"}}, sum(&Counters::tunnel_bytes_to_backend));
    series({{"to", "client"}}, sum(&Counters::tunnel_bytes_to_client));
  }

  void collect_control() const {
    gauge("weir_proxy_control_connected", "1 while connected to a controller.",
          control_.connected ? 1 : 0);
    counter("weir_proxy_control_connects_total", "Connections to a controller.",
            static_cast<double>(control_.connects));
    gauge("weir_proxy_table_generation", "The controller's number of the table that is live.",
          static_cast<double>(control_.generation));
    gauge_family("weir_proxy_table_resources", "Resources of the table that is held, by kind.");
    for (std::size_t i = 0; i < control_.resources.size(); ++i) {
      series({{"kind", table::label_of(table::kResourceKinds[i])}},
             static_cast<double>(control_.resources[i]));
    }
    counter("weir_proxy_table_updates_total", "Updates that every worker took.",
            static_cast<double>(control_.updates_applied));
    counter("weir_proxy_table_resources_refused_total", "Resources that could not be taken.",
            static_cast<double>(control_.resources_refused));
    counter_family("weir_proxy_control_refusals_total",
                   "Connections to a controller given up over what came, by reason.");
    for (std::size_t i = 0; i < control_.frames_refused.size(); ++i) {
      series({{"reason", refusal_name(static_cast<FrameRefusal>(i))}},
             static_cast<double>(control_.frames_refused[i]));
    }
  }

  void collect_rest() const {
    counter("weir_proxy_state_writes_total", "State files written.",
            static_cast<double>(control_.state_writes));
    counter("weir_proxy_state_failures_total", "State files that could not be written or read.",
            static_cast<double>(control_.state_failures));
    counter_family("weir_proxy_dns_lookups_total", "DNS lookups of backends.");
    series({{"result", "ok"}}, static_cast<double>(control_.dns_answers));
    series({{"result", "failed"}}, static_cast<double>(control_.dns_failures));
    gauge("weir_proxy_workers", "Worker threads.", static_cast<double>(workers_.size()));
    gauge_family("weir_proxy_build_info", "1, labelled with the version.");
    series({{"version", util::kVersion}}, 1);
  }

  const std::vector<const Counters*>& workers_;
  const ControlCounters& control_;
  mutable std::vector<MetricFamily> families_;  // Collect is const
};

}  // namespace

std::string metrics_text(const std::vector<const proxy::Counters*>& workers,
                         const ControlCounters& control) {
  return prometheus::TextSerializer().Serialize(Collector(workers, control).Collect());
}

}  // namespace weir::proxy_control
