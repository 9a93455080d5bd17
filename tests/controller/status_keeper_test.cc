#include "controller/status_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "controller/controller.h"
#include "controller/fake_source.h"
#include "controller/loop_thread.h"
#include "ingress/objects.h"
#include "support/scripted_api_server.h"
#include "support/socket.h"
#include "support/temp_folder.h"

namespace weir::controller {
namespace {

using namespace std::chrono_literals;
using test::rule;
using test::to;
using testing::HasSubstr;

const char* const kLease = "/apis/coordination.k8s.io/v1/namespaces/weir/leases/weir-leader";

/// A controller whose objects are told by the test, and an API server that does what it says.
class StatusKeeperTest : public testing::Test {
 protected:
  void start(StatusOptions status) {
    kube::ClusterAccess access;
    access.server = server_.url();
    const auto credentials = kube::Credentials::open(access).value();
    auto source = std::make_unique<test::FakeSource>();
    source_ = source.get();
    Options options;
    options.socket_path = folder_.path("control.sock");
    options.metrics_listen = MetricsListen{"127.0.0.1", 0};
    status.pod.ns = "weir";
    options.status = std::move(status);
    loop_.run([&] {
      controller_ =
          Controller::create(loop_.io, std::move(options), std::move(source), credentials).value();
      controller_->start();
    });
  }
  void stop() {
    if (is_stopped_) return;
    is_stopped_ = true;
    loop_.run([this] { controller_->stop(); });
    loop_.join();  // nothing is left to do
  }
  void TearDown() override { stop(); }

  static StatusOptions alone() {
    StatusOptions status;
    status.fixed = {{"192.0.2.1", ""}};
    return status;
  }
  static StatusOptions one_of_many(std::chrono::milliseconds ttl) {
    auto status = alone();
    status.election = ElectionOptions{"weir", "weir-leader", "me", ttl};
    return status;
  }
  void put(const std::string& name) {
    auto ingress = test::ingress(name, {rule(name + ".example", "/", to("shop"))});
    ingress.meta.resource_version = std::to_string(++version_);
    source_->put(std::move(ingress));
  }
  testing::AssertionResult counts(const std::string& series, int value) {
    const auto line = '\n' + series + ' ' + std::to_string(value) + '\n';
    std::string page;
    const auto is_there = [&] {
      auto socket = test::Socket::connect(controller_->metrics_port());
      socket.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
      page = test::receive_response(socket).body;
      return page.find(line) != std::string::npos;
    };
    if (test::eventually(is_there)) return testing::AssertionSuccess();
    return testing::AssertionFailure() << line << " not in\n" << page;
  }
  testing::AssertionResult wrote(const std::string& result, int count) {
    return counts("weir_status_writes_total{kind=\"Ingress\",result=\"" + result + "\"}", count);
  }
  std::size_t requests(const std::string& verb) {
    return static_cast<std::size_t>(std::ranges::count_if(
        server_.requests(), [&](const auto& request) { return request.verb == verb; }));
  }

  test::ScriptedApiServer server_;
  test::TempFolder folder_;
  test::LoopThread loop_;
  test::FakeSource* source_ = nullptr;
  std::unique_ptr<Controller> controller_;
  int version_ = 0;
  bool is_stopped_ = false;
};

TEST_F(StatusKeeperTest, AppliesAsWeirAndWithoutForce) {
  start(alone());
  put("web");
  source_->sync();
  const auto request = server_.wait_requests("PATCH", 1).at(0);
  EXPECT_EQ(request.path, "/apis/networking.k8s.io/v1/namespaces/default/ingresses/web/status");
  EXPECT_EQ(request.parameter("fieldManager"), "weir");
  EXPECT_EQ(request.parameter("force"), "false");
  EXPECT_EQ(request.headers.at("Content-Type"), "application/apply-patch+yaml");
  const auto body = nlohmann::json::parse(request.body);
  EXPECT_EQ(body["status"].dump(), R"({"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}})");
  EXPECT_EQ(body["metadata"].dump(), R"({"name":"web","namespace":"default"})");
  EXPECT_FALSE(body.contains("spec"));
  EXPECT_TRUE(wrote("ok", 1));
}

TEST_F(StatusKeeperTest, FailuresOfTheServerAreTriedAgain) {
  for (const int status : {503, 403}) server_.answer_next("PATCH", {status, "", {}});
  start(alone());
  put("web");
  source_->sync();
  EXPECT_TRUE(wrote("ok", 1));
  EXPECT_TRUE(wrote("failed", 2));
}

TEST_F(StatusKeeperTest, WhatIsRefusedDoesNotHoldUpOthers) {
  server_.answer_next("PATCH", {422, "", {}});
  start(alone());
  put("a");
  source_->sync();
  EXPECT_TRUE(wrote("failed", 1));
  put("b");
  EXPECT_TRUE(wrote("ok", 1));
  EXPECT_EQ(requests("PATCH"), 2U);
}

TEST_F(StatusKeeperTest, AnIngressThatIsGoneIsForgotten) {
  server_.answer_next("PATCH", {404, "", {}});
  start(alone());
  put("a");
  source_->sync();
  EXPECT_TRUE(wrote("gone", 1));
  put("b");
  EXPECT_TRUE(wrote("ok", 1));
  EXPECT_EQ(requests("PATCH"), 2U);
}

