#pragma once

#include <memory>
#include <string>

#include "proxy/connection_limits.h"
#include "proxy/fiber.h"
#include "proxy/proxy_protocol.h"
#include "proxy/stream.h"
#include "proxy/task.h"
#include "proxy/worker_state.h"
#include "table/table.h"

namespace weir::proxy {

/// A client's connection to the port of a TCP service, from accept until it is a tunnel to one of
/// the service's endpoints, or closed because there is none. It owns itself.
class TcpConnection final : public Fiber, public OpenConnection {
 public:
  using Service = std::shared_ptr<const table::TcpService>;

  /// `fd` is non-blocking and taken over.
  static void open(WorkerState& worker, int fd, Service service, std::string address,
                   AddressCounts::Place place);

  void stop_accepting() override {}
  void cut(TunnelEnd why) override;

 private:
  TcpConnection(WorkerState& worker, Service service, std::string address,
                AddressCounts::Place place);
  ~TcpConnection();

  void on_idle(Wake) override {}
  Detached run();
  /// False: no header that could be read, or an address with too many connections.
  Task<bool> take_proxy_header();
  /// False: no endpoint took the connection.
  Task<bool> reach(BackendRef backend);
  void become_tunnel(EndpointRef endpoint, Stream stream);

  WorkerState& worker_;
  Service service_;
  Stream stream_;
  std::string address_;  // of the client, without port
  AddressCounts::Place place_;
  std::unique_ptr<ConnectionEnds> told_;  // by a PROXY header
  bool tunnelled_ = false;                // the tunnel counts on
};

}  // namespace weir::proxy
