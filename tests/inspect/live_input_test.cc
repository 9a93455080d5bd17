#include "inspect/live_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scripted_api_server.h"

namespace weir::inspect {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::SizeIs;

std::shared_ptr<kube::Credentials> credentials_for(const test::ScriptedApiServer& server) {
  kube::ClusterAccess access;
  access.server = server.url();
  auto credentials = kube::Credentials::open(access);
  if (credentials) return *credentials;
  ADD_FAILURE() << credentials.error().detail;
  return nullptr;
}

TEST(LiveInput, IsWhatTheClusterHasNow) {
  test::ScriptedApiServer server;
  server.put("/apis/networking.k8s.io/v1/ingresses", "shop", R"("spec":{"rules":[]})");
  server.put("/apis/networking.k8s.io/v1/ingresses", "broken", R"("spec":{"rules":5})");
  server.put("/apis/networking.k8s.io/v1/ingressclasses", "nginx",
             R"("spec":{"controller":"k8s.io/ingress-nginx"})");
  const auto input =
      read_cluster(credentials_for(server), {kube::Kind::Ingress, kube::Kind::IngressClass}, "",
                   std::chrono::minutes(1));
  ASSERT_TRUE(input) << input.error().detail;
  EXPECT_THAT(input->objects(), SizeIs(2));
  EXPECT_TRUE(input->has(kube::Kind::IngressClass));
  ASSERT_THAT(input->findings(), SizeIs(1));
  EXPECT_EQ(input->findings()[0].problem.object.name, "broken");
}

TEST(LiveInput, AServerThatGivesNothingIsNamedAfterAWhile) {
  test::ScriptedApiServer server;
  server.require_token("one that nobody has");
  const auto input =
      read_cluster(credentials_for(server), {kube::Kind::Ingress}, "", milliseconds(50));
  ASSERT_FALSE(input);
  EXPECT_THAT(input.error().detail, HasSubstr("127.0.0.1 has not given its objects within 50ms"));
}

}  // namespace
}  // namespace weir::inspect
