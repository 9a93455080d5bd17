#include "proxy_control/metrics.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "proxy/answer.h"
#include "util/version.h"

namespace weir::proxy_control {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using proxy::Counters;
using proxy::TunnelCounters;
using proxy::TunnelEnd;

/// One scrape of the cells of all workers and of the control thread.
class Collector : public prometheus::Collectable {
 public:
  Collector(const std::vector<const Counters*>& workers, const proxy::TunnelRegistry& tunnels,
            const ControlCounters& control)
      : workers_(workers), tunnels_(tunnels), control_(control) {}

  std::vector<MetricFamily> Collect() const override {
    families_.clear();
    collect_connections();
    collect_copies();
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
    series({{"listener", "tcp"}}, sum(&Counters::connections_accepted_tcp));
    gauge("weir_proxy_connections_limit", "Client connections that may be open.",
          static_cast<double>(control_.connections_limit));
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
    counter_family("weir_tunnels_auth_checks_total",
                   "Answers of auth services about open tunnels, by what they said.");
    series({{"result", "yes"}}, sum(&Counters::tunnel_auth_yes));
    series({{"result", "no"}}, sum(&Counters::tunnel_auth_no));
    series({{"result", "unknown"}}, sum(&Counters::tunnel_auth_unknown));
    counter_family("weir_proxy_tls_passthrough_total",
                   "TLS connections for hosts that are passed through undecrypted.");
    series({{"result", "ok"}}, sum(&Counters::passthrough_opened));
    series({{"result", "failed"}}, sum(&Counters::passthrough_failures));
    counter_family("weir_proxy_tcp_connections_total",
                   "Connections to ports of TCP services, by whether an endpoint took them.");
    series({{"result", "ok"}}, sum(&Counters::tcp_opened));
    series({{"result", "failed"}}, sum(&Counters::tcp_failures));
    counter("weir_proxy_tcp_listen_failures_total",
            "Tries to open the port of a TCP service that failed.",
            sum(&Counters::tcp_listen_failures));
    gauge("weir_proxy_tcp_ports_shut", "Ports of TCP services that could not be opened yet.",
          sum(&Counters::tcp_ports_shut));
  }

  void collect_copies() const {
    counter_family("weir_proxy_mirrored_total",
                   "Copies of requests, by what became of them: answered, lost, or not sent for "
                   "there were too many, too large, or nobody to take them.");
    series({{"result", "ok"}}, sum(&Counters::mirrored));
    series({{"result", "failed"}}, sum(&Counters::mirrored_failed));
    series({{"result", "left_out"}}, sum(&Counters::mirrored_left_out));
    counter("weir_proxy_auth_cache_hits_total",
            "Requests for which the auth service's answer was known already.",
            sum(&Counters::auth_cache_hits));
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
    counter("weir_proxy_slow_readers_cut_total",
            "Of those, requests whose client took the response more slowly than it may.",
            sum(&Counters::slow_readers_cut));
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
    gauge("weir_proxy_requests_waiting", "Requests that wait for an endpoint with room.",
          sum(&Counters::requests_waiting));
    counter("weir_proxy_requests_queued_total", "Requests that had to wait so.",
            sum(&Counters::requests_queued));
    counter("weir_proxy_limited_clients_forgotten_total",
            "Clients whose requests no longer count, because more clients ask than are counted.",
            sum(&Counters::limited_clients_forgotten));
  }

  using TunnelCellOf = std::function<const proxy::Cell&(const TunnelCounters&)>;

  /// The counters of all workers for one route and backend.
  struct TunnelsOfRoute {
    Labels labels;
    std::vector<std::shared_ptr<const TunnelCounters>> workers;

    double sum(const TunnelCellOf& cell) const {
      std::uint64_t total = 0;
      for (const auto& worker : workers) total += cell(*worker).read();
      return static_cast<double>(total);
    }
  };

