#include <csignal>

#include <gmock/gmock.h>

#include "e2e/cluster.h"
#include "support/tcp_relay.h"

namespace weir::test {
namespace {

constexpr const char* kAddress = "--publish-status-address=192.0.2.1";
constexpr const char* kLease = "weir-leader";

/// Two controllers at most, as Pods "weir-a" and "weir-b" of namespace "weir". There is no kubelet:
/// the objects of those Pods are there only where a test makes them.
class Status : public Cluster {
 protected:
  void SetUp() override {
    Cluster::SetUp();
    app_ = std::make_unique<Backend>(always("app"), address_);
    apply(service("app", {app_->port()}));
  }
  void TearDown() override {
    Cluster::TearDown();
    if (second_) {
      const auto log = second_->process().output();
      EXPECT_EQ(log.find("HTTP 403"), log.npos) << "the shipped role is not enough\n" << log;
    }
    controller_.reset();
    second_.reset();
    api().remove("Lease", kLease, "weir");
    for (const char* pod : {"weir-a", "weir-b"}) {
      api().request("DELETE", collection_path("Pod", "weir") + '/' + pod,
                    R"({"gracePeriodSeconds":0})");
      api().remove("Node", pod);
    }
  }

  std::unique_ptr<ControllerProcess> run(const std::string& pod, std::vector<std::string> flags,
                                         std::uint16_t port = cluster().api_port()) {
    flags.insert(flags.end(), {"--kubeconfig", cluster().controller_kubeconfig(port)});
    return std::make_unique<ControllerProcess>(
        "kube", runtime_.path(pod + ".sock"), std::move(flags),
        std::map<std::string, std::string>{{"POD_NAME", pod}, {"POD_NAMESPACE", "weir"}});
  }
  void lead(std::vector<std::string> flags) {
    controller_ = run("weir-a", std::move(flags));
    ASSERT_TRUE(leads(*controller_));
  }
  testing::AssertionResult leads(const ControllerProcess& controller) {
    if (eventually([&] { return controller.metric("leader_election_master_status") == 1; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << all_logs();
  }
  void add_ingress(const std::string& name) { apply(ingress(name, host(name), "app")); }
  testing::AssertionResult shows(const std::string& name, const std::string& addresses) {
    std::string last;
    if (eventually([&] { return (last = api().addresses("Ingress", name, ns_)) == addresses; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << name << ": " << last << '\n' << all_logs();
  }
  /// Waits for it: the API server shows a write before the controller has counted it.
  testing::AssertionResult wrote(const std::string& result, int count) {
    const auto series = "weir_status_writes_total{kind=\"Ingress\",result=\"" + result + "\"}";
    if (eventually([&] { return controller_->metric(series) == count; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << controller_->metric(series) << '\n' << all_logs();
  }
  testing::AssertionResult counted(const std::string& code, int count) {
    const auto series = "weir_controller_problems{code=\"" + code + "\"";
    if (eventually([&] { return controller_->metric(series) == count; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << controller_->metric(series) << '\n' << all_logs();
  }
  /// As another writer, which does not ask what was there, as ingress-nginx does; "null": nothing.
  void write_status(const std::string& name, const std::string& addresses) {
    const auto answer = api().request(
        "PATCH", collection_path("Ingress", ns_) + '/' + name + "/status?fieldManager=other",
        R"({"status":{"loadBalancer":{"ingress":)" + addresses + "}}}",
        "application/merge-patch+json");
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  void publish(const std::string& addresses) {
    const auto answer = api().apply_status(
        "apiVersion: v1\nkind: Service\nmetadata: {name: lb}\nstatus: "
        "{loadBalancer: {ingress: [" +
            addresses + "]}}\n",
        ns_);
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  void add_balancer() {
    apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: lb}\nspec:\n  type: LoadBalancer\n"
        "  ports: [{port: 80}]\n");
  }
  static void add_pod(const std::string& name) {
    api().apply("apiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
                    ", labels: {app: weir, pod-template-hash: of-" + name +
                    "}}\nspec: {nodeName: " + name + ", containers: [{name: c, image: none}]}\n",
                "weir");
    const auto answer =
        api().apply_status("apiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
                               "}\nstatus: {phase: Running, conditions: [{type: Ready, status: "
                               "'True'}]}\n",
                           "weir");
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  static void add_node(const std::string& name, const std::string& addresses) {
    api().apply("apiVersion: v1\nkind: Node\nmetadata: {name: " + name + "}\n");
    const auto answer = api().apply_status("apiVersion: v1\nkind: Node\nmetadata: {name: " + name +
                                               "}\nstatus: {addresses: [" + addresses + "]}\n",
                                           "");
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  std::string all_logs() {
    return "a:\n" + (controller_ ? controller_->process().output() : "") + "b:\n" +
           (second_ ? second_->process().output() : "");
  }

  std::unique_ptr<Backend> app_;
  std::unique_ptr<ControllerProcess> second_;
};

TEST_F(Status, FixedAddressesAreShownByServedIngressesAlone) {
  add_ingress("first");
  apply(manifest::ingress("foreign", host("foreign"), "app", "", "another-class"));
  write_status("foreign", R"([{"ip":"203.0.113.1"}])");
  lead({"--publish-status-address=192.0.2.1,lb.example"});
  EXPECT_TRUE(shows("first", "lb.example 192.0.2.1"));
  add_ingress("second");
  EXPECT_TRUE(shows("second", "lb.example 192.0.2.1"));
  EXPECT_EQ(api().addresses("Ingress", "foreign", ns_), "203.0.113.1");
  EXPECT_TRUE(wrote("ok", 2));
}

TEST_F(Status, WhatIsThereIsNotWrittenAgain) {
  add_ingress("web");
  lead({kAddress});
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  const auto version = api().resource_version("Ingress", "web", ns_);
  for (int i = 0; i < 3; ++i) {
    controller_.reset();
    api().remove("Lease", kLease, "weir");
    lead({kAddress});
    // Once a later one is written, the earlier one has been looked at.
    const auto later = "later-" + std::to_string(i);
    add_ingress(later);
    ASSERT_TRUE(shows(later, "192.0.2.1"));
    EXPECT_TRUE(wrote("ok", 1));
  }
  EXPECT_EQ(api().resource_version("Ingress", "web", ns_), version);
}

TEST_F(Status, TheAddressesOfThePublishedServiceAreFollowed) {
  add_ingress("web");
  add_balancer();
  lead({"--publish-service", ns_ + "/lb"});
  publish("{ip: 192.0.2.1}");
  EXPECT_TRUE(shows("web", "192.0.2.1"));
  publish("{ip: 192.0.2.2}, {hostname: lb.example}");
  EXPECT_TRUE(shows("web", "lb.example 192.0.2.2"));
  EXPECT_TRUE(remove("Service", "lb"));
  EXPECT_TRUE(counted("ServiceNotFound", 1));
  EXPECT_EQ(api().addresses("Ingress", "web", ns_), "lb.example 192.0.2.2") << "it stays";
  add_balancer();
  EXPECT_TRUE(counted("ServiceNotFound", 0));
  EXPECT_TRUE(shows("web", "")) << "the new one has no address yet";
}

TEST_F(Status, AServiceOfANamespaceThatIsNotWatchedIsAskedFor) {
  const auto apart = cluster().new_namespace();
  api().apply(
      "apiVersion: v1\nkind: Service\nmetadata: {name: lb}\nspec: {type: ExternalName, "
      "externalName: lb.example}\n",
      apart);
  add_ingress("web");
  lead(
      {"--publish-service", apart + "/lb", "--watch-namespace", ns_, "--status-update-interval=5"});
  EXPECT_TRUE(shows("web", "lb.example"));
  api().apply(
      "apiVersion: v1\nkind: Service\nmetadata: {name: lb}\nspec: {type: ExternalName, "
      "externalName: other.example}\n",
      apart);
  EXPECT_TRUE(shows("web", "other.example"));
  api().remove("Service", "lb", apart);
  EXPECT_TRUE(counted("ServiceNotFound", 1));
}

TEST_F(Status, OtherwiseTheNodesOfThePodsAreShown) {
  add_pod("weir-a");
  add_node("weir-a",
           "{type: InternalIP, address: 10.0.0.1}, {type: ExternalIP, address: 192.0.2.1}");
  add_ingress("web");
  lead({"--status-update-interval=5", "--election-ttl=1h"});
  EXPECT_TRUE(shows("web", "192.0.2.1"));
  add_node("weir-b", "{type: InternalIP, address: 10.0.0.2}");
  add_pod("weir-b");
  EXPECT_TRUE(shows("web", "10.0.0.2 192.0.2.1"));
  controller_->process().signal(SIGTERM);
  EXPECT_EQ(controller_->process().wait(), 0);
  lead({"--report-node-internal-ip-address"});
  EXPECT_TRUE(shows("web", "10.0.0.1 10.0.0.2"));
}

TEST_F(Status, AnIngressThatLeavesTheClassIsCleared) {
  add_ingress("web");
  add_ingress("other");
  lead({kAddress});
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  ASSERT_TRUE(shows("other", "192.0.2.1"));
  apply(manifest::ingress("web", host("web"), "app", "", "another-class"));
  EXPECT_TRUE(shows("web", ""));
  // Its new controller writes the same, which is not ours to clear.
  write_status("web", R"([{"ip":"192.0.2.1"}])");
  remove("IngressClass", class_);
  EXPECT_TRUE(shows("other", "")) << "the class itself is gone";
  EXPECT_EQ(api().addresses("Ingress", "web", ns_), "192.0.2.1");
}

TEST_F(Status, AnotherWriterIsSaidAndNotFought) {
  add_ingress("web");
  lead({kAddress});
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  write_status("web", R"([{"ip":"203.0.113.1"}])");
  EXPECT_TRUE(counted("StatusConflict", 1));
  EXPECT_TRUE(wrote("conflict", 1));
  EXPECT_NE(controller_->process().wait_for_line("StatusConflict Ingress " + ns_ + "/web"), "");
  std::string note;
  EXPECT_TRUE(eventually([&] {
    for (const auto& event : api().events(ns_)) {
      if (event.reason == "StatusConflict") note = event.note;
    }
    return !note.empty();
  }));
  EXPECT_THAT(note, testing::HasSubstr("\"other\""));

  // Other Ingresses are written, and this one not tried again meanwhile.
  add_ingress("later");
  EXPECT_TRUE(shows("later", "192.0.2.1"));
  EXPECT_TRUE(wrote("conflict", 1));
  EXPECT_EQ(api().addresses("Ingress", "web", ns_), "203.0.113.1");

  write_status("web", "null");  // it gives up what it had
  EXPECT_TRUE(shows("web", "192.0.2.1"));
  EXPECT_TRUE(counted("StatusConflict", 0));
}

TEST_F(Status, AnotherOneLeadsWhenTheLeaderIsKilled) {
  add_ingress("web");
  lead({kAddress, "--election-ttl=4s"});
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  second_ = run("weir-b", {"--publish-status-address=192.0.2.2", "--election-ttl=4s"});
  EXPECT_EQ(second_->metric("leader_election_master_status"), 0);
  controller_->process().signal(SIGKILL);
  EXPECT_EQ(controller_->process().wait(), 128 + SIGKILL);
  EXPECT_TRUE(leads(*second_));
  EXPECT_THAT(api().holder(kLease, "weir"), testing::StartsWith("weir-b_"));
  EXPECT_TRUE(shows("web", "192.0.2.2"));
}

TEST_F(Status, ALeaderThatIsCutOffHasStoppedBeforeTheNextBegins) {
  TcpRelay relay(cluster().api_port());
  add_ingress("web");
  controller_ = run("weir-a", {kAddress, "--election-ttl=6s"}, relay.port());
  ASSERT_TRUE(leads(*controller_));
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  second_ = run("weir-b", {"--publish-status-address=192.0.2.2", "--election-ttl=6s"});
  relay.cut();
  EXPECT_TRUE(leads(*second_));
  EXPECT_EQ(controller_->metric("leader_election_master_status"), 0) << all_logs();
  EXPECT_TRUE(shows("web", "192.0.2.2"));
  relay.restore();
  // It sees again, and follows.
  const auto version = api().resource_version("Ingress", "web", ns_);
  EXPECT_NE(controller_->process().wait_for_line("can be read again"), "");
  add_ingress("later");
  EXPECT_TRUE(shows("later", "192.0.2.2"));
  EXPECT_EQ(controller_->metric("leader_election_master_status"), 0);
  EXPECT_EQ(api().resource_version("Ingress", "web", ns_), version);
}

TEST_F(Status, AnOrderlyEndHandsTheLeaseOver) {
  add_ingress("web");
  // By time alone nobody would take over within this test.
  lead({kAddress, "--election-ttl=1h"});
  second_ = run("weir-b", {"--publish-status-address=192.0.2.2", "--election-ttl=1h"});
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  controller_->process().signal(SIGTERM);
  EXPECT_EQ(controller_->process().wait(), 0);
  EXPECT_TRUE(leads(*second_));
  EXPECT_TRUE(shows("web", "192.0.2.2"));
}

TEST_F(Status, TheLastPodTakesTheAddressesOut) {
  add_pod("weir-a");
  add_pod("weir-b");
  add_ingress("web");
  lead({kAddress, "--election-ttl=1h"});
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  second_ = run("weir-b", {kAddress, "--election-ttl=1h"});
  controller_->process().signal(SIGTERM);
  EXPECT_EQ(controller_->process().wait(), 0);
  EXPECT_NE(controller_->process().output().find("the status stays"), std::string::npos);
  ASSERT_TRUE(leads(*second_));
  EXPECT_EQ(api().addresses("Ingress", "web", ns_), "192.0.2.1");

  api().request("DELETE", collection_path("Pod", "weir") + "/weir-a",
                R"({"gracePeriodSeconds":0})");
  second_->process().signal(SIGTERM);
  EXPECT_EQ(second_->process().wait(), 0);
  EXPECT_EQ(api().addresses("Ingress", "web", ns_), "") << all_logs();
  EXPECT_EQ(api().holder(kLease, "weir"), "") << "the Lease is given back";
}

TEST_F(Status, TheLastPodLeavesTheAddressesIfItIsTold) {
  add_pod("weir-a");
  add_ingress("web");
  lead({kAddress, "--update-status-on-shutdown=false"});
  ASSERT_TRUE(shows("web", "192.0.2.1"));
  controller_->process().signal(SIGTERM);
  EXPECT_EQ(controller_->process().wait(), 0);
  EXPECT_EQ(api().addresses("Ingress", "web", ns_), "192.0.2.1");
  EXPECT_EQ(api().holder(kLease, "weir"), "");
}

TEST_F(Status, WithoutElectionNoLeaseIsNeeded) {
  add_ingress("web");
  lead({kAddress, "--disable-leader-election"});
  EXPECT_TRUE(shows("web", "192.0.2.1"));
  EXPECT_FALSE(api().exists("Lease", kLease, "weir"));
}

TEST_F(Status, ALeaseThatIsDeletedByHandIsMadeAgain) {
  lead({kAddress, "--election-ttl=4s"});
  EXPECT_TRUE(api().remove("Lease", kLease, "weir"));
  EXPECT_TRUE(eventually([&] { return api().exists("Lease", kLease, "weir"); })) << all_logs();
  EXPECT_EQ(controller_->metric("leader_election_master_status"), 1);
}

TEST_F(Status, AProblemThatComesAndGoesIsOneEvent) {
  lead({kAddress});
  apply(ingress("lost", host("lost"), "nobody"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(counted("ServiceNotFound", 1));
    apply(service("nobody", {app_->port()}));
    EXPECT_TRUE(counted("ServiceNotFound", 0));
    EXPECT_TRUE(remove("Service", "nobody"));
  }
  int events = 0;
  EXPECT_TRUE(eventually([&] {
    events = 0;
    int count = 0;
    for (const auto& event : api().events(ns_)) {
      if (event.reason != "ServiceNotFound") continue;
      ++events;
      count = event.count;
    }
    return count >= 2;
  })) << all_logs();
  EXPECT_EQ(events, 1);
}

}  // namespace
}  // namespace weir::test
