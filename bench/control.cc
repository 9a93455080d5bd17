// A large cluster: what weir-controller takes, and how quick it is, beside so many Ingresses,
// Services, endpoints and certificates on a real API server; and 100 000 routes out of a folder.
// Prints one line of JSON; `bench/run --suite control` reads it.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "support/kube_cluster.h"
#include "support/temp_folder.h"
#include "support/weir.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::chrono::seconds kPatience{120};
constexpr int kCertificateOf = 5;  // every fifth Ingress has one
constexpr int kWarmUp = 20;        // changes that are made before those that count
constexpr std::chrono::milliseconds kBetweenEndpointChanges{100};
constexpr auto kManyRequests = "1000000000";

struct Options {
  int ingresses = 10'000;
  int routes = 100'000;
  int changes = 200;
  int seconds = 20;  // of endpoint changes
};

void say(const std::string& line) {
  std::cerr << line << std::endl;
}

double milliseconds_since(Clock::time_point begin) {
  return Milliseconds(Clock::now() - begin).count();
}

/// Memory that only this process has, in bytes.
double private_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  double kib = 0;
  for (std::string name; file >> name;) {
    double value = 0;
    if (name == "Pss_Anon:" || name == "Pss_Shmem:") {
      file >> value;
      kib += value;
    }
  }
  if (kib == 0) throw std::runtime_error("memory figures need root: weir hides its own");
  return kib * 1024;
}

/// What the process's threads have run so far, in seconds of CPU.
double cpu_seconds(pid_t pid) {
  double nanoseconds = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    double ran = 0;
    std::ifstream(task.path() / "schedstat") >> ran;
    nanoseconds += ran;
  }
  return nanoseconds / 1e9;
}

/// Passes connections on to the API server, and knows when how many bytes had come from it: a watch
/// sends little, a list much.
class ListClock {
 public:
  explicit ListClock(std::uint16_t target) : target_(target) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto name = loopback(0);
    socklen_t size = sizeof name;
    auto* address = reinterpret_cast<sockaddr*>(&name);
    if (::bind(listener_, address, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, address, &size) != 0) {
      throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port_ = ntohs(name.sin_port);
    std::thread([this] { accept_all(); }).detach();  // for as long as the program runs
  }

  std::uint16_t port() const { return port_; }

  void reset() {
    const std::lock_guard lock(mutex_);
    arrivals_.clear();
    total_ = 0;
  }

  /// When all had come but one in ten thousand bytes.
  Clock::time_point lists_have_arrived() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [time, total] : arrivals_) {
      if (total >= total_ - total_ / 10'000) return time;
    }
    throw std::runtime_error("nothing came from the API server");
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
  }

  void accept_all() {
    for (int client = 0; (client = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      std::thread([this, client] { pass_on(client); }).detach();
    }
  }

  void pass_on(int client) {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto name = loopback(target_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) {
      pump(client, server);
    }
    ::close(server);
    ::close(client);
  }

  void pump(int client, int server) {
    std::array<pollfd, 2> ready{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    std::vector<char> bytes(256 * 1024);
    while (::poll(ready.data(), ready.size(), -1) >= 0) {
      for (std::size_t i = 0; i < ready.size(); ++i) {
        if (ready[i].revents == 0) continue;
        const auto got = ::recv(ready[i].fd, bytes.data(), bytes.size(), 0);
        if (got <= 0) return;
        if (i == 1) note(got);
        const auto size = static_cast<std::size_t>(got);
        if (::send(ready[1 - i].fd, bytes.data(), size, MSG_NOSIGNAL | MSG_WAITALL) != got) return;
      }
    }
  }

  void note(ssize_t size) {
    const std::lock_guard lock(mutex_);
    total_ += size;
    arrivals_.emplace_back(Clock::now(), total_);
  }

  const std::uint16_t target_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::pair<Clock::time_point, std::int64_t>> arrivals_;
  std::int64_t total_ = 0;
};

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

std::string host_of(int i, const std::string& suffix = "") {
  return "app-" + std::to_string(i) + suffix + ".example";
}

std::string name_of(int i) {
  return "app-" + std::to_string(i);
}

bool has_certificate(int i) {
  return i % kCertificateOf == kCertificateOf - 1;
}

Json metadata(int i) {
  return {{"name", name_of(i)}};
}

std::string service(int i) {
  const Json port = {{"name", "http"}, {"port", 80}, {"targetPort", 8080}};
  return Json{{"apiVersion", "v1"},
              {"kind", "Service"},
              {"metadata", metadata(i)},
              {"spec", {{"clusterIP", "None"}, {"ports", Json::array({port})}}}}
      .dump();
}

/// Whose hosts are asked: their first endpoint is the only one that is ever ready.
bool is_asked(int i) {
  return i % 10 == 0;
}

/// One endpoint that answers, and one that does not exist, `ready` or not.
std::string slice(int i, const std::string& address, std::uint16_t port, bool ready) {
  const auto nobody = "10.200." + std::to_string(i / 250 % 250) + '.' + std::to_string(1 + i % 250);
  const auto endpoint = [](const std::string& at, bool is_ready) {
    return Json{{"addresses", Json::array({at})}, {"conditions", {{"ready", is_ready}}}};
  };
  return Json{{"apiVersion", "discovery.k8s.io/v1"},
              {"kind", "EndpointSlice"},
              {"metadata",
               {{"name", name_of(i)}, {"labels", {{"kubernetes.io/service-name", name_of(i)}}}}},
              {"addressType", "IPv4"},
              {"ports", Json::array({Json{{"name", "http"}, {"port", port}}})},
              {"endpoints", Json::array({endpoint(address, true), endpoint(nobody, ready)})}}
      .dump();
}

std::string secret(int i) {
  const auto pair = test::make_key_pair(host_of(i));
  return Json{
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"type", "kubernetes.io/tls"},
      {"metadata", metadata(i)},
      {"data", {{"tls.crt", test::base64(pair.certificate)}, {"tls.key", test::base64(pair.key)}}}}
      .dump();
}

