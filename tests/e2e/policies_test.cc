#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "e2e/cluster.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kPolicyKinds[] = {"TunnelPolicy", "BackendPolicy", "WeirConfig"};

std::string target(const std::string& service) {
  return "  targetRefs: [{group: \"\", kind: Service, name: " + service + "}]\n";
}

std::string policy(const std::string& kind, const std::string& name, const std::string& spec) {
  return "apiVersion: weir.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: " + name +
         "}\nspec:\n" + spec;
}

/// Weir's own kinds, with the definitions in crds/.
class ClusterPolicies : public Cluster {
 protected:
  ClusterPolicies() : app_([](Socket& socket) { websocket_echo(socket); }, address_) {}

  void TearDown() override {
    for (const auto* kind : kPolicyKinds) {
      if (is_there(kind)) api().remove_all({kind}, ns_);
    }
    Cluster::TearDown();
  }

  bool is_there(const std::string& kind) {
    return api().request("GET", collection_path(kind, ns_)).status == 200;
  }
  void define() {
    for (const auto& file : fs::directory_iterator(WEIR_CRDS)) {
      std::ifstream in(file.path());
      std::stringstream text;
      text << in.rdbuf();
      api().apply(text.str());
    }
    for (const auto* kind : kPolicyKinds) {
      ASSERT_TRUE(eventually([&] { return is_there(kind); })) << kind;
    }
  }
  void start_with_status() {
    start({"--publish-status-address", "192.0.2.1", "--disable-leader-election"});
  }
  void serve() {
    apply(service("app", {app_.port()}) + "---\n" + ingress("app", host("app"), "app"));
    ASSERT_TRUE(answers(host("app"), "hello"));
  }

  bool opens() {
    auto socket = Socket::connect(proxy_->ports().http);
    return open_websocket(socket, host("app"));
  }
  std::string status_of(const std::string& kind, const std::string& name) {
    return api().request("GET", collection_path(kind, ns_) + '/' + name).body;
  }
  /// Waits until the status of the object has this.
  testing::AssertionResult says(const std::string& kind, const std::string& name,
                                const std::string& part) {
    std::string last;
    if (eventually([&] {
          last = status_of(kind, name);
          return last.find(part) != std::string::npos;
        })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << last << '\n' << logs();
  }

  Backend app_;
};

TEST_F(ClusterPolicies, WorkWhenTheirDefinitionsComeLater) {
  for (const auto* plural : {"tunnelpolicies", "backendpolicies", "weirconfigs"}) {
    api().remove("CustomResourceDefinition", std::string(plural) + ".weir.dev");
  }
  for (const auto* kind : kPolicyKinds) {
    ASSERT_TRUE(eventually([&] { return !is_there(kind); })) << kind;
  }
  start();
  serve();
  ASSERT_TRUE(opens());
  define();
  apply(policy("TunnelPolicy", "closed", target("app") + "  websocket: false\n"));
  EXPECT_TRUE(eventually([&] { return !opens(); })) << logs();
  EXPECT_TRUE(remove("TunnelPolicy", "closed"));
  EXPECT_TRUE(eventually([&] { return opens(); })) << logs();
}

TEST_F(ClusterPolicies, ThatChangeEndNoTunnel) {
  define();
  start_with_status();
  serve();
  std::vector<Socket> tunnels;
  for (int i = 0; i < 5; ++i) {
    auto socket = Socket::connect(proxy_->ports().http);
    ASSERT_TRUE(open_websocket(socket, host("app")));
    tunnels.push_back(std::move(socket));
  }
  const auto all_echo = [&](const std::string& message) {
    for (auto& tunnel : tunnels) {
      if (!tunnel.send(message)) return false;
      if (tunnel.receive_exactly(message.size()) != message) return false;
    }
    return true;
  };

  apply(policy("TunnelPolicy", "tight",
               target("app") + "  limits: {tunnels: 1}\n  onRouteChange: Cut\n"));
  EXPECT_TRUE(eventually([&] { return !opens(); })) << logs();
  EXPECT_TRUE(says("TunnelPolicy", "tight", "\"reason\":\"Programmed\""));
  EXPECT_TRUE(all_echo("with a limit below what is open"));
  apply(policy("TunnelPolicy", "tight",
               target("app") + "  limits: {tunnels: 100}\n  timeouts: {handshake: 9s}\n"));
  EXPECT_TRUE(eventually([&] { return opens(); })) << logs();
  EXPECT_TRUE(says("TunnelPolicy", "tight", "\"observedGeneration\":2"));
  EXPECT_TRUE(all_echo("with another policy"));
  EXPECT_TRUE(remove("TunnelPolicy", "tight"));
  apply(policy("BackendPolicy", "slow", target("app") + "  timeouts: {connect: 9s}\n"));
  EXPECT_TRUE(says("BackendPolicy", "slow", "\"reason\":\"Programmed\""));
  EXPECT_TRUE(all_echo("with none"));
  EXPECT_GE(proxy_->metric("weir_tunnels_active"), 5);
}

TEST_F(ClusterPolicies, StatusSaysWhatIsMadeOfThem) {
  define();
  start_with_status();
  apply(policy("TunnelPolicy", "early", target("app") + "  limits: {tunnels: 10}\n"));
  EXPECT_TRUE(says("TunnelPolicy", "early", "\"reason\":\"TargetNotFound\""));
  serve();
  EXPECT_TRUE(says("TunnelPolicy", "early", "\"reason\":\"Programmed\""));
  const auto version = api().resource_version("TunnelPolicy", "early", ns_);

  apply(policy("TunnelPolicy", "late", target("app") + "  websocket: false\n"));
  EXPECT_TRUE(says("TunnelPolicy", "late", "\"reason\":\"Conflicted\""));
  EXPECT_TRUE(
      says("TunnelPolicy", "late", "TunnelPolicy " + ns_ + "/early is for the same target"));
  EXPECT_TRUE(opens());
  EXPECT_TRUE(eventually([&] {
    const auto events = api().events(ns_);
    return std::ranges::any_of(events, [&](const auto& event) {
      return event.reason == "PolicyConflict" && event.regarding == "TunnelPolicy " + ns_ + "/late";
    });
  })) << logs();
  EXPECT_EQ(api().resource_version("TunnelPolicy", "early", ns_), version) << "nothing new to say";

  EXPECT_TRUE(remove("TunnelPolicy", "early"));
  EXPECT_TRUE(says("TunnelPolicy", "late", "\"reason\":\"Programmed\""));
  EXPECT_TRUE(eventually([&] { return !opens(); })) << logs();
}

TEST_F(ClusterPolicies, AConfigIsForTheClassThatNamesIt) {
  define();
  apply(policy("WeirConfig", "defaults", "  tunnels: {websocket: false}\n"));
  start_with_status();
  serve();
  ASSERT_TRUE(opens());
  apply("apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: " + class_ +
        "}\nspec:\n  controller: weir.dev/ingress\n  parameters: {apiGroup: weir.dev, kind: "
        "WeirConfig, name: defaults, scope: Namespace, namespace: " +
        ns_ + "}\n");
  EXPECT_TRUE(eventually([&] { return !opens(); })) << logs();
  EXPECT_TRUE(says("WeirConfig", "defaults", "\"name\":\"" + class_ + "\""));
  apply(policy("WeirConfig", "defaults", "  tunnels: {websocket: true}\n"));
  EXPECT_TRUE(eventually([&] { return opens(); })) << logs();
}

}  // namespace
}  // namespace weir::test
