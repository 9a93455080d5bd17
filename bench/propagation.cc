// How long a change takes: from the API server's answer to a write, until the first request that is
// served as the write says. On a real API server, beside many other Ingresses. Prints one line of
// JSON; `bench/run` reads it.

#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/kube_cluster.h"
#include "support/temp_folder.h"
#include "support/weir.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kIngresses = 1'000;
constexpr int kChanges = 200;
constexpr int kWarmUp = 20;  // changes that are made before those that count
constexpr std::chrono::seconds kPatience{30};

std::string name_of(int i) {
  return "app-" + std::to_string(i);
}

std::string ingress(int i, const std::string& host) {
  const Json backend = {{"service", {{"name", "app"}, {"port", {{"number", 80}}}}}};
  const Json path = {{"path", "/"}, {"pathType", "Prefix"}, {"backend", backend}};
  const Json rule = {{"host", host}, {"http", {{"paths", Json::array({path})}}}};
  return Json{{"apiVersion", "networking.k8s.io/v1"},
              {"kind", "Ingress"},
              {"metadata", {{"name", name_of(i)}}},
              {"spec", {{"ingressClassName", "weir"}, {"rules", Json::array({rule})}}}}
      .dump();
}

/// Asks over one kept-alive connection until `host` is served; throws if it is not.
void poll_until_served(test::Socket& connection, const std::string& host) {
  const auto request = "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  const auto deadline = Clock::now() + kPatience;
  while (Clock::now() < deadline) {
    if (!connection.send(request)) throw std::runtime_error("the proxy closed the connection");
    if (test::receive_response(connection).status == 200) return;
  }
  throw std::runtime_error(host + " is not served");
}

class Propagation {
 public:
  Propagation()
      : app_(test::always("app"), test::machine_address()), ns_(cluster_.new_namespace()) {
    auto& api = cluster_.api();
    api.apply(
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: weir}\n"
        "spec: {controller: weir.dev/ingress}\n");
    api.apply(test::manifest::service("app", {app_.port()}, test::machine_address()), ns_);
    for (int i = 0; i < kIngresses; ++i) {
      expect(api.request("POST", collection(), ingress(i, name_of(i) + ".example")), 201);
    }
    const auto socket = runtime_.path("weir.sock");
    controller_ = std::make_unique<test::ControllerProcess>(
        "kube", socket,
        std::vector<std::string>{"--kubeconfig",
                                 cluster_.controller_kubeconfig(cluster_.api_port())});
    proxy_ = std::make_unique<test::ProxyProcess>(
        socket, std::vector<std::string>{"--requests-per-connection", "1000000000"});
    if (!proxy_->wait_ready()) throw std::runtime_error("the proxy did not become ready");
    connection_ = test::Socket::connect(proxy_->ports().http);
    poll_until_served(connection_, name_of(kIngresses - 1) + ".example");
  }

  std::string kubernetes_version() {
    return Json::parse(cluster_.api().request("GET", "/version").body).at("gitVersion");
  }

  /// From the write's answer to the first right one, in milliseconds.
  double change(int i) {
    const int which = i % kIngresses;
    const auto host = name_of(which) + "-changed-" + std::to_string(i) + ".example";
    const auto body = ingress(which, host);
    auto& api = cluster_.api();
    const auto answer = api.request("PUT", collection() + '/' + name_of(which), body);
    const auto written = Clock::now();
    expect(answer, 200);
    poll_until_served(connection_, host);
    return Milliseconds(Clock::now() - written).count();
  }

 private:
  std::string collection() const { return test::collection_path("Ingress", ns_); }
  static void expect(const test::KubeApi::Answer& answer, int status) {
    if (answer.status != status) throw std::runtime_error("the API server says " + answer.body);
  }

  test::KubeCluster cluster_;
  test::Backend app_;
  const std::string ns_;
  test::TempFolder runtime_;
  std::unique_ptr<test::ControllerProcess> controller_;
  std::unique_ptr<test::ProxyProcess> proxy_;
  test::Socket connection_;
};

void run() {
  Propagation propagation;
  Json times = Json::array();
  for (int i = 0; i < kWarmUp + kChanges; ++i) {
    const auto time = propagation.change(i);
    if (i >= kWarmUp) times.push_back(time);
  }
  const Json result = {{"ingresses", kIngresses},
                       {"changes", kChanges},
                       {"kubernetes", propagation.kubernetes_version()},
                       {"change_ms", std::move(times)}};
  std::puts(result.dump().c_str());
}

}  // namespace
}  // namespace weir::bench

int main() {
  try {
    weir::bench::run();
  } catch (const std::exception& error) {
    std::puts(nlohmann::json{{"error", error.what()}}.dump().c_str());
    return 1;
  }
  return 0;
}