/// `service`: the number of the one that it leads to.
std::string ingress(int i, const std::string& host, int service) {
  const Json backend = {{"service", {{"name", name_of(service)}, {"port", {{"name", "http"}}}}}};
  const Json path = {{"path", "/"}, {"pathType", "Prefix"}, {"backend", backend}};
  const Json rule = {{"host", host}, {"http", {{"paths", Json::array({path})}}}};
  Json spec = {{"ingressClassName", "weir"}, {"rules", Json::array({rule})}};
  if (has_certificate(i)) {
    const Json tls = {{"hosts", Json::array({host})}, {"secretName", name_of(i)}};
    spec["tls"] = Json::array({tls});
  }
  return Json{{"apiVersion", "networking.k8s.io/v1"},
              {"kind", "Ingress"},
              {"metadata", metadata(i)},
              {"spec", spec}}
      .dump();
}

class Cluster {
 public:
  explicit Cluster(const Options& options)
      : options_(options),
        app_(test::always("app"), test::machine_address()),
        ns_(cluster_.new_namespace()),
        clock_(cluster_.api_port()) {
    cluster_.api().apply(
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: weir}\n"
        "spec: {controller: weir.dev/ingress}\n");
    for (int i = 0; i < options_.ingresses; ++i) {
      create("Service", service(i));
      create("EndpointSlice", slice(i, test::machine_address(), app_.port(), !is_asked(i)));
      if (has_certificate(i)) create("Secret", secret(i));
      create("Ingress", ingress(i, host_of(i), i));
      if ((i + 1) % 1'000 == 0) say(std::to_string(i + 1) + " Ingresses are made");
    }
  }

  std::string kubernetes_version() {
    return Json::parse(cluster_.api().request("GET", "/version").body).at("gitVersion");
  }

