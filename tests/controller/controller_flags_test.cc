#include "weir-controller/controller_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_folder.h"

namespace weir::cmd {
namespace {

using testing::ElementsAre;

class ControllerFlagsTest : public testing::Test {
 protected:
  std::optional<int> parse(std::vector<const char*> args) {
    args.insert(args.begin(), "weir-controller");
    return flags_.parse(static_cast<int>(args.size()), args.data());
  }
  controller::Options options() { return std::get<controller::Options>(given_.options()); }
  std::string refused_flag() { return std::get<ControllerFlags::Refused>(given_.options()).flag; }

  Flags flags_{"weir-controller", "test"};
  ControllerFlags given_{flags_};
};

TEST_F(ControllerFlagsTest, DefaultsAreIngressNginxs) {
  ASSERT_FALSE(parse({}));
  const auto translation = options().translation;
  EXPECT_EQ(translation.ingress_class, "nginx");
  EXPECT_THAT(translation.controller_classes,
              ElementsAre("weir.dev/ingress", "k8s.io/ingress-nginx"));
  EXPECT_FALSE(translation.serve_classless);
  EXPECT_FALSE(translation.allow_loopback);
  EXPECT_EQ(translation.public_https_port, 443);
  EXPECT_FALSE(options().metrics_listen);
}

TEST_F(ControllerFlagsTest, EachReachesItsOption) {
  ASSERT_FALSE(parse({"--source",
                      "dir:/x",
                      "--socket=/run/x.sock",
                      "--ingress-class",
                      "public",
                      "--controller-class",
                      "a.example/one",
                      "--controller-class=a.example/two",
                      "--watch-ingress-without-class",
                      "--ingress-class-by-name=true",
                      "--watch-namespace",
                      "team",
                      "--default-backend-service",
                      "sys/fallback",
                      "--default-ssl-certificate=sys/wild",
                      "--metrics-listen",
                      "127.0.0.1:0",
                      "--public-http-port",
                      "8080",
                      "--public-https-port=8443"}));
  const auto all = options();
  const auto& translation = all.translation;
  EXPECT_EQ(all.socket_path, "/run/x.sock");
  EXPECT_EQ(translation.ingress_class, "public");
  EXPECT_THAT(translation.controller_classes, ElementsAre("a.example/one", "a.example/two"));
  EXPECT_TRUE(translation.watch_ingress_without_class);
  EXPECT_TRUE(translation.ingress_class_by_name);
  EXPECT_TRUE(translation.serve_classless);
  EXPECT_TRUE(translation.allow_loopback);
  EXPECT_EQ(translation.watch_namespace, "team");
  EXPECT_EQ(to_string(translation.default_backend.value()), "sys/fallback");
  EXPECT_EQ(to_string(translation.default_certificate.value()), "sys/wild");
  EXPECT_EQ(all.metrics_listen->address, "127.0.0.1");
  EXPECT_EQ(translation.public_http_port, 8080);
  EXPECT_EQ(translation.public_https_port, 8443);
}

TEST_F(ControllerFlagsTest, FlagsOfTheContractThatAreForLaterAreTaken) {
  EXPECT_FALSE(parse({"--watch-namespace-selector", "a=b", "--configmap", "sys/weir"}));
}

TEST_F(ControllerFlagsTest, ConfigMapsOfPortsAreNamed) {
  ASSERT_FALSE(
      parse({"--tcp-services-configmap", "sys/tcp", "--udp-services-configmap", "sys/udp"}));
  const auto translation = options().translation;
  EXPECT_EQ(to_string(translation.tcp_services.value()), "sys/tcp");
  EXPECT_EQ(to_string(translation.udp_services.value()), "sys/udp");
}

TEST_F(ControllerFlagsTest, StatusComesFromOnePlace) {
  ASSERT_FALSE(parse(
      {"--publish-status-address=10.0.0.1,lb.example", "--publish-status-address", "2001:db8::1"}));
  const auto status = options().status.value();
  EXPECT_EQ(status.fixed,
            (controller::Addresses{{"", "lb.example"}, {"10.0.0.1", ""}, {"2001:db8::1", ""}}));
  EXPECT_TRUE(status.clear_at_end);
  EXPECT_EQ(status.interval, std::chrono::seconds(60));
  EXPECT_EQ(status.election->name, "weir-leader");
  EXPECT_EQ(status.election->ttl, std::chrono::seconds(30));
}

TEST_F(ControllerFlagsTest, EachStatusFlagReachesItsOption) {
  ASSERT_FALSE(parse({"--publish-service", "sys/weir", "--report-node-internal-ip-address",
                      "--update-status-on-shutdown=false", "--status-update-interval=5",
                      "--election-id=mine", "--election-ttl", "10s"}));
  const auto status = options().status.value();
  EXPECT_EQ(to_string(status.service.value()), "sys/weir");
  EXPECT_TRUE(status.internal_node_addresses);
  EXPECT_FALSE(status.clear_at_end);
  EXPECT_EQ(status.interval, std::chrono::seconds(5));
  EXPECT_EQ(status.election->name, "mine");
  EXPECT_EQ(status.election->ttl, std::chrono::seconds(10));
}

TEST_F(ControllerFlagsTest, TwoProcessesOfOnePodAreTwoCandidates) {
  ASSERT_FALSE(parse({"--publish-service", "sys/weir"}));
  EXPECT_NE(options().status->election->identity, options().status->election->identity);
}

TEST_F(ControllerFlagsTest, WithoutElectionThereIsNoLease) {
  ASSERT_FALSE(parse({"--publish-service", "sys/weir", "--disable-leader-election"}));
  EXPECT_FALSE(options().status->election);
}

TEST_F(ControllerFlagsTest, StatusCanBeLeftAlone) {
  ASSERT_FALSE(parse({"--publish-service", "sys/weir", "--update-status=false"}));
  EXPECT_FALSE(options().status);
}

TEST_F(ControllerFlagsTest, WithoutAnyAddressThereIsNoStatus) {
  ASSERT_FALSE(parse({}));  // and no POD_NAME
  EXPECT_FALSE(options().status);
}

TEST_F(ControllerFlagsTest, AFolderHasNoStatus) {
  ASSERT_FALSE(parse({"--source", "dir:/x", "--publish-status-address", "10.0.0.1"}));
  EXPECT_FALSE(options().status);
}

TEST_F(ControllerFlagsTest, TwoSourcesOfAddressesAreRefused) {
  ASSERT_FALSE(parse({"--publish-service", "sys/weir", "--publish-status-address", "10.0.0.1"}));
  EXPECT_EQ(refused_flag(), "--publish-service");
}

TEST_F(ControllerFlagsTest, WhatIsNoAddressIsRefused) {
  ASSERT_FALSE(parse({"--publish-status-address", "10.0.0.1,http://x"}));
  EXPECT_EQ(refused_flag(), "--publish-status-address");
}

TEST_F(ControllerFlagsTest, WhatIsNoNameOfALeaseIsRefused) {
  ASSERT_FALSE(parse({"--election-id", "Weir/1"}));
  EXPECT_EQ(refused_flag(), "--election-id");
}

TEST_F(ControllerFlagsTest, WhatIsNoNameOfAServiceIsRefused) {
  ASSERT_FALSE(parse({"--publish-service", "weir"}));
  EXPECT_EQ(refused_flag(), "--publish-service");
}

TEST_F(ControllerFlagsTest, NamesAreNamespaceAndName) {
  ASSERT_FALSE(parse({"--default-backend-service", "fallback"}));
  EXPECT_EQ(refused_flag(), "--default-backend-service");
}

TEST_F(ControllerFlagsTest, CertificateNameIsCheckedToo) {
  ASSERT_FALSE(parse({"--default-ssl-certificate", "a/b/c"}));
  EXPECT_EQ(refused_flag(), "--default-ssl-certificate");
}

TEST_F(ControllerFlagsTest, SourceIsTheClusterOrAFolderThatExists) {
  ASSERT_FALSE(parse({"--source", "etcd"}));
  EXPECT_EQ(std::get<ControllerFlags::Refused>(given_.open_source()).flag, "--source");
}

TEST_F(ControllerFlagsTest, FolderHasNoCredentials) {
  const test::TempFolder folder;
  const std::string source = "dir:" + (folder.path(""));
  ASSERT_FALSE(parse({"--source", source.c_str()}));
  const auto opened = given_.open_source();
  EXPECT_NE(std::get<ControllerFlags::Opened>(opened).source, nullptr);
  EXPECT_EQ(std::get<ControllerFlags::Opened>(opened).credentials, nullptr);
}

TEST_F(ControllerFlagsTest, SecretsAreNamespacesOrNamesInReach) {
  // The watch is refused before the API server is looked for; a good one gets as far as that.
  const auto blamed = [this] {
    return std::get<ControllerFlags::Refused>(given_.open_source()).flag;
  };
  ASSERT_FALSE(
      parse({"--secrets", "team/tls", "--secrets", "edge", "--kubeconfig", "/nonexistent"}));
  EXPECT_EQ(blamed(), "--kubeconfig");
}

TEST_F(ControllerFlagsTest, SecretsThatCannotBeAreRefused) {
  ASSERT_FALSE(parse({"--secrets", "team/tls/more"}));
  EXPECT_EQ(std::get<ControllerFlags::Refused>(given_.open_source()).flag, "--secrets");
}

TEST_F(ControllerFlagsTest, SecretsOutsideOfTheWatchedNamespaceAreRefused) {
  ASSERT_FALSE(parse({"--secrets", "edge/tls", "--watch-namespace", "team"}));
  EXPECT_EQ(std::get<ControllerFlags::Refused>(given_.open_source()).flag, "--secrets");
}

TEST_F(ControllerFlagsTest, KubeconfigThatIsMissingIsNamed) {
  ASSERT_FALSE(parse({"--kubeconfig", "/nonexistent/config"}));
  EXPECT_EQ(std::get<ControllerFlags::Refused>(given_.open_source()).flag, "--kubeconfig");
}

}  // namespace
}  // namespace weir::cmd
