#include <sys/prctl.h>

#include <algorithm>

#include "common/cpu_count.h"
#include "common/flags.h"
#include "common/metrics_flags.h"
#include "proxy_control/proxy_process.h"
#include "util/log.h"

namespace {

using weir::cmd::Address;
using weir::cmd::Flags;

struct Given {
  std::string socket = "/run/weir/weir.sock";
  std::string state_file;
  std::vector<Address> http;
  std::vector<Address> https;
  std::optional<Address> admin;
  std::uint64_t threads = weir::cmd::usable_cpus();
  weir::util::log::Level log_level = weir::util::log::Level::Info;
};

void add_data_plane_flags(Flags& flags, weir::proxy::Options& options) {
  constexpr std::chrono::milliseconds kLeast{1};
  auto& times = options.timeouts;
  const auto timeout = [&](const char* flag, std::chrono::milliseconds& value, const char* help) {
    flags.duration(flag, value, help, kLeast);
  };
  timeout("--proxy-header-timeout", times.proxy_header, "PROXY header, from accept");
  timeout("--handshake-timeout", times.handshake,
          "TLS handshake, from accept or behind the PROXY header");
  timeout("--head-timeout", times.head, "Request head, from its first byte; 408");
  timeout("--body-timeout", times.body, "Between two reads of a request body; 408");
  timeout("--body-grace", times.body_grace,
          "Waiting for a client before --min-body- and --min-response-bytes-per-second count");
  timeout("--send-timeout", times.send, "Between two writes to a client");
  timeout("--keep-alive-timeout", times.keep_alive, "Idle client connection");
  timeout("--upstream-idle-timeout", times.upstream_idle, "Idle pooled connection to an endpoint");
  timeout("--upstream-lifetime", times.upstream_lifetime,
          "Pooled connection to an endpoint, from connect");

  constexpr std::uint64_t kMost = 16 * 1024 * 1024;
  auto& limits = options.limits;
  flags.size("--max-head-bytes", limits.head_bytes, "Request line and fields; 431", 1024, kMost);
  flags.size("--max-uri-bytes", limits.uri_bytes, "Request target; 414", 256, kMost);
  flags.number("--max-head-fields", limits.head_fields, 8, 10'000, "Fields of a request head; 431");
  flags.size("--max-response-head-bytes", limits.response_head_bytes,
             "Status line and fields of a response; 502", 1024, kMost);
  flags.number("--min-body-bytes-per-second", limits.body_bytes_per_second, 0, 1'000'000'000,
               "Request body, on average; 408; 0: any rate");
  flags.number("--min-response-bytes-per-second", limits.response_bytes_per_second, 0,
               1'000'000'000, "Response that waits for its client, on average; cut; 0: any rate");
  flags.size("--max-held-bytes", limits.held_bytes,
             "Unsent bytes and unfinished heads per worker; who holds most is cut", 1024 * 1024);
  flags.number("--max-connections", limits.connections, 0, 100'000'000,
               "Client connections per worker; 503; 0: as descriptors allow");
  flags.number("--max-connections-per-address", limits.connections_per_address, 0, 100'000'000,
               "Client connections per worker and address; 503; 0: no limit");
  flags.number("--requests-per-connection", limits.requests_per_connection, 1, 1'000'000'000,
               "A client connection carries so many, then it is closed");
  flags.number("--max-handshakes", limits.handshakes, 1, 1'000'000,
               "TLS handshakes under way per worker; others wait");
  flags.number("--metrics-max-series-per-family", limits.metric_series, 10, 10'000'000,
               "Series of one metric; further routes are counted together, as \"_other\"");
  flags.number("--pool-idle-per-endpoint", limits.pool_idle_per_endpoint, 0, 100'000,
               "Idle connections kept per worker and endpoint");
  flags.number("--requests-per-upstream-connection", limits.requests_per_upstream_connection, 1,
               1'000'000'000, "A connection to an endpoint carries so many, then it is closed");
}

void add_flags(Flags& flags, Given& given, weir::proxy_control::ProcessOptions& options) {
  flags.text("--socket", given.socket, "The controller's socket");
  flags.addresses("--http", given.http, "Listen for HTTP; repeatable");
  flags.addresses("--https", given.https, "Listen for HTTPS; repeatable");
  flags.address("--admin", given.admin, "Listen for /healthz, /readyz, /lb-healthz, /metrics");
  flags.number("--threads", given.threads, 1, 1024, "Workers; the default is the CPUs to be had");
  flags.text("--state-file", given.state_file,
             "Keep the last good table here, and start from it; best on a memory file system");
  flags.text("--admin-socket", options.admin_socket,
             "A Unix socket for operators: see and end single tunnels");
  flags.text("--access-log", options.access_log,
             "A line of JSON for each tunnel's begin and end goes to this file or pipe; \"-\" is "
             "stdout; SIGUSR1 opens it anew");
  flags.toggle("--access-log-query", options.access_log_query,
               "Log queries too, with the values of tokens, keys and the like masked");
  flags.duration("--drain-delay", options.drain.delay,
                 "At the end: not ready, but still listening, for so long");
  flags.duration("--drain-timeout", options.drain.timeout,
                 "At the end: requests and tunnels have so long after that");
  add_data_plane_flags(flags, options.data_plane);
  flags.log_level(given.log_level);
}

weir::proxy::ListenAddress to_listen(const Address& address) {
  return {address.host, address.port};
}

/// The flag that gave the path or address that an error is about.
std::string flag_of(const std::string& error, const Given& given) {
  if (error.starts_with("cannot open access log ")) return "--access-log";
  if (error.starts_with("admin socket: ")) return "--admin-socket";
  const auto names = [&error](const Address& address) {
    return error.find(address.host + ":" + std::to_string(address.port)) != std::string::npos;
  };
  if (given.admin && names(*given.admin)) return "--admin";
  return std::ranges::any_of(given.https, names) ? "--https" : "--http";
}

}  // namespace

int main(int argc, char** argv) {
  Given given;
  weir::proxy_control::ProcessOptions options;
  Flags flags("weir-proxy", "Serves HTTP, HTTPS and WebSockets as a weir-controller says.");
  add_flags(flags, given, options);
  weir::cmd::MetricsFlags metrics(flags);
  if (const auto exit_code = flags.parse(argc, argv)) return *exit_code;
  if (given.http.empty() && given.https.empty()) {
    return flags.refuse("--http", "or --https is needed");
  }
  if (given.socket.empty()) return flags.refuse("--socket", "is empty");

  options.socket = given.socket;
  options.metrics.ingress_nginx = metrics.ingress_nginx();
  options.metrics.most_series = options.data_plane.limits.metric_series;
  options.state_file = given.state_file;
  for (const auto& address : given.http) options.data_plane.http.push_back(to_listen(address));
  for (const auto& address : given.https) options.data_plane.https.push_back(to_listen(address));
  if (given.admin) options.admin = to_listen(*given.admin);
  options.data_plane.threads = static_cast<unsigned>(given.threads);

#if !defined(__SANITIZE_ADDRESS__)  // LeakSanitizer attaches to its own process
  // Private keys are in memory: no core dump, and nobody of the same user may attach.
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  weir::util::log::init("weir-proxy", given.log_level);
  if (const auto ran = weir::proxy_control::run_proxy(options); !ran) {
    return flags.refuse(flag_of(ran.error().detail, given), ran.error().detail);
  }
  return 0;
}
