#include "controller/status_book.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Addresses kOurs = {{"192.0.2.1", ""}};
const Addresses kOthers = {{"203.0.113.1", ""}};

class StatusBookTest : public testing::Test {
 protected:
  /// An Ingress as the cluster has it now.
  void put(const std::string& name, Addresses addresses = {}, bool is_served = true) {
    auto& entry = cluster_[{"team", name}];
    entry.first.meta.resource_version = std::to_string(++version_);
    entry.first.addresses = std::move(addresses);
    entry.second = is_served;
    book_.touch({"team", name});
  }
  void remove(const std::string& name) {
    cluster_.erase({"team", name});
    book_.touch({"team", name});
  }
  void lead() {
    book_.set_addresses(kOurs);
    book_.set_leading(true);
  }
  /// Does all that is to be written, in the cluster as well; gives "NAME=ADDRESSES" of each.
  std::vector<std::string> write() {
    std::vector<std::string> written;
    while (const auto job = book_.next()) {
      std::string line = job->name.name + "=";
      for (const auto& address : job->addresses) line += address.ip + address.hostname;
      written.push_back(line);
      book_.done(*job, StatusOutcome::Written);
      put(job->name.name, job->addresses, cluster_.at(job->name).second);
    }
    std::ranges::sort(written);
    return written;
  }
  /// The next write meets this.
  StatusJob meet(StatusOutcome outcome) {
    const auto job = book_.next();
    EXPECT_TRUE(job);
    if (!job) return {};
    book_.done(*job, outcome, "\"other\"");
    return *job;
  }

  std::map<ingress::NamespacedName, std::pair<kube::Ingress, bool>> cluster_;
  int version_ = 0;
  StatusBook book_{[this](const ingress::NamespacedName& name) {
    const auto found = cluster_.find(name);
    if (found == cluster_.end()) return StatusBook::Known{};
    return StatusBook::Known{&found->second.first, found->second.second};
  }};
};

TEST_F(StatusBookTest, ServedIngressesGetOurAddressesOnce) {
  lead();
  put("a");
  put("b", kOthers);
  put("c", kOurs);
  put("d", kOthers, false);
  EXPECT_THAT(write(), ElementsAre("a=192.0.2.1", "b=192.0.2.1"));
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_THAT(book_.shown(), testing::SizeIs(3));
}

TEST_F(StatusBookTest, NothingIsWrittenByOneThatDoesNotLead) {
  book_.set_addresses(kOurs);
  put("a");
  EXPECT_THAT(write(), IsEmpty());
  book_.set_leading(true);
  EXPECT_THAT(write(), ElementsAre("a=192.0.2.1"));
  put("b");
  book_.set_leading(false);
  EXPECT_THAT(write(), IsEmpty());
}

TEST_F(StatusBookTest, NothingIsWrittenBeforeTheAddressesAreKnown) {
  book_.set_leading(true);
  put("a", kOthers);
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_THAT(book_.shown(), IsEmpty());
}

TEST_F(StatusBookTest, OtherAddressesAreWrittenToAll) {
  lead();
  put("a");
  put("b");
  write();
  book_.set_addresses({{"", "lb.example"}});
  EXPECT_THAT(write(), ElementsAre("a=lb.example", "b=lb.example"));
  book_.set_addresses({});
  EXPECT_THAT(write(), ElementsAre("a=", "b="));
}

TEST_F(StatusBookTest, TheOrderOfAddressesIsNoDifference) {
  book_.set_addresses({{"192.0.2.1", ""}, {"192.0.2.2", ""}});
  book_.set_leading(true);
  put("a", {{"192.0.2.2", ""}, {"192.0.2.1", ""}});
  EXPECT_THAT(write(), IsEmpty());
}

TEST_F(StatusBookTest, WhatOthersChangeIsWrittenAgain) {
  lead();
  put("a");
  write();
  put("a", {});
  EXPECT_THAT(write(), ElementsAre("a=192.0.2.1"));
}

