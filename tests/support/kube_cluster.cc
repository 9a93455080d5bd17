#include "support/kube_cluster.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "support/socket.h"
#include "support/weir.h"

namespace weir::test {

namespace {

constexpr const char* kInUse = "address already in use";

std::string find_programs() {
  const char* folder = std::getenv("KUBEBUILDER_ASSETS");
  std::string programs = folder == nullptr ? "" : folder;
  if (::access((programs + "/etcd").c_str(), X_OK) != 0 ||
      ::access((programs + "/kube-apiserver").c_str(), X_OK) != 0) {
    throw std::runtime_error(
        "no etcd and kube-apiserver: run `make test`, or "
        "`export KUBEBUILDER_ASSETS=$(tools/kube-assets)` first");
  }
  return programs;
}

/// A port that is free now and is not among those that the kernel gives to outgoing connections, so
/// that a server that was stopped finds it free again.
std::uint16_t free_port() {
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> ports(15'000, 32'000);
  for (;;) {
    const auto port = static_cast<std::uint16_t>(ports(random));
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_free = ::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0;
    ::close(fd);
    if (is_free) return port;
  }
}

std::string url(std::uint16_t port) {
  return "http://127.0.0.1:" + std::to_string(port);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

[[noreturn]] void give_up(const std::string& what, const Process& process) {
  const auto output = process.output();
  constexpr std::size_t kTail = 4000;
  throw std::runtime_error(what + ":\n" +
                           output.substr(output.size() > kTail ? output.size() - kTail : 0));
}

}  // namespace

KubeCluster::KubeCluster() : programs_(find_programs()) {
  write_keys();
  start_etcd();
  for (int tries = 0; tries < 10 && server_ == nullptr; ++tries) {
    api_port_ = free_port();
    if (!try_start_server()) server_.reset();
  }
  if (server_ == nullptr) throw std::runtime_error("kube-apiserver found no free port");
  if (!eventually([this] { return api_->exists("Namespace", "default"); })) {
    give_up("kube-apiserver made no namespace default", *server_);
  }
  apply_rbac();
}

KubeCluster::~KubeCluster() = default;

std::string KubeCluster::new_namespace() {
  auto name = "test-" + std::to_string(++namespaces_);
  api_->apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n");
  return name;
}

std::string KubeCluster::controller_kubeconfig(std::uint16_t port) {
  const auto name = "weir-" + std::to_string(port) + ".kubeconfig";
  write_private(name,
                "apiVersion: v1\nkind: Config\ncurrent-context: weir\n"
                "clusters:\n- name: test\n  cluster:\n    server: https://127.0.0.1:" +
                    std::to_string(port) +
                    "\n    certificate-authority-data: " + base64(ca_.certificate()) +
                    "\nusers:\n- name: weir\n  user:\n    token: " + api_->token("weir", "weir") +
                    "\ncontexts:\n- name: weir\n  context: {cluster: test, user: weir}\n");
  return file(name);
}

void KubeCluster::end_server(int number) {
  server_->signal(number);
  if (server_->wait() < 0) give_up("kube-apiserver did not end", *server_);
}

void KubeCluster::start_server() {
  if (server_->running()) return;
  for (int tries = 0; tries < 10; ++tries) {
    if (try_start_server()) return;
  }
  give_up("kube-apiserver did not get its port again", *server_);
}

void KubeCluster::compact() {
  const auto now = nlohmann::json::parse(etcd_request("/v3/kv/range", R"({"key":"AA=="})"));
  const std::string revision = now.at("header").at("revision");
  etcd_request("/v3/kv/compaction", R"({"revision":")" + revision + R"(","physical":true})");
}

void KubeCluster::write_keys() {
  const auto server = ca_.issue(
      "IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,"
      "DNS:kubernetes.default.svc");
  const auto admin = ca_.issue_client("admin", "system:masters");
  const auto tokens = make_signing_key();
  write_private("ca.crt", ca_.certificate());
  write_private("server.crt", server.certificate);
  write_private("server.key", server.key);
  write_private("admin.crt", admin.certificate);
  write_private("admin.key", admin.key);
  write_private("sa.pub", tokens.public_key);
  write_private("sa.key", tokens.private_key);
}

void KubeCluster::start_etcd() {
  for (int tries = 0; tries < 10; ++tries) {
    etcd_port_ = free_port();
    etcd_peer_port_ = free_port();
    if (try_start_etcd()) return;
  }
  throw std::runtime_error("etcd found no free port");
}

/// False if a port was taken.
bool KubeCluster::try_start_etcd() {
  const auto client = url(etcd_port_);
  const auto peer = url(etcd_peer_port_);
  etcd_ = std::make_unique<Process>(std::vector<std::string>{
      programs_ + "/etcd",
      "--data-dir=" + file("etcd"),
      "--listen-client-urls=" + client,
      "--advertise-client-urls=" + client,
      "--listen-peer-urls=" + peer,
      "--initial-advertise-peer-urls=" + peer,
      "--initial-cluster=default=" + peer,
      "--unsafe-no-fsync",
      "--log-level=warn",
  });
  const bool is_ready = eventually([&] {
    if (!etcd_->running()) return true;
    httplib::Client http("127.0.0.1", etcd_port_);
    const auto health = http.Get("/health");
    return health && health->status == 200;
  });
  if (is_ready && etcd_->running()) return true;
  if (!is_ready || etcd_->output().find(kInUse) == std::string::npos) {
    give_up("etcd did not start", *etcd_);
  }
  return false;
}

/// False if the port was taken.
bool KubeCluster::try_start_server() {
  server_ = std::make_unique<Process>(std::vector<std::string>{
      programs_ + "/kube-apiserver",
      "--etcd-servers=" + url(etcd_port_),
      "--bind-address=127.0.0.1",
      "--secure-port=" + std::to_string(api_port_),
      "--advertise-address=127.0.0.1",
      "--endpoint-reconciler-type=none",
      "--tls-cert-file=" + file("server.crt"),
      "--tls-private-key-file=" + file("server.key"),
      "--client-ca-file=" + file("ca.crt"),
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-account-key-file=" + file("sa.pub"),
      "--service-account-signing-key-file=" + file("sa.key"),
      "--service-cluster-ip-range=10.96.0.0/16",
      "--authorization-mode=Node,RBAC",
      "--allow-privileged=true",
      "--disable-admission-plugins=ServiceAccount",  // no controller makes the default accounts
      "--profiling=false",
      // Else an open watch over HTTP/1.1 keeps a server that was asked to end for another minute.
      "--shutdown-watch-termination-grace-period=5s",
  });
  // A new client: nothing of the former server's connections is met again.
  api_ = std::make_unique<KubeApi>(
      api_port_, KubeApi::Files{file("ca.crt"), file("admin.crt"), file("admin.key")});
  const bool is_ready = eventually(
      [this] { return !server_->running() || api_->request("GET", "/readyz").status == 200; });
  if (is_ready && server_->running()) return true;
  if (!is_ready || server_->output().find(kInUse) == std::string::npos) {
    give_up("kube-apiserver did not start", *server_);
  }
  return false;
}

void KubeCluster::apply_rbac() {
  api_->apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: weir}\n");
  api_->apply(read_file(WEIR_RBAC_FILE));
}

std::string KubeCluster::file(const std::string& name) const {
  return folder_.path(name);
}

void KubeCluster::write_private(const std::string& name, const std::string& content) const {
  const auto path = file(name);
  std::ofstream(path, std::ios::binary).close();
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::ofstream(path, std::ios::binary) << content;
}

std::string KubeCluster::etcd_request(const std::string& path, const std::string& json) const {
  httplib::Client http("127.0.0.1", etcd_port_);
  const auto answer = http.Post(path, json, "application/json");
  if (!answer || answer->status != 200) throw std::runtime_error("etcd refused " + path);
  return answer->body;
}

std::string machine_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) throw std::runtime_error("getifaddrs");
  std::string address;
  for (const auto* one = all; one != nullptr && address.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    if ((one->ifa_flags & IFF_UP) == 0 || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    const auto& ip = reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr;
    if (ntohl(ip.s_addr) >> 16 == 0xa9fe) continue;  // link-local, which API servers refuse as well
    char text[INET_ADDRSTRLEN] = {};
    address = ::inet_ntop(AF_INET, &ip, text, sizeof text);
  }
  ::freeifaddrs(all);
  if (address.empty()) {
    throw std::runtime_error(
        "this machine has no IPv4 address but loopback, which an EndpointSlice cannot have: "
        "`ip link add weir0 type dummy && ip addr add 198.18.0.1/32 dev weir0 && ip link set weir0 "
        "up` gives it one");
  }
  return address;
}

}  // namespace weir::test
