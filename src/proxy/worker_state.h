#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "proxy/access_log.h"
#include "proxy/auth_cache.h"
#include "proxy/client_limits.h"
#include "proxy/connection_limits.h"
#include "proxy/counters.h"
#include "proxy/endpoint.h"
#include "proxy/event_loop.h"
#include "proxy/handshake_gate.h"
#include "proxy/held_bytes.h"
#include "proxy/http_counters.h"
#include "proxy/live_table.h"
#include "proxy/log_limiter.h"
#include "proxy/options.h"
#include "proxy/password_checker.h"
#include "proxy/request_id.h"
#include "proxy/server_tls.h"
#include "proxy/tunnel_counters.h"
#include "proxy/tunnels.h"
#include "proxy/upstream_tls.h"
#include "util/regex.h"

namespace weir::proxy {

struct Exchange;

/// What a worker has open, as its end sees it. Links itself out when it is destroyed.
class OpenConnection : public boost::intrusive::list_base_hook<
                           boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// No new request. May delete this.
  virtual void stop_accepting() = 0;
  /// Ends now; a tunnel counts it as ended by `why`. Deletes this.
  virtual void cut(TunnelEnd why) = 0;

 protected:
  ~OpenConnection() = default;
};

/// One of everything that a worker's connections share. Touched on the worker's thread only, but
/// for the counters, which any thread may read.
struct WorkerState {
  /// Bytes that are read and sent on at once, so one buffer serves every connection. Large:
  /// measured, that is as good as splice at every message size.
  static constexpr std::size_t kScratch = 512 * 1024;
  /// A read for a peer that does not keep up: what it leaves unsent is copied and kept.
  static constexpr std::size_t kCarefulRead = 32 * 1024;
  /// What a connection reads heads into, unless one is longer.
  static constexpr std::uint32_t kHeadBuffer = 8 * 1024;

  /// What the table's settings say of connections, the options where they say nothing.
  void take_settings(const table::ConnectionSettings& settings);

  /// `ticket_seed` is for session tickets until the table brings one. What is shared outlives it.
  WorkerState(const Options& with, std::string ticket_seed, TunnelRegistry& registry,
              SharedBackends& backends, PasswordChecker& checker, ClientUse& use_by_clients,
              HttpRegistry& http_registry);
  ~WorkerState();

  const Options& options;
  Timeouts timeouts;  ///< as they are now
  Limits limits;      ///< as they are now
  Counters counters;
  HttpBook http;
  EventLoop loop;
  EndpointMap endpoints;
  LiveTable table{endpoints};
  ServerTls tls;
  HandshakeGate handshakes;
  UpstreamTls upstream_tls{table};
  Tunnels tunnels;
  LogLimiter log_limiter;
  AccessLogBuffer* access_log;  ///< nullptr: none
  std::unique_ptr<char[]> scratch_memory;
  bool draining = false;  ///< no new requests on open connections
  PoolLimits pool_limits;
  AddressCounts by_address;
  HeldBytes held;
  PasswordChecker& passwords;  ///< all workers'
  ClientUse& client_use;       ///< of all workers
  KnownPasswords known_passwords;
  AuthCache auth_cache;
  std::size_t mirrors_under_way = 0;  ///< copies of requests
  std::size_t refused_open = 0;       ///< RefusedConnections
  util::RegexMatcher matcher;         ///< of hosts whose paths are patterns
  RequestIds request_ids;
  std::uint64_t random;  ///< state of the balancer's generator, never 0

  /// Requests that wait for an endpoint with room.
  boost::intrusive::list<SharedBackend::Turn, boost::intrusive::constant_time_size<false>> waiting;

  /// Client connections and tunnels.
  boost::intrusive::list<OpenConnection, boost::intrusive::constant_time_size<false>> open;

  /// Seconds for Retry-After: those who were sent away together do not come back together.
  unsigned retry_after() { return 1 + static_cast<unsigned>(next_random(random) >> 62); }
  std::span<char> scratch() { return {scratch_memory.get(), kScratch}; }

  /// An exchange is as new, but keeps the capacity of its vectors: a request allocates nothing.
  std::unique_ptr<Exchange> take_exchange();
  void give_back(std::unique_ptr<Exchange> exchange);

  /// kHeadBuffer bytes. A few are kept for the next connections that have something to read.
  std::unique_ptr<char[]> take_head_buffer();
  void give_back_head_buffer(std::unique_ptr<char[]> buffer);

  /// Lets go what is kept for the next connections, and lies between what others have freed.
  void trim();

 private:
  std::vector<std::unique_ptr<Exchange>> spare_exchanges_;
  std::vector<std::unique_ptr<char[]>> spare_head_buffers_;
};

}  // namespace weir::proxy
