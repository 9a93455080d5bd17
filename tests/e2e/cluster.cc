#include "e2e/cluster.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace weir::test {

namespace {

std::unique_ptr<KubeCluster> the_cluster;

/// Without it no test runs, and the program fails with this one reason.
class ClusterEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    try {
      the_cluster = std::make_unique<KubeCluster>();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      std::exit(1);
    }
  }
  void TearDown() override { the_cluster.reset(); }
};

const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new ClusterEnvironment);

}  // namespace

Cluster::Cluster()
    : address_(machine_address()), ns_(cluster().new_namespace()), class_("class-" + ns_) {}

void Cluster::SetUp() {
  apply_class();
}

void Cluster::TearDown() {
  remove("IngressClass", class_);
  api().remove_all({"Ingress", "Service", "EndpointSlice", "Secret"}, ns_);
  if (controller_ == nullptr) return;
  const auto log = controller_->process().output();
  if (!server_was_away_) {
    EXPECT_EQ(log.find("HTTP 403"), log.npos) << "the shipped role is not enough\n" << log;
  }
  EXPECT_EQ(log.find("PRIVATE KEY"), log.npos) << log;
}

KubeCluster& Cluster::cluster() {
  return *the_cluster;
}

void Cluster::start(std::vector<std::string> controller_flags) {
  start_at(cluster().api_port(), std::move(controller_flags));
}

void Cluster::start_at(std::uint16_t port, std::vector<std::string> controller_flags) {
  const auto socket = runtime_.path("weir.sock");
  controller_flags.insert(controller_flags.end(),
                          {"--kubeconfig", cluster().controller_kubeconfig(port)});
  controller_ = std::make_unique<ControllerProcess>("kube", socket, std::move(controller_flags));
  proxy_ = std::make_unique<ProxyProcess>(socket);
  ASSERT_TRUE(proxy_->wait_ready()) << logs();
}

void Cluster::apply_class() {
  apply("apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: " + class_ +
        "}\nspec: {controller: weir.dev/ingress}\n");
}

std::string Cluster::service(const std::string& name,
                             const std::vector<std::uint16_t>& ports) const {
  return manifest::service(name, ports, address_);
}

std::string Cluster::ingress(const std::string& name, const std::string& host,
                             const std::string& service, const std::string& secret) const {
  return manifest::ingress(name, host, service, secret, class_);
}

testing::AssertionResult Cluster::answers(const std::string& host, const std::string& body,
                                          const std::string& path) {
  Response last;
  if (eventually([&] {
        last = proxy_->get(host, path);
        return last.status == 200 && last.body == body;
      }) &&
      settled(*controller_, *proxy_)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << host << path << ": " << last.status << ' ' << last.body << '\n'
         << logs();
}

testing::AssertionResult Cluster::answers(const std::string& host, int status,
                                          const std::string& path) {
  Response last;
  if (eventually([&] {
        last = proxy_->get(host, path);
        return last.status == status;
      }) &&
      settled(*controller_, *proxy_)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << host << path << ": " << last.status << ' ' << last.body << '\n'
         << logs();
}

testing::AssertionResult Cluster::shows(const std::string& host, const std::string& subject) {
  std::string last;
  if (eventually([&] {
        const auto socket = Socket::connect_tls(proxy_->ports().https, host);
        last = socket.is_open() ? socket.peer_subject() : "no connection";
        return last == subject;
      }) &&
      settled(*controller_, *proxy_)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << host << ": " << last << '\n' << logs();
}

std::string Cluster::logs() {
  return "controller:\n" + controller_->process().output() + "proxy:\n" +
         proxy_->process().output();
}

}  // namespace weir::test
