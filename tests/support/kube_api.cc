#include "support/kube_api.h"

#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "kube/yaml.h"

namespace weir::test {

namespace {

using Json = nlohmann::json;

struct Place {
  std::string group;  ///< "/api/v1"
  std::string plural;
  bool is_namespaced = true;
};

const Place& place_of(const std::string& kind) {
  static const std::map<std::string, Place> places = {
      {"Namespace", {"/api/v1", "namespaces", false}},
      {"ServiceAccount", {"/api/v1", "serviceaccounts"}},
      {"Service", {"/api/v1", "services"}},
      {"Secret", {"/api/v1", "secrets"}},
      {"ConfigMap", {"/api/v1", "configmaps"}},
      {"EndpointSlice", {"/apis/discovery.k8s.io/v1", "endpointslices"}},
      {"TunnelPolicy", {"/apis/weir.dev/v1alpha1", "tunnelpolicies"}},
      {"BackendPolicy", {"/apis/weir.dev/v1alpha1", "backendpolicies"}},
      {"WeirConfig", {"/apis/weir.dev/v1alpha1", "weirconfigs"}},
      {"CustomResourceDefinition",
       {"/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", false}},
      {"Ingress", {"/apis/networking.k8s.io/v1", "ingresses"}},
      {"IngressClass", {"/apis/networking.k8s.io/v1", "ingressclasses", false}},
      {"ClusterRole", {"/apis/rbac.authorization.k8s.io/v1", "clusterroles", false}},
      {"ClusterRoleBinding", {"/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", false}},
      {"Role", {"/apis/rbac.authorization.k8s.io/v1", "roles"}},
      {"RoleBinding", {"/apis/rbac.authorization.k8s.io/v1", "rolebindings"}},
      {"Lease", {"/apis/coordination.k8s.io/v1", "leases"}},
      {"Pod", {"/api/v1", "pods"}},
      {"Node", {"/api/v1", "nodes", false}},
      {"Event", {"/apis/events.k8s.io/v1", "events"}},
  };
  const auto found = places.find(kind);
  if (found == places.end()) throw std::runtime_error("no tests with objects of kind " + kind);
  return found->second;
}

Json parse(const KubeApi::Answer& answer, const std::string& what) {
  if (answer.status < 200 || answer.status > 299) {
    throw std::runtime_error(what + ": HTTP " + std::to_string(answer.status) + ' ' + answer.body);
  }
  return Json::parse(answer.body);
}

}  // namespace

class KubeApi::Connection {
 public:
  Connection(std::uint16_t port, const Files& files)
      : http_("127.0.0.1", port, files.certificate, files.key) {
    http_.set_ca_cert_path(files.ca);
    http_.enable_server_certificate_verification(true);
    http_.set_keep_alive(true);
    http_.set_tcp_nodelay(true);
    http_.set_connection_timeout(std::chrono::seconds(10));
    http_.set_read_timeout(std::chrono::seconds(60));
    http_.set_write_timeout(std::chrono::seconds(60));
  }

