#include "kube/decode_cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/decode.h"

namespace weir::kube {
namespace {

using testing::HasSubstr;

TEST(DecodeCluster, ALeaseIsReadAsItIsWritten) {
  const Lease lease{"weir",
                    "weir-leader",
                    "7",
                    "pod_1",
                    30,
                    2,
                    "2026-11-21T10:00:00.000000Z",
                    "2026-11-21T10:00:07.000000Z"};
  EXPECT_EQ(decode_lease(encode_lease(lease)).value(), lease);
}

TEST(DecodeCluster, AnEmptyLeaseIsNobodys) {
  const auto lease = decode_lease(R"({"metadata":{"name":"x"},"spec":{"holderIdentity":null}})");
  EXPECT_EQ(lease.value().holder, "");
  EXPECT_EQ(decode_lease(R"({"metadata":{"name":"x"}})").value().duration, 0);
}

TEST(DecodeCluster, WhatIsNoLeaseIsSaid) {
  EXPECT_FALSE(decode_lease(""));
  EXPECT_FALSE(decode_lease("[]"));
  EXPECT_FALSE(decode_lease("{\"a\""));
  EXPECT_THAT(decode_lease(R"({"spec":{"leaseDurationSeconds":"30"}})").error().detail,
              HasSubstr("spec.leaseDurationSeconds"));
}

TEST(DecodeCluster, PodsHaveLabelsNodeAndState) {
  const auto pods = decode_pod_list(R"({"items":[
    {"metadata":{"name":"a","labels":{"app":"weir"}},"spec":{"nodeName":"n1"},
     "status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}},
    {"metadata":{"name":"b","deletionTimestamp":"2026-11-21T10:00:00Z"},
     "status":{"conditions":[{"type":"Ready","status":"False"}]}}]})")
                        .value();
  ASSERT_EQ(pods.size(), 2U);
  EXPECT_EQ(pods[0].labels.at("app"), "weir");
  EXPECT_EQ(pods[0].node, "n1");
  EXPECT_EQ(pods[0].phase, "Running");
  EXPECT_TRUE(pods[0].is_ready);
  EXPECT_FALSE(pods[0].is_ending);
  EXPECT_FALSE(pods[1].is_ready);
  EXPECT_TRUE(pods[1].is_ending);
}

TEST(DecodeCluster, NodesHaveAddresses) {
  const auto addresses =
      decode_node_addresses(
          R"({"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"}]}})")
          .value();
  ASSERT_EQ(addresses.size(), 1U);
  EXPECT_EQ(addresses[0].type, "InternalIP");
  EXPECT_EQ(addresses[0].address, "10.0.0.1");
}

TEST(DecodeCluster, StatusAddressesOfWhatIsWatched) {
  const auto ingress = decode_object(Kind::Ingress, R"({"metadata":{"name":"a"},
    "status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1","ports":[]},{"hostname":"x.example"}]}}})");
  EXPECT_EQ(std::get<Ingress>(*ingress.object).addresses,
            (std::vector<LoadBalancerAddress>{{"192.0.2.1", ""}, {"", "x.example"}}));
  const auto service = decode_object(Kind::Service, R"({"metadata":{"name":"a"},
    "spec":{"type":"LoadBalancer","clusterIP":"10.96.0.1","externalIPs":["198.51.100.1"]},
    "status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}})");
  const auto& decoded = std::get<Service>(*service.object);
  EXPECT_EQ(decoded.cluster_ip, "10.96.0.1");
  EXPECT_EQ(decoded.external_ips, std::vector<std::string>{"198.51.100.1"});
  EXPECT_EQ(decoded.addresses, (std::vector<LoadBalancerAddress>{{"192.0.2.1", ""}}));
}

}  // namespace
}  // namespace weir::kube
