#include "controller/status_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::controller {
namespace {

kube::Service service(const std::string& type) {
  kube::Service service;
  service.type = type;
  service.cluster_ip = "10.96.0.1";
  return service;
}

TEST(StatusAddresses, TextsAreAddressesOrNames) {
  EXPECT_EQ(
      addresses_of(std::vector<std::string>{"192.0.2.9", "lb.example", "2001:db8::1", "192.0.2.9"}),
      (Addresses{{"", "lb.example"}, {"192.0.2.9", ""}, {"2001:db8::1", ""}}));
}

TEST(StatusAddresses, OfALoadBalancerItsOwnAndTheExternalOnes) {
  auto balancer = service("LoadBalancer");
  EXPECT_EQ(addresses_of(balancer), Addresses()) << "none yet: not the cluster's";
  balancer.addresses = {{"203.0.113.2", ""}, {"", "lb.example"}};
  balancer.external_ips = {"198.51.100.1", "203.0.113.2"};
  EXPECT_EQ(addresses_of(balancer),
            (Addresses{{"", "lb.example"}, {"198.51.100.1", ""}, {"203.0.113.2", ""}}));
}

TEST(StatusAddresses, OfANodePortTheExternalOnesOrTheClusters) {
  auto port = service("NodePort");
  EXPECT_EQ(addresses_of(port), (Addresses{{"10.96.0.1", ""}}));
  port.external_ips = {"198.51.100.2", "198.51.100.1"};
  EXPECT_EQ(addresses_of(port), (Addresses{{"198.51.100.1", ""}, {"198.51.100.2", ""}}));
}

TEST(StatusAddresses, OfAClusterIpThatOneIfThereIsOne) {
  auto cluster = service("ClusterIP");
  cluster.external_ips = {"198.51.100.1"};
  EXPECT_EQ(addresses_of(cluster), (Addresses{{"10.96.0.1", ""}}));
  cluster.cluster_ip = "None";
  EXPECT_EQ(addresses_of(cluster), Addresses());
}

TEST(StatusAddresses, OfAnExternalNameTheName) {
  auto name = service("ExternalName");
  name.external_name = "lb.example";
  EXPECT_EQ(addresses_of(name), (Addresses{{"", "lb.example"}}));
}

TEST(StatusAddresses, OfNodesTheExternalOneOrElseTheInternal) {
  const std::vector<std::vector<kube::NodeAddress>> nodes = {
      {{"Hostname", "a"}, {"InternalIP", "10.0.0.2"}, {"ExternalIP", "198.51.100.1"}},
      {{"InternalIP", "10.0.0.1"}, {"InternalIP", "2001:db8::1"}},
      {{"Hostname", "c"}}};
  EXPECT_EQ(addresses_of(nodes, false), (Addresses{{"10.0.0.1", ""}, {"198.51.100.1", ""}}));
  EXPECT_EQ(addresses_of(nodes, true), (Addresses{{"10.0.0.1", ""}, {"10.0.0.2", ""}}));
}

}  // namespace
}  // namespace weir::controller