TEST_F(StatusBookTest, AConflictIsSaidAndNotFought) {
  lead();
  put("a", kOthers);
  meet(StatusOutcome::Conflict);
  const auto problems = book_.take_problems();
  ASSERT_EQ(problems.appeared.size(), 1U);
  EXPECT_EQ(problems.appeared[0].code, "StatusConflict");
  EXPECT_THAT(problems.appeared[0].message, HasSubstr("\"other\""));
  EXPECT_FALSE(book_.next()) << "nothing has changed";

  put("a", kOthers);  // another version
  meet(StatusOutcome::Conflict);
  EXPECT_THAT(book_.take_problems().appeared, IsEmpty()) << "it is the same problem";
  book_.set_addresses({{"192.0.2.7", ""}});
  meet(StatusOutcome::Conflict);

  put("a", {{"192.0.2.7", ""}});  // the other one agrees
  EXPECT_FALSE(book_.next());
  EXPECT_EQ(book_.take_problems().disappeared.size(), 1U);
}

TEST_F(StatusBookTest, AConflictEndsWithTheIngressAndWithTheLeadership) {
  lead();
  put("a", kOthers);
  put("b", kOthers);
  meet(StatusOutcome::Conflict);
  meet(StatusOutcome::Conflict);
  EXPECT_EQ(book_.take_problems().appeared.size(), 2U);
  remove("a");
  EXPECT_EQ(book_.take_problems().disappeared.size(), 1U);
  book_.set_leading(false);
  EXPECT_EQ(book_.take_problems().disappeared.size(), 1U);
}

TEST_F(StatusBookTest, WhatIsRefusedIsNotTriedAgainForTheSame) {
  lead();
  put("a");
  meet(StatusOutcome::Refused);
  EXPECT_FALSE(book_.next());
  put("a");
  EXPECT_TRUE(book_.next());
}

TEST_F(StatusBookTest, WhatFailedIsTriedAgain) {
  lead();
  put("a");
  const auto first = meet(StatusOutcome::Failed);
  EXPECT_EQ(book_.next(), first);
}

TEST_F(StatusBookTest, AWriteOfNoEffectIsNotRepeated) {
  lead();
  book_.set_addresses({});
  put("a", kOthers);  // which another manager has: taking ours out changes nothing
  meet(StatusOutcome::Written);
  EXPECT_FALSE(book_.next());
}

TEST_F(StatusBookTest, AChangeWhileAWriteIsUnderWayIsSeen) {
  lead();
  put("a");
  const auto job = book_.next().value();
  put("a", kOthers);
  book_.done(job, StatusOutcome::Written);
  EXPECT_THAT(write(), ElementsAre("a=192.0.2.1"));
}

TEST_F(StatusBookTest, AnIngressThatLeavesOurClassIsClearedOnce) {
  lead();
  put("a");
  put("b");
  write();
  put("a", kOurs, false);
  put("b", kOthers, false);  // its new controller was quicker
  const auto job = book_.next().value();
  EXPECT_EQ(job.name.name, "a");
  EXPECT_EQ(job.addresses, Addresses());
  book_.done(job, StatusOutcome::Written);
  put("a", kOurs, false);  // what is there now, another one has written
  EXPECT_FALSE(book_.next());
}

TEST_F(StatusBookTest, TheNextLeaderClearsWhatHasLeft) {
  book_.set_addresses(kOurs);
  put("a", kOurs);
  put("b", kOurs);
  put("a", kOurs, false);
  put("b", kOurs, false);
  EXPECT_FALSE(book_.next());
  put("b", {}, false);  // by the leader
  book_.set_leading(true);
  EXPECT_THAT(write(), ElementsAre("a="));
}

TEST_F(StatusBookTest, AnIngressThatComesBackIsServedAgain) {
  lead();
  put("a");
  write();
  put("a", kOurs, false);
  put("a", kOurs, true);
  EXPECT_THAT(write(), IsEmpty());
}

TEST_F(StatusBookTest, AnIngressThatIsGoneIsForgotten) {
  lead();
  put("a");
  meet(StatusOutcome::Gone);
  remove("a");
  EXPECT_FALSE(book_.next());
  EXPECT_THAT(book_.shown(), IsEmpty());
}

}  // namespace
}  // namespace weir::controller
