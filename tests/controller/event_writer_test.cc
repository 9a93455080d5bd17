#include "controller/event_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "controller/metrics_text.h"
#include "support/scripted_api_server.h"

namespace weir::controller {
namespace {

using namespace std::chrono_literals;
using test::ScriptedApiServer;
using testing::HasSubstr;

kube::Problem problem(const std::string& name, const std::string& message = "there is no Service") {
  return {"ServiceNotFound", {kube::Kind::Ingress, "team", name}, "spec.rules[0]", message};
}

class EventWriterTest : public testing::Test {
 protected:
  EventWriter& writer(EventWriter::Limits limits) {
    kube::ClusterAccess access;
    access.server = server_.url();
    auto credentials = kube::Credentials::open(access).value();
    writer_ = std::make_unique<EventWriter>(
        std::make_unique<kube::ApiClient>(credentials, kube::ApiClient::Timeouts{}),
        EventOrigin{"weir-0"}, limits, metrics_);
    return *writer_;
  }
  static EventWriter::Limits quick() {
    EventWriter::Limits limits;
    limits.pause = 0ms;
    limits.first_retry = 1ms;
    return limits;
  }
  void wait_for_metric(const std::string& line) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (text_of(metrics_).find(line + "\n") == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << line << " not in\n"
                                                            << text_of(metrics_);
      std::this_thread::yield();
    }
  }