TEST_F(StatusKeeperTest, AConflictIsAProblemThatNamesTheWriter) {
  server_.answer_next("PATCH",
                      {409,
                       R"({"kind":"Status","message":"Apply failed with 1 conflict: conflict with )"
                       R"(\"nginx\" using networking.k8s.io/v1: .status.loadBalancer.ingress"})",
                       {}});
  start(alone());
  put("web");
  source_->sync();
  EXPECT_TRUE(wrote("conflict", 1));
  EXPECT_TRUE(counts("weir_controller_problems{code=\"StatusConflict\"}", 1));
  std::vector<std::string> notes;
  EXPECT_TRUE(test::eventually([&] {
    for (const auto& request : server_.requests()) {
      if (request.verb != "POST") continue;
      const auto event = nlohmann::json::parse(request.body);
      if (event["reason"] == "StatusConflict") notes.push_back(event["note"]);
    }
    return !notes.empty();
  }));
  EXPECT_THAT(notes, testing::Contains(HasSubstr("\"nginx\"")));
}

TEST_F(StatusKeeperTest, OneThatFollowsWritesNothing) {
  server_.put_lease(kLease, {"weir", "weir-leader", "", "other", 3600, 0, "", ""});
  start(one_of_many(2s));
  put("web");
  source_->sync();
  server_.wait_requests("GET", 4);
  EXPECT_EQ(requests("PATCH"), 0U);
  EXPECT_TRUE(counts("leader_election_master_status{name=\"weir-leader\"}", 0));
}

TEST_F(StatusKeeperTest, NothingIsElectedBeforeEverythingIsKnown) {
  start(one_of_many(2s));
  put("web");
  loop_.run([] {});
  EXPECT_FALSE(server_.lease(kLease));
  source_->sync();
  EXPECT_TRUE(wrote("ok", 1));
}

TEST_F(StatusKeeperTest, OneThatLeadsNoMoreWritesNothing) {
  start(one_of_many(2s));
  put("a");
  source_->sync();
  EXPECT_TRUE(wrote("ok", 1));
  server_.put_lease(kLease, {"weir", "weir-leader", "", "other", 3600, 0, "", ""});
  EXPECT_TRUE(counts("leader_election_master_status{name=\"weir-leader\"}", 0));
  put("b");
  const auto looks = requests("GET");
  server_.wait_requests("GET", looks + 2);
  EXPECT_EQ(requests("PATCH"), 1U);
}

TEST_F(StatusKeeperTest, TheStatusStaysIfOtherPodsAreNotKnown) {
  auto status = alone();
  status.pod.name = "weir-0";
  start(std::move(status));
  put("web");
  source_->sync();
  EXPECT_TRUE(wrote("ok", 1));
  server_.answer_next("list", {403, "", {}});  // of the Pod itself
  stop();
  EXPECT_EQ(requests("PATCH"), 1U);
}

TEST_F(StatusKeeperTest, TheLastOneClears) {
  auto status = alone();
  status.pod.name = "weir-0";
  start(std::move(status));
  put("web");
  source_->sync();
  EXPECT_TRUE(wrote("ok", 1));
  server_.answer_next("list",
                      {200, R"({"metadata":{"name":"weir-0","labels":{"app":"weir"}}})", {}});
  server_.answer_next("list", {200,
                               R"({"items":[{"metadata":{"name":"weir-0"}},
    {"metadata":{"name":"weir-1","deletionTimestamp":"2026-11-21T10:00:00Z"}},
    {"metadata":{"name":"weir-2"},"status":{"phase":"Failed"}}]})",
                               {}});
  stop();
  const auto patches = server_.wait_requests("PATCH", 2);
  EXPECT_FALSE(nlohmann::json::parse(patches[1].body).contains("status"));
  const auto lists = server_.wait_requests("list", 2);
  EXPECT_EQ(lists[1].parameter("labelSelector"), "app=weir");
}

TEST_F(StatusKeeperTest, NothingIsTakenOutWhileNoPodIsReady) {
  const char* const pod = R"({"metadata":{"name":"weir-0"},"spec":{"nodeName":"n"}})";
  server_.answer_next("list", {200, pod, {}});
  server_.answer_next("list", {200,
                               R"({"metadata":{"name":"weir-0"},"spec":{"nodeName":"n"},
    "status":{"conditions":[{"type":"Ready","status":"True"}]}})",
                               {}});
  server_.answer_next(
      "list",
      {200, R"({"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"}]}})", {}});
  StatusOptions status;
  status.pod.name = "weir-0";
  start(std::move(status));
  auto web = test::ingress("web", {rule("web.example", "/", to("shop"))});
  web.addresses = {{"192.0.2.1", ""}};
  source_->put(web);
  source_->sync();
  const auto patch = server_.wait_requests("PATCH", 1).at(0);
  EXPECT_THAT(patch.body, HasSubstr("10.0.0.1"));
}

TEST_F(StatusKeeperTest, TheEndDoesNotWaitLongForAServerThatHangs) {
  for (int i = 0; i < 100; ++i) server_.answer_next("PATCH", {0, "", {}});
  start(alone());
  put("web");
  source_->sync();
  server_.wait_requests("PATCH", 1);
  stop();
}

}  // namespace
}  // namespace weir::controller
