#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "support/kube_api.h"
#include "support/process.h"
#include "support/temp_folder.h"
#include "support/test_ca.h"

namespace weir::test {

/// A real kube-apiserver with its etcd, RBAC on, on ports of 127.0.0.1; and in it what weir is
/// shipped with: deploy/rbac, applied by the administrator. There is no controller-manager: nothing
/// makes EndpointSlices, and a deleted namespace stays.
///
/// The programs come from $KUBEBUILDER_ASSETS (tools/kube-assets prints a folder that has them).
/// What cannot be started throws std::runtime_error with a line that says what to do. Everything is
/// gone when the test is, however it ends.
class KubeCluster {
 public:
  KubeCluster();
  ~KubeCluster();
  KubeCluster(const KubeCluster&) = delete;
  KubeCluster& operator=(const KubeCluster&) = delete;

  /// As the administrator.
  KubeApi& api() { return *api_; }
  std::uint16_t api_port() const { return api_port_; }
  /// A new namespace with a name of its own.
  std::string new_namespace();

  /// Writes a kubeconfig (mode 600) with a token of weir's service account, for an API server at
  /// `port` of 127.0.0.1, which may be a relay to this one. Returns its path.
  std::string controller_kubeconfig(std::uint16_t port);

  /// `number`: SIGTERM or SIGKILL. Waits for the end.
  void end_server(int number);
  /// Again, on the same port and etcd, unless it runs. Waits until it is ready.
  void start_server();
  /// Makes etcd forget all former versions.
  void compact();
  Process& etcd() { return *etcd_; }

 private:
  void write_keys();
  void start_etcd();
  bool try_start_etcd();
  bool try_start_server();
  void apply_rbac();
  std::string file(const std::string& name) const;
  void write_private(const std::string& name, const std::string& content) const;
  std::string etcd_request(const std::string& path, const std::string& json) const;

  const std::string programs_;
  TempFolder folder_;
  TestCa ca_;
  std::uint16_t etcd_port_ = 0;
  std::uint16_t etcd_peer_port_ = 0;
  std::uint16_t api_port_ = 0;
  std::unique_ptr<Process> etcd_;
  std::unique_ptr<Process> server_;
  std::unique_ptr<KubeApi> api_;
  int namespaces_ = 0;
};

/// An IPv4 address of this machine that is not loopback: what API servers take in an EndpointSlice.
/// Throws std::runtime_error if there is none.
std::string machine_address();

}  // namespace weir::test
