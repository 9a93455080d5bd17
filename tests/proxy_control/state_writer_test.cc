#include "proxy_control/state_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "proxy_control/memory_keys.h"
#include "proxy_control/support.h"
#include "support/temp_folder.h"

namespace weir::proxy_control {
namespace {

class StateWriterTest : public ::testing::Test {
 protected:
  StateFile file() { return {path_, std::make_unique<MemoryKeys>(nullptr), true}; }
  std::unique_ptr<StateWriter> writer(StateWriter::Pace pace) {
    return std::make_unique<StateWriter>(
        io_, file(), [this] { return [table = table_] { return table; }; }, counters_, pace);
  }
  std::size_t kept() { return file().load().value().update.upserts.size(); }
  void add(const std::string& host) { table_.push_back(table::encode(make_host(host))); }

  test::TempFolder folder_;
  std::string path_ = folder_.path("state");
  boost::asio::io_context io_;
  std::vector<table::EncodedResource> table_;
  ControlCounters counters_;
};

TEST_F(StateWriterTest, WritesAChangeAtOnceAndTheNextOneLater) {
  const auto state = writer({std::chrono::milliseconds(1), std::chrono::milliseconds(1)});
  add("a.example");
  state->schedule();
  ASSERT_TRUE(run_until(io_, [&] { return counters_.state_writes == 1; }));
  EXPECT_EQ(kept(), 1U);

  add("b.example");
  state->schedule();
  ASSERT_TRUE(run_until(io_, [&] { return counters_.state_writes == 2; }));
  EXPECT_EQ(kept(), 2U);
}

TEST_F(StateWriterTest, ManyChangesAreFewWrites) {
  const auto state = writer({std::chrono::hours(1), std::chrono::hours(1)});
  state->schedule();
  ASSERT_TRUE(run_until(io_, [&] { return counters_.state_writes == 1; }));
  for (int i = 0; i < 100; ++i) {
    add("h" + std::to_string(i) + ".example");
    state->schedule();
    io_.poll();
  }
  EXPECT_EQ(counters_.state_writes, 1U);

  state->finish();

  EXPECT_EQ(counters_.state_writes, 2U);
  EXPECT_EQ(kept(), 100U);
}

TEST_F(StateWriterTest, FinishingWithNothingDueWritesNothing) {
  const auto state = writer({});
  state->finish();
  EXPECT_EQ(counters_.state_writes, 0U);
}

TEST_F(StateWriterTest, AFailureIsCountedAndTriedAgain) {
  ASSERT_EQ(::mkdir((path_ + ".tmp").c_str(), 0700), 0);  // in the way
  const auto state = writer({std::chrono::milliseconds(1), std::chrono::milliseconds(1)});
  add("a.example");
  state->schedule();
  ASSERT_TRUE(run_until(io_, [&] { return counters_.state_failures > 1; }));
  EXPECT_EQ(counters_.state_writes, 0U);

  ASSERT_EQ(::rmdir((path_ + ".tmp").c_str()), 0);
  ASSERT_TRUE(run_until(io_, [&] { return counters_.state_writes == 1; }));
  EXPECT_EQ(kept(), 1U);
}

}  // namespace
}  // namespace weir::proxy_control
