#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::test {

/// Asks an API server on 127.0.0.1 as the holder of a client certificate. What the server refuses,
/// and what takes longer than 60 s, throws std::runtime_error with the server's reason.
class KubeApi {
 public:
  /// Files in PEM.
  struct Files {
    std::string ca;
    std::string certificate;
    std::string key;
  };
  struct Answer {
    int status = 0;  ///< 0: none, the server is away
    std::string body;
  };
  struct Event {
    std::string type;  ///< "Normal" or "Warning"
    std::string reason;
    std::string note;
    std::string regarding;  ///< "Ingress shop/web"
    std::string regarding_uid;
    std::string name;
    int count = 1;  ///< of its series, if it is one
  };

  KubeApi(std::uint16_t port, const Files& files);
  ~KubeApi();
  KubeApi(const KubeApi&) = delete;
  KubeApi& operator=(const KubeApi&) = delete;

  /// One request, whatever its answer.
  Answer request(const std::string& method, const std::string& target, const std::string& body = "",
                 const std::string& content_type = "application/json");

  /// Creates or changes every object of a YAML stream, as `kubectl apply --server-side` does. Those
  /// without a namespace of their own go to `ns`.
  void apply(const std::string& yaml, const std::string& ns = "default");
  /// `kind` as in a manifest. False if there was no such object.
  bool remove(const std::string& kind, const std::string& name, const std::string& ns = "default");
  /// Applies the status of one object alone, as another field manager.
  Answer apply_status(const std::string& yaml, const std::string& ns,
                      const std::string& manager = "test");
  /// The addresses and names in status.loadBalancer.ingress, joined by spaces.
  std::string addresses(const std::string& kind, const std::string& name, const std::string& ns);
  std::string resource_version(const std::string& kind, const std::string& name,
                               const std::string& ns);
  /// spec.holderIdentity; "" if there is no such Lease.
  std::string holder(const std::string& lease, const std::string& ns);
  /// All objects of these kinds in a namespace.
  void remove_all(const std::vector<std::string>& kinds, const std::string& ns);
  bool exists(const std::string& kind, const std::string& name, const std::string& ns = "default");
  std::string uid(const std::string& kind, const std::string& name,
                  const std::string& ns = "default");

  /// Events of events.k8s.io/v1 in a namespace.
  std::vector<Event> events(const std::string& ns);
  /// A token for a service account, good for an hour.
  std::string token(const std::string& ns, const std::string& service_account);

 private:
  class Connection;

  std::unique_ptr<Connection> connection_;
};

/// Where the objects of a kind are: "/api/v1/namespaces/NS/secrets".
std::string collection_path(const std::string& kind, const std::string& ns);

}  // namespace weir::test
