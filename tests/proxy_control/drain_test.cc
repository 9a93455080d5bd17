#include "proxy_control/drain.h"

#include <gtest/gtest.h>

#include "proxy_control/support.h"

namespace weir::proxy_control {
namespace {

class DrainTest : public ::testing::Test {
 protected:
  Drain drain(Drain::Times times) {
    return {io_,
            times,
            {[this] { ++stopped_; }, [this](auto window) { window_ = window; },
             [this] { return open_; }, [this] { ++closed_; }},
            [this] { ++ended_; }};
  }
  bool ended() {
    return run_until(io_, [this] { return ended_ > 0; });
  }

  boost::asio::io_context io_;
  std::uint64_t open_ = 0;
  int stopped_ = 0;
  std::chrono::milliseconds window_{-1};
  int closed_ = 0;
  int ended_ = 0;
};

TEST_F(DrainTest, EndsWhenNothingIsOpen) {
  auto drain = this->drain({});
  EXPECT_FALSE(drain.has_begun());
  drain.begin();
  EXPECT_TRUE(drain.has_begun());

  ASSERT_TRUE(ended());
  EXPECT_EQ(stopped_, 1);
  EXPECT_EQ(closed_, 0);
}

TEST_F(DrainTest, ListenersStayForTheDelay) {
  auto drain = this->drain({std::chrono::hours(1), std::chrono::hours(1)});
  drain.begin();
  io_.poll();
  EXPECT_EQ(stopped_, 0);
}

TEST_F(DrainTest, WaitsForWhatIsOpen) {
  open_ = 2;
  auto drain = this->drain({std::chrono::milliseconds(0), std::chrono::hours(1)});
  drain.begin();
  ASSERT_TRUE(run_until(io_, [this] { return stopped_ == 1; }));
  EXPECT_EQ(window_, std::chrono::minutes(54)) << "of the hour";
  EXPECT_EQ(ended_, 0);
  open_ = 0;
  ASSERT_TRUE(ended());
  EXPECT_EQ(closed_, 0);
}

TEST_F(DrainTest, CutsWhatIsLeftAtTheDeadline) {
  open_ = 2;
  auto drain = this->drain({std::chrono::milliseconds(0), std::chrono::milliseconds(1)});
  drain.begin();
  drain.begin();
  ASSERT_TRUE(ended());
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(stopped_, 1);
}

}  // namespace
}  // namespace weir::proxy_control