  /// The first start writes every status; how many writes that took.
  double first_start() {
    start();
    const auto deadline = Clock::now() + 10 * kPatience;
    while (written() < options_.ingresses) {
      if (Clock::now() > deadline) throw std::runtime_error("the status is not written");
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    wait_for_quiet();
    const auto writes = written();
    end();
    return writes;
  }

  /// Another start; milliseconds from when the lists had arrived until the proxy is ready.
  double second_start() {
    clock_.reset();
    start();
    const auto ready = Clock::now();
    wait_for_quiet();
    return std::max(Milliseconds(ready - clock_.lists_have_arrived()).count(), 0.0);
  }

  double written() const { return controller_->metric("weir_status_writes_total"); }
  double controller_bytes() const { return private_bytes(controller_->process().pid()); }

  /// The share of a core that the controller takes while endpoints come and go.
  double load_of_endpoint_changes() {
    const auto pid = controller_->process().pid();
    const auto before = cpu_seconds(pid);
    const auto begin = Clock::now();
    const int count = options_.seconds * 1000 / static_cast<int>(kBetweenEndpointChanges.count());
    for (int i = 0; i < count; ++i) {
      const int which = (i * 10 + 1) % options_.ingresses;  // none of those that are asked
      expect(cluster_.api().request("PUT", collection("EndpointSlice") + '/' + name_of(which),
                                    slice(which, test::machine_address(), app_.port(), false)),
             200);
      std::this_thread::sleep_until(begin + (i + 1) * kBetweenEndpointChanges);
    }
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return (cpu_seconds(pid) - before) / seconds;
  }

  /// From a write's answer to the first request that is served so, in milliseconds each.
  Json changes() {
    connection_ = test::Socket::connect(proxy_->ports().http);
    Json times = Json::array();
    for (int i = 0; i < kWarmUp + options_.changes; ++i) {
      const int which = i * 10 % options_.ingresses;
      const auto host = host_of(which, "-changed-" + std::to_string(i));
      const auto body = ingress(which, host, which);
      const auto answer =
          cluster_.api().request("PUT", collection("Ingress") + '/' + name_of(which), body);
      const auto begin = Clock::now();
      expect(answer, 200);
      poll_until_served(connection_, host);
      if (i >= kWarmUp) times.push_back(milliseconds_since(begin));
    }
    return times;
  }

 private:
  void create(const std::string& kind, const std::string& body) {
    expect(cluster_.api().request("POST", collection(kind), body), 201);
  }
  std::string collection(const std::string& kind) const { return test::collection_path(kind, ns_); }
  static void expect(const test::KubeApi::Answer& answer, int status) {
    if (answer.status != status) throw std::runtime_error("the API server says " + answer.body);
  }

  void start() {
    const auto socket = runtime_.path("weir.sock");
    controller_ = std::make_unique<test::ControllerProcess>(
        "kube", socket,
        std::vector<std::string>{"--kubeconfig", cluster_.controller_kubeconfig(clock_.port()),
                                 "--publish-status-address", "192.0.2.1",
                                 "--disable-leader-election"});
    proxy_ = std::make_unique<test::ProxyProcess>(
        socket, std::vector<std::string>{"--requests-per-connection", kManyRequests});
    if (!proxy_->wait_ready()) throw std::runtime_error("the proxy did not become ready");
  }

  void end() {
    proxy_.reset();
    controller_.reset();
  }

  /// Until the controller takes no CPU for two seconds.
  void wait_for_quiet() const {
    const auto pid = controller_->process().pid();
    const auto deadline = Clock::now() + kPatience;
    for (double before = -1; Clock::now() < deadline;) {
      const auto now = cpu_seconds(pid);
      if (now - before < 0.01) return;
      before = now;
      std::this_thread::sleep_for(std::chrono::seconds(2));
    }
  }

  const Options& options_;
  test::KubeCluster cluster_;
  test::Backend app_;
  const std::string ns_;
  ListClock clock_;
  test::TempFolder runtime_;
  std::unique_ptr<test::ControllerProcess> controller_;
  std::unique_ptr<test::ProxyProcess> proxy_;
  test::Socket connection_;
};

struct FolderFigures {
  double ready_ms = 0;
  double proxy_bytes = 0;
};

/// weir on a folder of so many Ingresses, one host and route each; a thousand to a file.
FolderFigures serve_folder(int routes) {
  constexpr int kServices = 1'000;
  constexpr int kOfFile = 1'000;
  const test::Backend app(test::always("app"));
  const test::TempFolder folder;
  std::ofstream services(folder.path("services.yaml"));  // a stream of them
  for (int i = 0; i < std::min(kServices, std::max(routes, 1)); ++i) {
    services << service(i) << "\n---\n" << slice(i, "127.0.0.1", app.port(), false) << "\n---\n";
  }
  services << R"({"apiVersion":"networking.k8s.io/v1","kind":"IngressClass",)"
           << R"("metadata":{"name":"weir"},"spec":{"controller":"weir.dev/ingress"}})";
  services.close();
  for (int first = 0; first < routes; first += kOfFile) {
    Json items = Json::array();
    for (int i = first; i < std::min(first + kOfFile, routes); ++i) {
      auto one = Json::parse(ingress(i, host_of(i), i % kServices));
      one["spec"].erase("tls");
      items.push_back(std::move(one));
    }
    std::ofstream(folder.path("ingresses-" + std::to_string(first) + ".json"))
        << Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}}.dump();
  }
  const test::TempFolder runtime;
  const auto socket = runtime.path("weir.sock");
  const auto begin = Clock::now();
  const test::ControllerProcess controller("dir:" + folder.path(), socket);
  test::ProxyProcess proxy(socket);
  if (!proxy.wait_ready()) throw std::runtime_error("the proxy did not become ready");
  FolderFigures figures{milliseconds_since(begin), 0};
  if (routes > 0 && proxy.get(host_of(routes - 1)).status != 200) {
    throw std::runtime_error("the last route is not served");
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));  // the update's own memory is given back
  figures.proxy_bytes = private_bytes(proxy.process().pid());
  return figures;
}

void run(const Options& options) {
  const auto empty = serve_folder(0);
  const auto full = serve_folder(options.routes);
  say("the folder is served");
  Cluster cluster(options);
  Json result = {
      {"ingresses", options.ingresses},   {"routes", options.routes},
      {"changes", options.changes},       {"kubernetes", cluster.kubernetes_version()},
      {"folder_ready_ms", full.ready_ms}, {"table_bytes", full.proxy_bytes - empty.proxy_bytes}};
  result["status_writes"] = cluster.first_start();
  result["ready_ms"] = cluster.second_start();
  result["controller_bytes"] = cluster.controller_bytes();
  result["endpoint_changes_cpu"] = cluster.load_of_endpoint_changes();
  result["change_ms"] = cluster.changes();
  result["status_writes_again"] = std::max(cluster.written(), 0.0);
  std::puts(result.dump().c_str());
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  CLI::App app{"What a large cluster takes of weir-controller"};
  weir::bench::Options options;
  app.add_option("--ingresses", options.ingresses, "As many Services, twice as many endpoints");
  app.add_option("--routes", options.routes, "In the folder");
  app.add_option("--changes", options.changes, "Of Ingresses");
  app.add_option("--seconds", options.seconds, "Of changes of endpoints");
  try {
    app.parse(argc, argv);
    weir::bench::run(options);
  } catch (const CLI::Error& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::puts(nlohmann::json{{"error", error.what()}}.dump().c_str());
    return 1;
  }
  return 0;
}
