#include "controller/leader_election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/metrics_text.h"
#include "support/scripted_api_server.h"
#include "support/socket.h"

namespace weir::controller {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::ScriptedApiServer;
using testing::HasSubstr;

const char* const kPath = "/apis/coordination.k8s.io/v1/namespaces/weir/leases/weir-leader";

/// One candidate "me" and a server that does what the test says. Nothing here is to be quick: times
/// are short so that the test is, and what they decide is waited for.
class LeaderElectionTest : public testing::Test {
 protected:
  void start(std::chrono::milliseconds ttl = 2s) {
    kube::ClusterAccess access;
    access.server = server_.url();
    const auto credentials = kube::Credentials::open(access).value();
    metrics_.set_election("weir-leader");
    election_ = std::make_unique<LeaderElection>(
        [credentials](const kube::ApiClient::Timeouts& timeouts) {
          return std::make_unique<kube::ApiClient>(credentials, timeouts);
        },
        ElectionOptions{"weir", "weir-leader", "me", ttl}, metrics_,
        [this](bool leads) {
          const std::lock_guard lock(mutex_);
          told_.push_back(leads);
          changed_.notify_all();
        });
  }
  /// Waits until the listener was told so often.
  std::vector<bool> told(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 60s, [&] { return told_.size() >= count; }))
        << told_.size();
    return told_;
  }
  std::string holder() {
    const auto lease = server_.lease(kPath);
    return lease ? lease->holder : "nobody's";
  }
  static kube::Lease held_by(const std::string& holder, std::int64_t duration) {
    return {"weir",
            "weir-leader",
            "",
            holder,
            duration,
            4,
            "2020-01-01T00:00:00.000000Z",
            "2020-01-01T00:00:00.000000Z"};
  }

  ScriptedApiServer server_;
  Metrics metrics_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> told_;
  std::unique_ptr<LeaderElection> election_;
};

TEST_F(LeaderElectionTest, ALeaseThatIsNotThereIsCreated) {
  start(1500ms);
  EXPECT_EQ(told(1), std::vector{true});
  const auto lease = server_.lease(kPath).value();
  EXPECT_EQ(lease.holder, "me");
  EXPECT_EQ(lease.duration, 2);  // whole seconds, and never less than was asked for
  EXPECT_EQ(lease.transitions, 0);
  EXPECT_EQ(lease.acquired, lease.renewed);
  EXPECT_THAT(text_of(metrics_),
              HasSubstr("leader_election_master_status{name=\"weir-leader\"} 1\n"));
}

TEST_F(LeaderElectionTest, TheLeaderRenewsIt) {
  start();
  told(1);
  const auto first = server_.lease(kPath).value();
  EXPECT_TRUE(eventually([&] { return server_.lease(kPath)->renewed != first.renewed; }));
  const auto second = server_.lease(kPath).value();
  EXPECT_EQ(second.acquired, first.acquired);
  EXPECT_EQ(second.transitions, first.transitions);
  EXPECT_EQ(told(1), std::vector{true});
}

TEST_F(LeaderElectionTest, ALeaseThatWasGivenBackIsTakenAtOnce) {
  server_.put_lease(kPath, held_by("", 3600));
  start();
  told(1);
  const auto lease = server_.lease(kPath).value();
  EXPECT_EQ(lease.holder, "me");
  EXPECT_EQ(lease.transitions, 5);
}

TEST_F(LeaderElectionTest, TheTimesInItDoNotCount) {
  // Long over by its own word; but it may be that only its holder's clock is wrong.
  server_.put_lease(kPath, held_by("other", 3600));
  start();
  server_.wait_requests("GET", 4);
  EXPECT_EQ(holder(), "other");
  EXPECT_FALSE(election_->is_leader());
  EXPECT_THAT(text_of(metrics_),
              HasSubstr("leader_election_master_status{name=\"weir-leader\"} 0\n"));
}

TEST_F(LeaderElectionTest, ALeaseThatDoesNotChangeForItsDurationIsTaken) {
  const auto begin = std::chrono::steady_clock::now();
  server_.put_lease(kPath, held_by("gone", 1));
  start();
  told(1);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);
  EXPECT_EQ(holder(), "me");
}

TEST_F(LeaderElectionTest, AChangeOfAnythingElseIsNoSignOfLife) {
  server_.put_lease(kPath, held_by("gone", 1));
  start();
  EXPECT_TRUE(eventually([&] {
    server_.touch_lease(kPath);
    std::this_thread::sleep_for(100ms);  // else no update would ever meet the version it read
    return holder() == "me";
  }));
}