  std::vector<TunnelsOfRoute> tunnels_by_route() const {
    std::map<proxy::TunnelLabels, TunnelsOfRoute> routes;
    for (auto& counted : tunnels_.counters()) {
      routes[counted.labels].workers.push_back(std::move(counted.counters));
    }
    std::vector<TunnelsOfRoute> all;
    for (auto& [labels, route] : routes) {
      const auto slash = labels.origin.find('/');
      const auto name = slash == std::string::npos ? "" : labels.origin.substr(slash + 1);
      route.labels = {{"ingress_namespace", labels.origin.substr(0, slash)},
                      {"ingress", name},
                      {"backend", labels.backend}};
      all.push_back(std::move(route));
    }
    return all;
  }

  /// One more series for each route.
  void tunnel_series(const std::vector<TunnelsOfRoute>& routes, const Labels& more,
                     const TunnelCellOf& cell) const {
    for (const auto& route : routes) {
      auto labels = route.labels;
      labels.insert(labels.end(), more.begin(), more.end());
      series(std::move(labels), route.sum(cell));
    }
  }
  void tunnel_series(const std::vector<TunnelsOfRoute>& routes, const Labels& more,
                     proxy::Cell TunnelCounters::*cell) const {
    tunnel_series(routes, more, [cell](const TunnelCounters& counters) -> const proxy::Cell& {
      return counters.*cell;
    });
  }

  void collect_tunnels() const {
    const auto routes = tunnels_by_route();
    const auto room = control_.connections_limit / 2;
    const std::uint64_t limit = tunnels_.limit;
    gauge("weir_tunnels_limit", "Tunnels that may be open: as configured, or as descriptors allow.",
          static_cast<double>(limit == 0 ? room : std::min(room, limit)));
    gauge_family("weir_tunnels_active", "Tunnels open: WebSockets, and TLS passed through.");
    tunnel_series(routes, {}, &TunnelCounters::open);
    gauge("weir_tunnel_oldest_start_timestamp_seconds",
          "When the tunnel was opened that has been open for longest; 0: none is open.",
          oldest_start(routes));
    collect_handshakes(routes);
    counter_family("weir_tunnels_opened_total", "Tunnels opened.");
    tunnel_series(routes, {}, &TunnelCounters::opened);
    counter_family("weir_tunnels_closed_total", "Tunnels ended, by who began it and why.");
    for (std::size_t i = 0; i < static_cast<std::size_t>(TunnelEnd::Count); ++i) {
      const auto end = static_cast<TunnelEnd>(i);
      tunnel_series(
          routes, {{"initiator", proxy::initiator_of(end)}, {"reason", proxy::reason_of(end)}},
          [i](const TunnelCounters& counters) -> const proxy::Cell& { return counters.ended[i]; });
    }
    counter_family("weir_tunnel_ends_by_proxy_total",
                   "Tunnels that weir ended: clean with a Close frame and in time, else forced.");
    tunnel_series(routes, {{"result", "clean"}}, &TunnelCounters::ended_clean);
    tunnel_series(routes, {{"result", "forced"}}, &TunnelCounters::ended_forced);
    counter_family("weir_tunnel_close_unaligned_total",
                   "Tunnels that weir ended without a Close frame: a frame did not end in time.");
    tunnel_series(routes, {}, &TunnelCounters::close_unaligned);
    counter_family("weir_tunnels_unwatched_total",
                   "Tunnels whose bytes are no frames of RFC 6455; they pass all the same.");
    tunnel_series(routes, {}, &TunnelCounters::unwatched);
    collect_tunnel_bytes(routes);
    collect_close_codes();
    collect_tunnel_times(routes);
  }

  static double oldest_start(const std::vector<TunnelsOfRoute>& routes) {
    std::uint64_t oldest = 0;
    for (const auto& route : routes) {
      for (const auto& worker : route.workers) {
        const auto its = worker->oldest.read();
        if (its != 0 && (oldest == 0 || its < oldest)) oldest = its;
      }
    }
    if (oldest == 0) return 0;
    using std::chrono::steady_clock;
    using std::chrono::system_clock;
    const auto age =
        steady_clock::now() - steady_clock::time_point(std::chrono::milliseconds(oldest));
    return std::chrono::duration<double>((system_clock::now() - age).time_since_epoch()).count();
  }