  ScriptedApiServer server_;
  Metrics metrics_;
  std::unique_ptr<EventWriter> writer_;
};

TEST_F(EventWriterTest, PostsAnEventOnTheObject) {
  server_.answer_next("POST", {201, "{}", {}});
  writer(quick()).report(problem("shop"), "uid-1");

  const auto request = server_.wait_requests("POST", 1).at(0);
  EXPECT_EQ(request.path, "/apis/events.k8s.io/v1/namespaces/team/events");
  const auto event = nlohmann::json::parse(request.body);
  EXPECT_EQ(event["regarding"]["kind"], "Ingress");
  EXPECT_EQ(event["regarding"]["uid"], "uid-1");
  EXPECT_EQ(event["reason"], "ServiceNotFound");
  EXPECT_EQ(event["note"], "spec.rules[0]: there is no Service");
  EXPECT_EQ(event["reportingInstance"], "weir-0");
  wait_for_metric("weir_controller_events_written_total 1");
}

TEST_F(EventWriterTest, TriesAgainWhenTheServerIsOverloaded) {
  server_.answer_next("POST", {503, "", {}});
  server_.answer_next("POST", {201, "{}", {}});
  writer(quick()).report(problem("shop"), "");
  wait_for_metric("weir_controller_events_written_total 1");
  EXPECT_EQ(server_.wait_requests("POST", 2).size(), 2U);
}

TEST_F(EventWriterTest, GivesUpWhatIsForbiddenAndGoesOn) {
  server_.answer_next("POST", {403, "", {}});
  server_.answer_next("POST", {201, "{}", {}});
  auto& events = writer(quick());
  events.report(problem("a"), "");
  wait_for_metric("weir_controller_events_dropped_total 1");
  events.report(problem("b"), "");
  wait_for_metric("weir_controller_events_written_total 1");
}

TEST_F(EventWriterTest, OneObjectHasAShareOnly) {
  auto limits = quick();
  limits.per_object = 2;
  auto& events = writer(limits);
  for (int i = 0; i < 5; ++i) events.report(problem("edited", "wrong " + std::to_string(i)), "");
  wait_for_metric("weir_controller_events_dropped_total 3");
}

TEST_F(EventWriterTest, AProblemThatComesAgainIsASeriesOfItsEvent) {
  auto limits = quick();
  limits.per_object = 1;
  auto& events = writer(limits);
  events.report(problem("flapping"), "uid-1");
  wait_for_metric("weir_controller_events_written_total 1");
  const auto name =
      nlohmann::json::parse(server_.wait_requests("POST", 1)[0].body)["metadata"]["name"];
  events.report(problem("flapping"), "uid-1");

  const auto patch = server_.wait_requests("PATCH", 1).at(0);
  EXPECT_EQ(patch.path, "/apis/events.k8s.io/v1/namespaces/team/events/" + name.get<std::string>());
  EXPECT_EQ(patch.headers.at("Content-Type"), "application/merge-patch+json");
  const auto series = nlohmann::json::parse(patch.body)["series"];
  EXPECT_EQ(series["count"], 2);
  EXPECT_THAT(series["lastObservedTime"].get<std::string>(), testing::EndsWith("Z"));
  wait_for_metric("weir_controller_events_repeated_total 1");
  EXPECT_THAT(text_of(metrics_), HasSubstr("weir_controller_events_dropped_total 0"));
}

TEST_F(EventWriterTest, ASeriesIsWrittenTheSecondTimeAndWhenItIsOver) {
  auto limits = quick();
  limits.quiet = 5s;
  auto& events = writer(limits);
  events.report(problem("flapping"), "");
  wait_for_metric("weir_controller_events_written_total 1");
  events.report(problem("flapping"), "");
  wait_for_metric("weir_controller_events_repeated_total 1");
  for (int i = 0; i < 100; ++i) events.report(problem("flapping"), "");
  const auto last = server_.wait_requests("PATCH", 2).at(1);
  EXPECT_EQ(nlohmann::json::parse(last.body)["series"]["count"], 102);
}

TEST_F(EventWriterTest, AnEventThatWasQuietForLongIsForgotten) {
  auto limits = quick();
  limits.quiet = 0ms;
  limits.per_object = SIZE_MAX;
  auto& events = writer(limits);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (text_of(metrics_).find("weir_controller_events_written_total 2") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << text_of(metrics_);
    events.report(problem("now and then"), "");
    std::this_thread::yield();
  }
}

TEST_F(EventWriterTest, AnotherObjectOfTheNameHasItsOwnEvent) {
  auto& events = writer(quick());
  events.report(problem("shop"), "uid-1");
  events.report(problem("shop"), "uid-2");
  wait_for_metric("weir_controller_events_written_total 2");
}

TEST_F(EventWriterTest, AnEventThatIsGoneIsWrittenAnew) {
  auto& events = writer(quick());
  events.report(problem("shop"), "");
  wait_for_metric("weir_controller_events_written_total 1");
  server_.answer_next("PATCH", {404, "", {}});
  events.report(problem("shop"), "");
  wait_for_metric("weir_controller_events_dropped_total 1");
  events.report(problem("shop"), "");
  wait_for_metric("weir_controller_events_written_total 2");
}

TEST_F(EventWriterTest, WhatIsRememberedIsBounded) {
  auto limits = quick();
  limits.series = 2;
  auto& events = writer(limits);
  for (const char* name : {"a", "b", "c"}) events.report(problem(name), "");
  wait_for_metric("weir_controller_events_dropped_total 1");
  wait_for_metric("weir_controller_events_written_total 2");
}

TEST_F(EventWriterTest, NeverWaitsForAServerThatIsAway) {
  server_.go_away();
  auto limits = quick();
  limits.queue = 3;
  limits.first_retry = 1h;
  auto& events = writer(limits);
  for (int i = 0; i < 20; ++i) events.report(problem("i" + std::to_string(i)), "");
  // One may be under way, three wait.
  EXPECT_THAT(text_of(metrics_), HasSubstr("weir_controller_events_dropped_total 1"));
  writer_.reset();  // nor does the end
}

TEST(EventBody, HostileTextsAreCutAndReplaced) {
  auto hostile = problem(std::string(300, 'n'), std::string(2000, '\xe2'));
  hostile.object.ns.clear();
  const auto event = nlohmann::json::parse(
      make_event(hostile, "", {std::string(500, 'p')}, std::chrono::system_clock::time_point(1s)));

  EXPECT_EQ(event["metadata"]["name"].get<std::string>().size(), 253U);
  EXPECT_EQ(event["metadata"]["namespace"], "default");
  EXPECT_EQ(event["eventTime"], "1970-01-01T00:00:01.000000Z");
  EXPECT_EQ(event["reportingInstance"].get<std::string>().size(), 128U);
  EXPECT_FALSE(event["regarding"].contains("uid"));
  EXPECT_LE(event["note"].get<std::string>().size(), 3 * 1024U);
}

}  // namespace
}  // namespace weir::controller
