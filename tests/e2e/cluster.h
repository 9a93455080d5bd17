#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/kube_cluster.h"
#include "support/temp_folder.h"
#include "support/websocket_peer.h"
#include "support/weir.h"

namespace weir::test {

/// The subject of the certificate for names that have none.
inline constexpr const char* kFake = "/O=Acme Co/CN=Kubernetes Ingress Controller Fake Certificate";

/// A test on the one API server of this program: a namespace and an IngressClass of its own, a
/// controller that watches as weir's service account, and a proxy beside it. What the test has made
/// goes when it ends, so that the next one starts with an empty cluster.
class Cluster : public testing::Test {
 protected:
  Cluster();
  void SetUp() override;
  void TearDown() override;

  static KubeCluster& cluster();
  static KubeApi& api() { return cluster().api(); }

  /// Starts both programs and waits until the proxy is ready.
  void start(std::vector<std::string> controller_flags = {});
  /// The same against an API server behind `port` of 127.0.0.1.
  void start_at(std::uint16_t port, std::vector<std::string> controller_flags = {});

  void apply(const std::string& yaml) { api().apply(yaml, ns_); }
  void apply_class();
  bool remove(const std::string& kind, const std::string& name) {
    return api().remove(kind, name, ns_);
  }
  /// Manifests as the API server takes them: with an address of this machine, and the test's class.
  std::string service(const std::string& name, const std::vector<std::uint16_t>& ports) const;
  std::string ingress(const std::string& name, const std::string& host, const std::string& service,
                      const std::string& secret = "") const;
  /// `host` under the test's own domain, which no other test's Ingress has.
  std::string host(const std::string& name) const { return name + '.' + ns_ + ".example"; }

  /// Waits until GET for `host` has this body, or status; says what it is instead.
  testing::AssertionResult answers(const std::string& host, const std::string& body,
                                   const std::string& path = "/");
  testing::AssertionResult answers(const std::string& host, int status,
                                   const std::string& path = "/");
  /// Waits until the certificate that SNI `host` gets has this subject, as "/CN=app.example".
  testing::AssertionResult shows(const std::string& host, const std::string& subject);
  /// What both programs said, to say beside a failure.
  std::string logs();

  const std::string address_;
  const std::string ns_;
  const std::string class_;
  /// A server that has just been started answers 403 until it knows the roles.
  bool server_was_away_ = false;
  TempFolder runtime_;
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<ProxyProcess> proxy_;
};

}  // namespace weir::test
