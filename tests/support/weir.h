#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/socket.h"

namespace weir::test {

/// Weir's own programs as an operator starts them, on ports that the kernel chose.

/// GET on an admin or metrics listener.
Response admin_get(std::uint16_t port, const std::string& path);

/// The sum of a metric's series whose line begins with `series` ("name" or "name{label=\"x\"");
/// -1 if there is none.
double metric(std::uint16_t port, const std::string& series);

struct Ports {
  std::uint16_t http = 0;
  std::uint16_t https = 0;
  std::uint16_t admin = 0;
};

/// A weir-proxy. Ready means that /readyz answers 200.
class ProxyProcess {
 public:
  /// `under`: the tool that runs it, with the tool's own arguments; `process()` is the tool then.
  explicit ProxyProcess(const std::string& socket, std::vector<std::string> flags = {},
                        const std::vector<std::string>& under = {});

  Process& process() { return *process_; }
  const Ports& ports() const { return ports_; }
  bool ready() const { return admin_get(ports_.admin, "/readyz").status == 200; }
  bool wait_ready() const;
  double metric(const std::string& series) const { return test::metric(ports_.admin, series); }

  /// One GET on a connection of its own.
  Response get(const std::string& host, const std::string& path = "/") const;

 private:
  std::unique_ptr<Process> process_;
  Ports ports_;
};

/// A weir-controller.
class ControllerProcess {
 public:
  ControllerProcess(const std::string& source, const std::string& socket,
                    std::vector<std::string> flags = {},
                    const std::map<std::string, std::string>& environment = {});

  Process& process() { return *process_; }
  double metric(const std::string& series) const { return test::metric(metrics_port_, series); }

 private:
  std::unique_ptr<Process> process_;
  std::uint16_t metrics_port_ = 0;
};

/// Ordinary manifests, for folders and API servers alike.
/// Waits until every worker of `proxy` has what `controller` has published. Who saw a change
/// through one connection has asked one worker; another may be behind it.
bool settled(const ControllerProcess& controller, const ProxyProcess& proxy);

namespace manifest {

/// A Service `name` on port 80, and an EndpointSlice for each of `ports` of this machine. API
/// servers refuse a loopback address there.
std::string service(const std::string& name, const std::vector<std::uint16_t>& ports,
                    const std::string& address = "127.0.0.1");
/// An Ingress for one host, path "/", to port 80 of `service`. `secret`: TLS with that Secret.
/// `ingress_class`: none if empty.
std::string ingress(const std::string& name, const std::string& host, const std::string& service,
                    const std::string& secret = "", const std::string& ingress_class = "");
/// A Secret with a new self-signed P-256 certificate for `host`.
std::string tls_secret(const std::string& name, const std::string& host);

}  // namespace manifest

/// PEM of a new self-signed P-256 certificate and its key.
struct KeyPair {
  std::string certificate;
  std::string key;
};
KeyPair make_key_pair(const std::string& host);

std::string base64(const std::string& bytes);

}  // namespace weir::test
