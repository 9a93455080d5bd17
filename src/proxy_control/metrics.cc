#include "proxy_control/metrics.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "proxy/answer.h"
#include "proxy_control/http_metrics.h"
#include "proxy_control/nginx_metrics.h"
#include "util/version.h"

namespace weir::proxy_control {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using Labels = util::MetricLabels;
using proxy::Counters;
using proxy::TunnelCounters;
using proxy::TunnelEnd;

/// One scrape of the cells of all workers and of the control thread.
class Collector {
 public:
  explicit Collector(const MetricSources& sources)
      : workers_(sources.workers),
        tunnels_(sources.tunnels),
        control_(sources.control),
        sources_(sources) {}

  std::vector<MetricFamily> collect(const MetricOptions& options, DroppedSeries& dropped) {
    const auto routes = sum_of_routes(sources_.http);
    collect_connections();
    collect_copies();
    collect_tls();
    collect_requests();
    add_http_metrics(families_, routes);
    collect_upstream();
    collect_tunnels();
    collect_drain();
    collect_configuration();
    collect_channel();
    collect_rest();
    util::add_process_metrics(families_);
    if (options.ingress_nginx) {
      add_nginx_metrics(families_, *options.ingress_nginx, sources_, routes);
    }
    return bounded(options.most_series, dropped);
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

  void counter_family(const char* name, const char* help) { families_.counter(name, help); }
  void gauge_family(const char* name, const char* help) { families_.gauge(name, help); }
  /// One more series of the last family.
  void series(Labels labels, double value) { families_.add(std::move(labels), value); }
  void series(Labels labels, std::uint64_t value) {
    families_.add(std::move(labels), static_cast<double>(value));
  }
  void counter(const char* name, const char* help, double value) {
    families_.counter(name, help).add(value);
  }
  void gauge(const char* name, const char* help, double value) {
    families_.gauge(name, help).add(value);
  }

  /// Every family has its bound, and what that takes away is counted.
  std::vector<MetricFamily> bounded(std::size_t most, DroppedSeries& dropped) {
    auto families = families_.take();
    auto& not_made = dropped["weir_http_requests_total"];
    not_made = std::max(not_made, sources_.http.dropped());
    for (auto& family : families) {
      const auto gone = util::bound_series(family, most);
      if (gone == 0) continue;
      auto& known = dropped[family.name];
      known = std::max(known, gone);
    }
    util::MetricFamilies last;
    last.counter("weir_metrics_dropped_series_total",
                 "Series that were too many at once and became \"_other\", by family.");
    for (const auto& [family, count] : dropped) {
      last.add({{"family", family}}, static_cast<double>(count));
    }
    families.push_back(last.take().front());
    return families;
  }

  void collect_connections() {
    counter_family("weir_connections_accepted_total", "Client connections accepted.");
    series({{"listener", "http"}}, sum(&Counters::connections_accepted_http));
    series({{"listener", "https"}}, sum(&Counters::connections_accepted_https));
    series({{"listener", "tcp"}}, sum(&Counters::connections_accepted_tcp));
    gauge("weir_connections_limit", "Client connections that may be open.",
          static_cast<double>(control_.connections_limit));
    double tunnels = 0;
    for (const auto& counted : tunnels_.counters()) {
      tunnels += static_cast<double>(counted.counters->open.read());
    }
    gauge_family("weir_connections_active", "Client connections open, by what they carry.");
    series({{"protocol", "h1"}}, std::max(0.0, sum(&Counters::connections_open) - tunnels));
    series({{"protocol", "tunnel"}}, tunnels);
    counter_family("weir_connections_closed_total",
                   "Client connections that ended and were no tunnels, by why.");
    for (std::size_t i = 0; i < static_cast<std::size_t>(proxy::CloseReason::Count); ++i) {
      series({{"reason", proxy::reason_name(static_cast<proxy::CloseReason>(i))}},
             sum([i](const Counters& counters) -> const proxy::Cell& {
               return counters.connections_closed[i];
             }));
    }
    counter_family("weir_connections_rejected_total",
                   "Client connections that were not taken: closed, or sent away with 503.");
    series({{"reason", "limit"}}, sum(&Counters::connections_refused));
    series({{"reason", "address_limit"}}, sum(&Counters::connections_refused_by_address));
    series({{"reason", "accept_failed"}}, sum(&Counters::accept_errors));
    gauge("weir_proxy_held_bytes", "Unsent bytes and unfinished heads in memory.",
          sum(&Counters::bytes_held));
    counter("weir_proxy_connections_cut_for_memory_total",
            "Times that a connection or tunnel was to be cut because it held most of too much.",
            sum(&Counters::connections_cut_for_memory));
    counter_family("weir_proxy_proxy_protocol_headers_total",
                   "Client connections that had to begin with a PROXY header, by what came.");
    series({{"result", "ok"}}, sum(&Counters::proxy_headers_ok));
    series({{"result", "untrusted"}}, sum(&Counters::proxy_headers_untrusted));
    series({{"result", "malformed"}}, sum(&Counters::proxy_headers_malformed));
    series({{"result", "incomplete"}}, sum(&Counters::proxy_headers_incomplete));
  }

  void collect_tls() {
    const double resumed = sum(&Counters::handshakes_resumed);
    const double unknown = sum(&Counters::handshakes_unknown_name);
    counter_family("weir_tls_handshakes_total",
                   "TLS handshakes with clients that came about; resumed: by an earlier session.");
    series({{"resumed", "true"}}, resumed);
    series({{"resumed", "false"}}, std::max(0.0, sum(&Counters::handshakes_ok) - resumed));
    counter_family("weir_tls_handshake_failures_total",
                   "TLS handshakes with clients that failed; unknown_sni: no host has the name.");
    series({{"reason", "unknown_sni"}}, unknown);
    series({{"reason", "other"}}, std::max(0.0, sum(&Counters::handshakes_failed) - unknown));
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

  void collect_copies() {
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

  void collect_requests() {
    gauge("weir_http_requests_in_flight", "Requests that are being answered.",
          sum(&Counters::requests_in_flight));
    counter_family("weir_http_local_responses_total",
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
  }

  void collect_upstream() {
    counter("weir_upstream_connects_total",
            "Connections to endpoints that were begun, those for auth services and the like too.",
            sum(&Counters::upstream_connects));
    counter("weir_upstream_reuses_total", "Requests sent over a pooled connection.",
            sum(&Counters::upstream_reuses));
    gauge_family("weir_upstream_endpoints",
                 "Endpoints of backends; ejected: ready, but they fail checks of their health.");
    for (const auto& [backend, count] : sources_.endpoints) {
      series({{"backend", backend}, {"state", "ready"}}, count.ready);
      series({{"backend", backend}, {"state", "draining"}}, count.draining);
      series({{"backend", backend}, {"state", "ejected"}}, count.ejected);
    }
    counter("weir_upstream_ejections_total",
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
      route.labels = route_labels(labels.origin, labels.backend);
      all.push_back(std::move(route));
    }
    return all;
  }

  /// One more series for each route.
  void tunnel_series(const std::vector<TunnelsOfRoute>& routes, const Labels& more,
                     const TunnelCellOf& cell) {
    for (const auto& route : routes) {
      auto labels = route.labels;
      labels.insert(labels.end(), more.begin(), more.end());
      series(std::move(labels), route.sum(cell));
    }
  }
  void tunnel_series(const std::vector<TunnelsOfRoute>& routes, const Labels& more,
                     proxy::Cell TunnelCounters::*cell) {
    tunnel_series(routes, more, [cell](const TunnelCounters& counters) -> const proxy::Cell& {
      return counters.*cell;
    });
  }

  void collect_tunnels() {
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

  void collect_handshakes(const std::vector<TunnelsOfRoute>& routes) {
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

  void collect_tunnel_bytes(const std::vector<TunnelsOfRoute>& routes) {
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

  void collect_close_codes() {
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

  void collect_tunnel_times(const std::vector<TunnelsOfRoute>& routes) {
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
                  Times TunnelCounters::*times) {
    families_.histogram(name, help);
    for (const auto& route : routes) {
      ClientMetric::Histogram histogram;
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
      families_.add(route.labels, std::move(histogram));
    }
  }

  void collect_drain() {
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

  void collect_configuration() {
    gauge("weir_config_generation", "The controller's number of the table that is live.",
          static_cast<double>(control_.generation));
    counter_family("weir_config_applies_total",
                   "Updates of the table; rejected: some of it could not be taken.");
    series({{"result", "applied"}}, control_.updates_applied);
    series({{"result", "unchanged"}}, control_.updates_unchanged);
    series({{"result", "rejected"}}, control_.updates_rejected);
    gauge("weir_config_last_apply_successful", "1 if the last update was taken as a whole.",
          control_.last_update_good ? 1 : 0);
    gauge("weir_config_last_apply_success_timestamp_seconds",
          "When an update was last taken as a whole; 0: none was.", control_.last_good_update);
    families_.histogram("weir_config_apply_duration_seconds", "Until every worker ran an update.");
    families_.add({}, histogram_of(control_.update_times));
    gauge_family("weir_proxy_table_resources", "Resources of the table that is held, by kind.");
    for (std::size_t i = 0; i < control_.resources.size(); ++i) {
      series({{"kind", table::label_of(table::kResourceKinds[i])}}, control_.resources[i]);
    }
    counter("weir_proxy_table_resources_refused_total", "Resources that could not be taken.",
            static_cast<double>(control_.resources_refused));
  }

  static ClientMetric::Histogram histogram_of(const UpdateTimes& times) {
    ClientMetric::Histogram histogram;
    for (std::size_t i = 0; i < times.buckets.size(); ++i) {
      histogram.sample_count += times.buckets[i];
      const bool is_last = i == UpdateTimes::kBounds.size();
      histogram.bucket.push_back(
          {histogram.sample_count,
           is_last ? std::numeric_limits<double>::infinity() : UpdateTimes::kBounds[i]});
    }
    histogram.sample_sum = times.sum;
    return histogram;
  }

  void collect_channel() {
    gauge("weir_channel_connected", "1 while connected to a controller.",
          control_.connected ? 1 : 0);
    counter("weir_channel_connects_total", "Connections to a controller.",
            static_cast<double>(control_.connects));
    counter_family("weir_channel_refusals_total",
                   "Connections to a controller given up over what came, by reason.");
    for (std::size_t i = 0; i < control_.frames_refused.size(); ++i) {
      series({{"reason", refusal_name(static_cast<FrameRefusal>(i))}}, control_.frames_refused[i]);
    }
  }

  void collect_rest() {
    counter("weir_proxy_state_writes_total", "State files written.",
            static_cast<double>(control_.state_writes));
    counter("weir_proxy_state_failures_total", "State files that could not be written or read.",
            static_cast<double>(control_.state_failures));
    counter_family("weir_proxy_dns_lookups_total", "DNS lookups of backends.");
    series({{"result", "ok"}}, control_.dns_answers);
    series({{"result", "failed"}}, control_.dns_failures);
    counter_family("weir_proxy_health_checks_total", "Checks of endpoints' health.");
    series({{"result", "ok"}}, control_.checks_good);
    series({{"result", "failed"}}, control_.checks_bad);
    series({{"result", "timeout"}}, control_.checks_timed_out);
    gauge("weir_proxy_endpoints_out", "Endpoints that fail their checks.",
          static_cast<double>(control_.endpoints_out));
    counter("weir_proxy_access_log_dropped_total",
            "Lines of the access log for which there was no room.",
            static_cast<double>(control_.access_log_dropped));
    gauge("weir_proxy_workers", "Worker threads.", static_cast<double>(workers_.size()));
    gauge_family("weir_build_info", "1, labelled with the program and its version.");
    series({{"component", "proxy"}, {"version", util::kVersion}}, 1.0);
  }

  const std::vector<const Counters*>& workers_;
  const proxy::TunnelRegistry& tunnels_;
  const ControlCounters& control_;
  const MetricSources& sources_;
  util::MetricFamilies families_;
};

}  // namespace

std::vector<MetricFamily> collect_metrics(const MetricSources& sources,
                                          const MetricOptions& options, DroppedSeries& dropped) {
  return Collector(sources).collect(options, dropped);
}

}  // namespace weir::proxy_control
