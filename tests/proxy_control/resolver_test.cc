#include "proxy_control/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy_control/fake_dns.h"
#include "proxy_control/support.h"

namespace weir::proxy_control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ResolverTest : public ::testing::Test {
 protected:
  std::shared_ptr<const table::Backend> follow(const std::string& name, std::uint16_t port = 443,
                                               bool allow_loopback = false) {
    auto backend = std::make_shared<table::Backend>();
    backend->name = "a/b:443";
    backend->dns = table::DnsName{name, port, allow_loopback};
    return resolver_.follow(std::move(backend));
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    if (last_) {
      for (const auto& endpoint : last_->endpoints) ids.push_back(endpoint.id);
    }
    return ids;
  }

  bool published(int times) {
    return run_until(io_, [&] { return published_ >= times; });
  }
  bool failed(std::uint64_t times) {
    return run_until(io_, [&] { return counters_.dns_failures >= times; });
  }

  boost::asio::io_context io_;
  FakeDns dns_{io_};
  ControlCounters counters_;
  std::shared_ptr<const table::Backend> last_;
  int published_ = 0;
  Resolver resolver_{io_,
                     {dns_.address(), std::chrono::milliseconds(1), std::chrono::milliseconds(1)},
                     counters_,
                     [this](auto backend) {
                       last_ = std::move(backend);
                       ++published_;
                     }};
};

TEST_F(ResolverTest, GivesBothFamiliesSortedWithThePort) {
  dns_.records["api.example.com"] = {{"192.0.2.7", "2001:db8::1", "192.0.2.3"}, 60};

  const auto first = follow("api.example.com");

  EXPECT_THAT(first->endpoints, IsEmpty());
  ASSERT_TRUE(published(1));
  EXPECT_THAT(ids(), ElementsAre("192.0.2.3:443", "192.0.2.7:443", "2001:db8::1:443"));
  EXPECT_EQ(last_->endpoints[0].address, "192.0.2.3");
  EXPECT_EQ(last_->endpoints[0].port, 443);
  EXPECT_EQ(last_->name, "a/b:443");
  EXPECT_EQ(counters_.dns_answers, 1U);
}

TEST_F(ResolverTest, ABackendWithoutDnsIsAsItIs) {
  const auto backend = std::make_shared<const table::Backend>(make_backend("a/b:80", "10.0.0.1"));
  EXPECT_EQ(resolver_.follow(backend), backend);
}

TEST_F(ResolverTest, AsksAgainWhenTheTimeToLiveIsOver) {
  dns_.records["api.example.com"] = {{"192.0.2.7"}, 1};
  follow("api.example.com");
  ASSERT_TRUE(published(1));

  dns_.records["api.example.com"] = {{"192.0.2.8"}, 1};

  ASSERT_TRUE(published(2));
  EXPECT_THAT(ids(), ElementsAre("192.0.2.8:443"));
}

TEST_F(ResolverTest, TheLastGoodAnswerStaysWhileLookupsFail) {
  dns_.records["api.example.com"] = {{"192.0.2.7"}, 0};
  follow("api.example.com");
  ASSERT_TRUE(published(1));
  dns_.records.clear();

  ASSERT_TRUE(failed(2));

  EXPECT_EQ(published_, 1);
  EXPECT_THAT(follow("api.example.com", 8443)->endpoints.at(0).id, "192.0.2.7:8443");
  dns_.records["api.example.com"] = {{"192.0.2.9"}, 60};
  ASSERT_TRUE(published(2));
  EXPECT_THAT(ids(), ElementsAre("192.0.2.9:8443"));
}

TEST_F(ResolverTest, AddressesOfThisHostAreRefused) {
  dns_.records["api.example.com"] = {
      {"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "192.0.2.7"}, 60};
  follow("api.example.com");
  ASSERT_TRUE(published(1));
  EXPECT_THAT(ids(), ElementsAre("192.0.2.7:443"));
}

TEST_F(ResolverTest, OnlyAddressesOfThisHostIsAFailure) {
  dns_.records["api.example.com"] = {{"127.0.0.1"}, 60};
  follow("api.example.com");
  ASSERT_TRUE(failed(2));
  EXPECT_EQ(published_, 0);
}

TEST_F(ResolverTest, LoopbackIsTakenWhereItIsAllowed) {
  dns_.records["api.example.com"] = {{"127.0.0.1"}, 60};
  follow("api.example.com", 80, true);
  ASSERT_TRUE(published(1));
  EXPECT_THAT(ids(), ElementsAre("127.0.0.1:80"));
}

TEST_F(ResolverTest, LocalhostIsNotEvenAskedFor) {
  for (const char* name : {"localhost", "app.localhost", "localhost."}) {
    const auto before = counters_.dns_failures;
    follow(name);
    ASSERT_TRUE(failed(before + 1)) << name;
  }
  EXPECT_THAT(dns_.questions, IsEmpty());
  EXPECT_EQ(published_, 0);
}

TEST_F(ResolverTest, AnotherNameForgetsTheOldAddresses) {
  dns_.records["one.example.com"] = {{"192.0.2.1"}, 60};
  dns_.records["two.example.com"] = {{"192.0.2.2"}, 60};
  follow("one.example.com");
  ASSERT_TRUE(published(1));

  EXPECT_THAT(follow("two.example.com")->endpoints, IsEmpty());
  ASSERT_TRUE(published(2));
  EXPECT_THAT(ids(), ElementsAre("192.0.2.2:443"));
}

TEST_F(ResolverTest, AForgottenBackendIsNotAskedForAgain) {
  dns_.records["gone.example.com"] = {{"192.0.2.1"}, 0};
  dns_.records["other.example.com"] = {{"192.0.2.2"}, 0};
  follow("gone.example.com");
  ASSERT_TRUE(published(1));

  resolver_.forget("a/b:443");
  const auto asked = dns_.questions["gone.example.com"];
  follow("other.example.com");

  ASSERT_TRUE(run_until(io_, [&] { return dns_.questions["other.example.com"] > 5; }));
  EXPECT_EQ(dns_.questions["gone.example.com"], asked);
}

TEST_F(ResolverTest, EndsWhileALookupRuns) {
  follow("api.example.com");
  io_.run_one_for(std::chrono::milliseconds(100));  // asked, not answered
}

}  // namespace
}  // namespace weir::proxy_control
