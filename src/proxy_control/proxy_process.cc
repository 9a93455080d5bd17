#include "proxy_control/proxy_process.h"

#include <malloc.h>

#include <csignal>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "proxy/data_plane.h"
#include "proxy_control/access_log_writer.h"
#include "proxy_control/control_client.h"
#include "proxy_control/endpoint_counts.h"
#include "proxy_control/health_checker.h"
#include "proxy_control/memory_keeper.h"
#include "proxy_control/metrics.h"
#include "proxy_control/table_service.h"
#include "proxy_control/tunnel_admin.h"
#include "util/admin_server.h"
#include "util/log.h"
#include "util/version.h"

namespace weir::proxy_control {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kMemoryPeriod{1};

void log_listener(const char* what, const proxy::ListenAddress& listen) {
  const bool v6 = listen.address.find(':') != std::string::npos;
  util::log::info("{} listening on {}{}{}:{}", what, v6 ? "[" : "", listen.address, v6 ? "]" : "",
                  listen.port);
}

/// The workers write to it until they are gone, so it outlives the data plane.
struct AccessLog {
  explicit AccessLog(bool with_query) : lines(with_query) {}

  proxy::AccessLog lines;
  std::unique_ptr<AccessLogWriter> writer;  // nullptr: there is none
};

/// All parts, built in this order, gone in the other: what posts to the io_context goes before it.
class Process {
 public:
  Process(const ProcessOptions& options, std::unique_ptr<proxy::DataPlane>& data_plane,
          AccessLog& access_log, asio::io_context& io)
      : options_(options),
        io_(io),
        access_log_(access_log),
        data_plane_(*data_plane),
        health_(io, data_plane_.backends(), counters_),
        endpoints_(data_plane_.backends()),
        service_(
            io,
            [this](auto delta, auto done) {
              health_.adopt(*delta);
              endpoints_.adopt(*delta);
              data_plane_.adopt(std::move(delta), std::move(done));
            },
            Resolver::Options{}, counters_),
        client_(io,
                ControlClient::Options{.path = options.socket,
                                       .software = std::string("weir-proxy ") + util::kVersion},
                service_, counters_),
        drain_(io, options.drain,
               {[this] { data_plane_.stop_accepting(); },
                [this](auto window) { data_plane_.drain_tunnels(window); },
                [this] { return data_plane_.open_connections(); },
                [this] { data_plane_.close_all(); }},
               [this] { io_.stop(); }),
        memory_(io, kMemoryPeriod,
                {[this] { return data_plane_.open_connections(); }, [this] { data_plane_.trim(); },
                 [] { ::malloc_trim(0); }}),
        tunnel_admin_(io, data_plane_),
        signals_(io, SIGTERM, SIGINT),
        reopen_signal_(io, SIGUSR1) {}

  util::Result<void> run() {
    if (options_.admin) {
      auto admin = util::AdminServer::start(
          io_, {options_.admin->address, options_.admin->port},
          [this](const util::AdminRequest& request) { return page(request); });
      if (!admin) return admin.error();
      admin_ = *std::move(admin);
      log_listener("admin", {options_.admin->address, admin_->port()});
    }
    counters_.connections_limit = data_plane_.most_connections();
    util::log::info("room for {} connections, or {} tunnels", counters_.connections_limit,
                    counters_.connections_limit / 2);
    if (!options_.admin_socket.empty()) {
      auto operators = util::AdminServer::start(
          io_, {.address = {}, .unix_path = options_.admin_socket},
          [this](const util::AdminRequest& request, util::AdminServer::Reply reply) {
            tunnel_admin_.answer(request, std::move(reply));
          });
      if (!operators) return util::unavailable("admin socket: " + operators.error().detail);
      operators_ = *std::move(operators);
      util::log::info("operators are listened to on {}", options_.admin_socket);
    }
    for (const auto& listen : data_plane_.http()) log_listener("http", listen);
    for (const auto& listen : data_plane_.https()) log_listener("https", listen);
    wait_for_signal();
    wait_for_reopen();
    if (!options_.state_file.empty()) service_.keep_state(StateFile(options_.state_file), {});
    client_.start();
    io_.run();
    service_.finish_state();
    return {};
  }

 private:
  util::AdminAnswer page(const util::AdminRequest& request) {
    const auto path = request.path;
    if (path == "/healthz") return util::probe_answer("");
    if (path == "/readyz" || path == "/lb-healthz") return util::probe_answer(why_not_ready());
    if (path == "/metrics") return metrics(request.accept);
    return util::not_found_answer();
  }

  util::AdminAnswer metrics(std::string_view accept) {
    counters_.access_log_dropped = access_log_.lines.dropped();
    MetricSources sources{
        data_plane_.counters(), data_plane_.tunnels(), data_plane_.http_counters(), counters_, {}};
    for (const auto& held : service_.holder().backends()) {
      sources.endpoints.emplace(held.value->name, endpoints_.of(*held.value));
    }
    return util::metrics_answer(collect_metrics(sources, options_.metrics, dropped_series_),
                                accept);
  }

  std::string why_not_ready() const {
    if (drain_.has_begun()) return "draining";
    if (!service_.is_live()) return "no complete table is live yet";
    return "";
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (drain_.has_begun()) {
        util::log::warning("signal {}: ending at once", signal);
        return io_.stop();
      }
      drain_.begin();
      counters_.draining = true;
      const auto end =
          std::chrono::system_clock::now() + options_.drain.delay + options_.drain.timeout;
      counters_.drain_deadline = std::chrono::duration<double>(end.time_since_epoch()).count();
      wait_for_signal();
    });
  }

  /// Without a log as well: whoever rotates logs need not know.
  void wait_for_reopen() {
    reopen_signal_.async_wait([this](const boost::system::error_code& error, int /*signal*/) {
      if (error) return;
      if (access_log_.writer != nullptr) access_log_.writer->reopen();
      wait_for_reopen();
    });
  }

  const ProcessOptions& options_;
  asio::io_context& io_;
  AccessLog& access_log_;
  proxy::DataPlane& data_plane_;
  ControlCounters counters_;
  DroppedSeries dropped_series_;
  HealthChecker health_;
  EndpointCounts endpoints_;
  TableService service_;
  ControlClient client_;
  Drain drain_;
  MemoryKeeper memory_;
  std::unique_ptr<util::AdminServer> admin_;
  TunnelAdmin tunnel_admin_;
  std::unique_ptr<util::AdminServer> operators_;
  asio::signal_set signals_;
  asio::signal_set reopen_signal_;
};

}  // namespace

util::Result<void> run_proxy(const ProcessOptions& options) {
  asio::io_context io(1);
  AccessLog access_log(options.access_log_query);
  auto data_plane_options = options.data_plane;
  if (!options.access_log.empty()) {
    auto writer = AccessLogWriter::start(options.access_log, access_log.lines);
    if (!writer) return writer.error();
    access_log.writer = *std::move(writer);
    data_plane_options.access_log = &access_log.lines;
  }
  auto data_plane = proxy::DataPlane::start(data_plane_options);
  if (!data_plane) return data_plane.error();
  // The coroutines' frames, which refer to the process, live in `io` and end with it.
  Process process(options, *data_plane, access_log, io);
  auto ran = process.run();
  // Workers may yet answer what the process has asked them: they end before it does.
  data_plane->reset();
  return ran;
}

}  // namespace weir::proxy_control
