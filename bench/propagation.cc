// How long a change takes: from the API server's answer to a write, until the first request that is
// served as the write says. On a real API server, beside many other Ingresses.

#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/kube_cluster.h"
#include "support/temp_folder.h"
#include "support/weir.h"
#include "util/version.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kIngresses = 1'000;
constexpr int kChanges = 200;
constexpr int kWarmUp = 20;  // changes that are made before those that count
constexpr std::chrono::seconds kPatience{30};
constexpr double kBarP50 = 2.0;  // ms
constexpr double kBarP99 = 5.0;

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
    proxy_ = std::make_unique<test::ProxyProcess>(socket);
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

/// Of sorted values: the smallest that at least this share is not above.
double quantile(const std::vector<double>& sorted, double share) {
  const auto rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

Json machine() {
  utsname system{};
  ::uname(&system);
  return {{"cores", std::thread::hardware_concurrency()},
          {"cpu", cpu_model()},
          {"kernel", system.release}};
}

int run(const std::string& file) {
  std::vector<double> times;
  std::string kubernetes;
  {
    Propagation propagation;
    kubernetes = propagation.kubernetes_version();
    for (int i = 0; i < kWarmUp + kChanges; ++i) {
      const auto time = propagation.change(i);
      if (i >= kWarmUp) times.push_back(time);
    }
  }
  std::sort(times.begin(), times.end());

  Json rows = Json::array();
  std::printf("%-22s %10s %8s %6s\n", "change live after", "weir", "bar", "holds");
  const auto row = [&](const char* name, double value, double bar) {
    const bool holds = bar == 0 || value <= bar;
    Json entry = {{"metric", std::string("propagation_") + name}, {"unit", "ms"}, {"weir", value}};
    entry["bar"] = bar == 0 ? Json() : Json(bar);
    entry["holds"] = bar == 0 ? Json() : Json(holds);
    rows.push_back(std::move(entry));
    const auto bar_text =
        bar == 0 ? std::string("-") : std::to_string(static_cast<int>(bar)) + " ms";
    std::printf("%-22s %7.2f ms %8s %6s\n", name, value, bar_text.c_str(),
                bar == 0 ? "-" : (holds ? "yes" : "NO"));
  };
  row("p50", quantile(times, 0.50), kBarP50);
  row("p90", quantile(times, 0.90), 0);
  row("p99", quantile(times, 0.99), kBarP99);
  row("max", times.back(), 0);

  const Json result = {
      {"benchmark", "propagation"},
      {"ingresses", kIngresses},
      {"changes", kChanges},
      {"rows", std::move(rows)},
      {"machine", machine()},
      {"versions",
       {{"weir", util::kVersion}, {"kubernetes", kubernetes}, {"compiler", __VERSION__}}}};
  std::ofstream out(file);
  out << result.dump(2) << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s RESULT.json\n", argv[0]);
    return 2;
  }
  try {
    return weir::bench::run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