TEST_F(LeaderElectionTest, ALeaderStopsWhenAnotherOneHasIt) {
  start();
  told(1);
  server_.put_lease(kPath, held_by("other", 3600));
  EXPECT_EQ(told(2), (std::vector{true, false}));
  EXPECT_FALSE(election_->is_leader());
  EXPECT_EQ(holder(), "other");
  EXPECT_THAT(text_of(metrics_),
              HasSubstr("leader_election_master_status{name=\"weir-leader\"} 0\n"));
  election_->stop();
  EXPECT_EQ(holder(), "other") << "what is not ours is not given back";
}

TEST_F(LeaderElectionTest, AVersionThatItDoesNotKnowIsReadAgain) {
  start();
  told(1);
  // As after an update whose answer was lost.
  server_.touch_lease(kPath);
  const auto before = server_.lease(kPath)->renewed;
  EXPECT_TRUE(eventually([&] { return server_.lease(kPath)->renewed != before; }));
  EXPECT_EQ(told(1), std::vector{true});
  EXPECT_THAT(text_of(metrics_), HasSubstr("weir_controller_lease_renewal_failures_total 1\n"));
}

TEST_F(LeaderElectionTest, ALeaseThatWasDeletedIsCreatedAgain) {
  start();
  told(1);
  server_.remove_lease(kPath);
  EXPECT_TRUE(eventually([&] { return holder() == "me"; }));
  EXPECT_EQ(told(1), std::vector{true});
}

TEST_F(LeaderElectionTest, ALeaderWithoutAServerStopsAndBeginsAgain) {
  start();
  told(1);
  server_.go_away();
  EXPECT_EQ(told(2), (std::vector{true, false}));
  EXPECT_FALSE(election_->is_leader());
  server_.come_back();
  EXPECT_EQ(told(3), (std::vector{true, false, true}));
}

TEST_F(LeaderElectionTest, ALeaderWhoseServerHangsStops) {
  start();
  told(1);
  for (int i = 0; i < 100; ++i) server_.answer_next("PUT", {0, "", {}});
  EXPECT_EQ(told(2), (std::vector{true, false}));
  EXPECT_FALSE(election_->is_leader());
}

TEST_F(LeaderElectionTest, FailuresOfTheServerAreTriedAgain) {
  for (const int status : {503, 403, 422}) server_.answer_next("POST", {status, "", {}});
  start();
  EXPECT_EQ(told(1), std::vector{true});
  EXPECT_GE(server_.wait_requests("POST", 4).size(), 4U);
}

TEST_F(LeaderElectionTest, AnAnswerThatIsNoLeaseIsAFailure) {
  server_.answer_next("GET", {200, "[]", {}});
  server_.answer_next("GET", {200, R"({"spec":{"leaseDurationSeconds":"x"}})", {}});
  start();
  EXPECT_EQ(told(1), std::vector{true});
}

TEST_F(LeaderElectionTest, OnlyOneOfTwoCreatesIt) {
  server_.answer_next("POST", {409, "", {}});
  start();
  EXPECT_EQ(told(1), std::vector{true});
  EXPECT_GE(server_.wait_requests("GET", 2).size(), 2U) << "it has looked who was quicker";
}

TEST_F(LeaderElectionTest, TheEndGivesItBack) {
  start(1h);
  told(1);
  election_->stop();
  const auto lease = server_.lease(kPath).value();
  EXPECT_EQ(lease.holder, "");
  EXPECT_EQ(lease.duration, 1);
  EXPECT_FALSE(election_->is_leader());
  EXPECT_THAT(text_of(metrics_),
              HasSubstr("leader_election_master_status{name=\"weir-leader\"} 0\n"));
}

TEST_F(LeaderElectionTest, TheEndGivesItBackInAnotherVersion) {
  start(1h);
  told(1);
  server_.touch_lease(kPath);
  election_->stop();
  EXPECT_EQ(holder(), "");
}

TEST_F(LeaderElectionTest, TheEndDoesNotWaitForAServerThatHangs) {
  start(1h);
  told(1);
  for (int i = 0; i < 100; ++i) server_.answer_next("PUT", {0, "", {}});
  election_->stop();
  EXPECT_EQ(holder(), "me");
}

}  // namespace
}  // namespace weir::controller