  void collect_handshakes(const std::vector<TunnelsOfRoute>& routes) const {
    counter_family("weir_tunnel_handshakes_total",
                   "Handshakes of WebSockets and other upgrades, by what became of them.");
    for (const auto& route : routes) {
      std::uint64_t good = 0;
      for (const auto& worker : route.workers) {
        for (std::size_t i = 0; i < worker->handshakes.kBuckets; ++i) {
          good += worker->handshakes.count(i);
        }
      }
      auto labels = route.labels;
      labels.push_back({"result", "ok"});
      series(std::move(labels), static_cast<double>(good));
    }
    tunnel_series(routes, {{"result", "failed"}}, &TunnelCounters::handshakes_failed);
    counter_family("weir_tunnel_handshake_failures_total",
                   "Handshakes that became no tunnel, by why; backend_refused: its own answer.");
    for (std::size_t i = 0; i < static_cast<std::size_t>(proxy::AnswerReason::Count); ++i) {
      const auto reason = static_cast<proxy::AnswerReason>(i);
      if (proxy::status_of(reason) < 400) continue;
      series({{"reason", proxy::reason_name(reason)}},
             sum([i](const Counters& counters) -> const proxy::Cell& {
               return counters.handshakes_refused[i];
             }));
    }
    series({{"reason", "backend_refused"}}, sum(&Counters::handshakes_refused_by_backend));
  }

  void collect_tunnel_bytes(const std::vector<TunnelsOfRoute>& routes) const {
    using Direction = TunnelCounters::Direction;
    static constexpr const char* kDirections[] = {"client_to_backend", "backend_to_client"};
    static constexpr std::pair<const char*, proxy::Cell Direction::*> kClasses[] = {
        {"data", &Direction::data_frames},
        {"ping", &Direction::pings},
        {"pong", &Direction::pongs},
        {"close", &Direction::closes}};
    const auto both = [&](const Labels& more, proxy::Cell Direction::*cell) {
      for (std::size_t i = 0; i < std::size(kDirections); ++i) {
        auto labels = more;
        labels.push_back({"direction", kDirections[i]});
        tunnel_series(routes, labels,
                      [i, cell](const TunnelCounters& counters) -> const proxy::Cell& {
                        return counters.from[i].*cell;
                      });
      }
    };
    counter_family("weir_tunnel_bytes_total", "Bytes through tunnels, as they come.");
    both({}, &Direction::bytes);
    counter_family("weir_tunnel_stall_seconds_total",
                   "How long a side was not read, because the other one did not read.");
    for (std::size_t i = 0; i < std::size(kDirections); ++i) {
      for (const auto& route : routes) {
        auto labels = route.labels;
        labels.push_back({"direction", kDirections[i]});
        series(std::move(labels), route.sum([i](const TunnelCounters& counters) -> const auto& {
          return counters.from[i].stalled_us;
        }) / 1e6);
      }
    }
    counter_family("weir_tunnel_messages_total", "WebSocket messages through tunnels.");
    both({}, &Direction::messages);
    counter_family("weir_tunnel_frames_total", "WebSocket frames through tunnels.");
    for (const auto& [name, cell] : kClasses) both({{"opcode_class", name}}, cell);
  }

  void collect_close_codes() const {
    static constexpr const char* kInitiators[] = {"client", "backend", "proxy"};
    counter_family("weir_tunnel_close_codes_total",
                   "First Close frames of each side and of weir, by code.");
    for (std::size_t i = 0; i < std::size(kInitiators); ++i) {
      for (std::size_t code = 0; code < Counters::kCloseCodes; ++code) {
        const double all = sum([=](const Counters& counters) -> const proxy::Cell& {
          return counters.tunnel_close_codes[i][code];
        });
        series({{"initiator", kInitiators[i]}, {"code", proxy::code_name(code)}}, all);
      }
    }
  }