  Answer send(const httplib::Request& request) {
    const std::lock_guard lock(mutex_);
    // The server closes what was idle for 90 s, which httplib sees only when its request fails.
    const auto now = std::chrono::steady_clock::now();
    if (now - last_use_ > std::chrono::seconds(30)) http_.stop();
    const auto result = http_.send(request);
    last_use_ = std::chrono::steady_clock::now();
    if (!result) return {0, httplib::to_string(result.error())};
    return {result->status, result->body};
  }

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_use_;
  httplib::SSLClient http_;
};

KubeApi::KubeApi(std::uint16_t port, const Files& files)
    : connection_(std::make_unique<Connection>(port, files)) {}

KubeApi::~KubeApi() = default;

KubeApi::Answer KubeApi::request(const std::string& method, const std::string& target,
                                 const std::string& body, const std::string& content_type) {
  httplib::Request request;
  request.method = method;
  request.path = target;
  request.headers = {{"Accept", "application/json"}};
  if (!body.empty()) {
    request.headers.emplace("Content-Type", content_type);
    request.body = body;
  }
  return connection_->send(request);
}

void KubeApi::apply(const std::string& yaml, const std::string& ns) {
  const auto documents = kube::read_yaml(yaml);
  if (!documents) throw std::runtime_error("a test's YAML: " + documents.error().detail);
  for (const auto& document : *documents) {
    const auto object = Json::parse(document.json);
    const auto& metadata = object.at("metadata");
    const std::string kind = object.at("kind");
    const std::string name = metadata.at("name");
    const auto target = collection_path(kind, metadata.value("namespace", ns)) + '/' + name;
    parse(request("PATCH", target + "?fieldManager=test&force=true", document.json,
                  "application/apply-patch+yaml"),
          "apply " + kind + ' ' + name);
  }
}

bool KubeApi::remove(const std::string& kind, const std::string& name, const std::string& ns) {
  const auto answer = request("DELETE", collection_path(kind, ns) + '/' + name);
  if (answer.status == 404) return false;
  parse(answer, "delete " + kind + ' ' + name);
  return true;
}

void KubeApi::remove_all(const std::vector<std::string>& kinds, const std::string& ns) {
  for (const auto& kind : kinds) {
    parse(request("DELETE", collection_path(kind, ns)), "delete all of " + kind);
  }
}

bool KubeApi::exists(const std::string& kind, const std::string& name, const std::string& ns) {
  return request("GET", collection_path(kind, ns) + '/' + name).status == 200;
}

std::string KubeApi::uid(const std::string& kind, const std::string& name, const std::string& ns) {
  const auto answer = request("GET", collection_path(kind, ns) + '/' + name);
  return parse(answer, "get " + kind + ' ' + name).at("metadata").at("uid");
}

KubeApi::Answer KubeApi::apply_status(const std::string& yaml, const std::string& ns,
                                      const std::string& manager) {
  const auto documents = kube::read_yaml(yaml);
  if (!documents) throw std::runtime_error("a test's YAML: " + documents.error().detail);
  const auto object = Json::parse(documents->at(0).json);
  const std::string name = object.at("metadata").at("name");
  return request("PATCH",
                 collection_path(object.at("kind"), ns) + '/' + name +
                     "/status?force=true&fieldManager=" + manager,
                 documents->at(0).json, "application/apply-patch+yaml");
}

std::string KubeApi::addresses(const std::string& kind, const std::string& name,
                               const std::string& ns) {
  const auto object =
      parse(request("GET", collection_path(kind, ns) + '/' + name), "get " + kind + ' ' + name);
  std::string joined;
  const auto ingress = Json::json_pointer("/status/loadBalancer/ingress");
  if (!object.contains(ingress)) return joined;
  for (const auto& address : object.at(ingress)) {
    joined += (joined.empty() ? "" : " ") + address.value("ip", "") + address.value("hostname", "");
  }
  return joined;
}

std::string KubeApi::resource_version(const std::string& kind, const std::string& name,
                                      const std::string& ns) {
  const auto answer = request("GET", collection_path(kind, ns) + '/' + name);
  return parse(answer, "get " + kind + ' ' + name).at("metadata").at("resourceVersion");
}

std::string KubeApi::holder(const std::string& lease, const std::string& ns) {
  const auto answer = request("GET", collection_path("Lease", ns) + '/' + lease);
  if (answer.status == 404) return "";
  return parse(answer, "get Lease " + lease).at("spec").value("holderIdentity", "");
}

std::vector<KubeApi::Event> KubeApi::events(const std::string& ns) {
  const auto list = parse(request("GET", collection_path("Event", ns)), "list events");
  std::vector<Event> events;
  for (const auto& item : list.at("items")) {
    const auto& regarding = item.at("regarding");
    events.push_back({item.value("type", ""), item.value("reason", ""), item.value("note", ""),
                      regarding.value("kind", "") + ' ' + regarding.value("namespace", "") + '/' +
                          regarding.value("name", ""),
                      regarding.value("uid", ""), item.at("metadata").at("name"),
                      item.contains("series") ? item.at("series").at("count").get<int>() : 1});
  }
  return events;
}

std::string KubeApi::token(const std::string& ns, const std::string& service_account) {
  const auto answer =
      request("POST", collection_path("ServiceAccount", ns) + '/' + service_account + "/token",
              R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest",)"
              R"("spec":{"expirationSeconds":3600}})");
  return parse(answer, "token of " + service_account).at("status").at("token");
}

std::string collection_path(const std::string& kind, const std::string& ns) {
  const auto& place = place_of(kind);
  auto path = place.group;
  if (place.is_namespaced) path += "/namespaces/" + ns;
  return path + '/' + place.plural;
}

}  // namespace weir::test