  void collect_tunnel_times(const std::vector<TunnelsOfRoute>& routes) const {
    histograms("weir_tunnel_duration_seconds", "How long tunnels lasted.", routes,
               &TunnelCounters::durations);
    histograms("weir_tunnel_handshake_duration_seconds",
               "From a handshake's head until its 101 was on its way.", routes,
               &TunnelCounters::handshakes);
    histograms("weir_tunnel_ping_rtt_seconds", "Until a Ping of weir was answered.", routes,
               &TunnelCounters::pings);
  }

  template <class Times>
  void histograms(const char* name, const char* help, const std::vector<TunnelsOfRoute>& routes,
                  Times TunnelCounters::*times) const {
    family(name, help, MetricType::Histogram);
    for (const auto& route : routes) {
      ClientMetric metric;
      metric.label = route.labels;
      auto& histogram = metric.histogram;
      for (std::size_t i = 0; i < Times::kBuckets; ++i) {
        for (const auto& worker : route.workers) {
          histogram.sample_count += ((*worker).*times).count(i);
        }
        const bool is_last = i + 1 == Times::kBuckets;
        histogram.bucket.push_back(
            {histogram.sample_count,
             is_last ? std::numeric_limits<double>::infinity() : Times::bound(i)});
      }
      for (const auto& worker : route.workers) {
        histogram.sample_sum += ((*worker).*times).sum_in_seconds();
      }
      families_.back().metric.push_back(std::move(metric));
    }
  }

  void collect_drain() const {
    gauge("weir_proxy_draining", "1 while the process ends politely.", control_.draining ? 1 : 0);
    gauge("weir_proxy_drain_deadline_timestamp_seconds",
          "When what is left of the connections is cut; 0: the process does not end.",
          control_.drain_deadline);
    counter_family("weir_drain_closed_total",
                   "Connections and tunnels that ended while the process did; forced: cut.");
    const auto both = [this](const char* kind, proxy::Cell Counters::*all,
                             proxy::Cell Counters::*cut) {
      // The cut ones are counted first.
      const auto forced = sum(cut);
      series({{"kind", kind}, {"result", "clean"}}, std::max(0.0, sum(all) - forced));
      series({{"kind", kind}, {"result", "forced"}}, forced);
    };
    both("connection", &Counters::drained_connections, &Counters::drain_cut_connections);
    both("tunnel", &Counters::drained_tunnels, &Counters::drain_cut_tunnels);
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
    collect_drain();
    counter("weir_proxy_state_writes_total", "State files written.",
            static_cast<double>(control_.state_writes));
    counter("weir_proxy_state_failures_total", "State files that could not be written or read.",
            static_cast<double>(control_.state_failures));
    counter_family("weir_proxy_dns_lookups_total", "DNS lookups of backends.");
    series({{"result", "ok"}}, static_cast<double>(control_.dns_answers));
    series({{"result", "failed"}}, static_cast<double>(control_.dns_failures));
    counter_family("weir_proxy_health_checks_total", "Checks of endpoints' health.");
    series({{"result", "ok"}}, static_cast<double>(control_.checks_good));
    series({{"result", "failed"}}, static_cast<double>(control_.checks_bad));
    series({{"result", "timeout"}}, static_cast<double>(control_.checks_timed_out));
    gauge("weir_proxy_endpoints_out", "Endpoints that fail their checks.",
          static_cast<double>(control_.endpoints_out));
    counter("weir_proxy_access_log_dropped_total",
            "Lines of the access log for which there was no room.",
            static_cast<double>(control_.access_log_dropped));
    gauge("weir_proxy_workers", "Worker threads.", static_cast<double>(workers_.size()));
    gauge_family("weir_proxy_build_info", "1, labelled with the version.");
    series({{"version", util::kVersion}}, 1);
  }

  const std::vector<const Counters*>& workers_;
  const proxy::TunnelRegistry& tunnels_;
  const ControlCounters& control_;
  mutable std::vector<MetricFamily> families_;  // Collect is const
};

}  // namespace

std::string metrics_text(const std::vector<const proxy::Counters*>& workers,
                         const proxy::TunnelRegistry& tunnels, const ControlCounters& control) {
  return prometheus::TextSerializer().Serialize(Collector(workers, tunnels, control).Collect());
}

}  // namespace weir::proxy_control
