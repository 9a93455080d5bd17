#include "proxy_control/table_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy_control/fake_dns.h"
#include "proxy_control/memory_keys.h"
#include "proxy_control/support.h"
#include "support/temp_folder.h"

namespace weir::proxy_control {
namespace {

using table::encode;

class TableServiceTest : public ::testing::Test {
 protected:
  struct Service {
    Service(TableServiceTest& test, const std::string& servers)
        : table(
              test.io_,
              [this](auto delta, auto done) {
                deltas.push_back(std::move(delta));
                if (workers_run) {
                  done();
                } else {
                  waiting = std::move(done);
                }
              },
              {servers, std::chrono::milliseconds(1), std::chrono::milliseconds(1)}, counters) {}

    std::vector<std::shared_ptr<const proxy::Delta>> deltas;
    bool workers_run = true;
    std::function<void()> waiting;
    ControlCounters counters;
    TableService table;
  };

  StateFile file(MemoryKeys::Keys* keys) {
    return {folder_.path("state"), std::make_unique<MemoryKeys>(keys), false};
  }
  /// Applies an update, and waits until it is live.
  std::vector<Refusal> apply(Service& service, const table::Update& update) {
    bool live = false;
    auto refusals = service.table.apply(update, [&] { live = true; });
    EXPECT_TRUE(run_until(io_, [&] { return live; }));
    return refusals;
  }

  test::TempFolder folder_;
  boost::asio::io_context io_;
  FakeDns dns_{io_};
  Service service_{*this, dns_.address()};
};

TEST_F(TableServiceTest, IsLiveWhenEveryWorkerRunsTheTable) {
  service_.workers_run = false;
  bool live = false;
  service_.table.apply({5, true, {encode(make_host("a.example"))}, {}}, [&] { live = true; });
  io_.poll();
  EXPECT_FALSE(service_.table.is_live());
  EXPECT_EQ(service_.counters.generation, 0U);

  service_.waiting();
  ASSERT_TRUE(run_until(io_, [&] { return live; }));

  EXPECT_TRUE(service_.table.is_live());
  EXPECT_EQ(service_.counters.generation, 5U);
  EXPECT_EQ(service_.counters.updates_applied, 1U);
  EXPECT_EQ(service_.counters.resources[3], 1U);
}

TEST_F(TableServiceTest, AnEmptyTableIsATableToo) {
  apply(service_, {1, true, {}, {}});
  EXPECT_TRUE(service_.table.is_live());
  EXPECT_EQ(service_.deltas.size(), 1U);
}

TEST_F(TableServiceTest, RefusalsAreCountedAndTheRestIsLive) {
  const auto refusals =
      apply(service_, {1, true, {encode(make_host("UPPER")), encode(make_host("a.example"))}, {}});
  EXPECT_EQ(refusals.size(), 1U);
  EXPECT_EQ(service_.counters.resources_refused, 1U);
  EXPECT_EQ(service_.deltas.at(0)->hosts.size(), 1U);
}

TEST_F(TableServiceTest, StartsFromTheStateFileOfTheOneBefore) {
  MemoryKeys::Keys keys;
  service_.table.keep_state(file(&keys), {});
  EXPECT_FALSE(service_.table.is_live());
  apply(service_,
        {5, true, {encode(make_certificate("a/tls")), encode(make_host("a.example"))}, {}});
  service_.table.finish_state();

  Service next(*this, dns_.address());
  next.table.keep_state(file(&keys), {});

  ASSERT_TRUE(run_until(io_, [&] { return next.table.is_live(); }));
  EXPECT_EQ(next.table.held(), service_.table.held());
  EXPECT_EQ(next.deltas.at(0)->certificates.size(), 1U);
}

TEST_F(TableServiceTest, WithoutItsCertificatesTheTableServesButIsNotReady) {
  service_.table.keep_state(file(nullptr), {});
  apply(service_,
        {5, true, {encode(make_certificate("a/tls")), encode(make_host("a.example"))}, {}});
  service_.table.finish_state();

  Service next(*this, dns_.address());
  next.table.keep_state(file(nullptr), {});

  EXPECT_EQ(next.deltas.at(0)->hosts.size(), 1U);
  io_.poll();
  EXPECT_FALSE(next.table.is_live());
  apply(next, {1, true, {encode(make_certificate("a/tls"))}, {}});
  EXPECT_TRUE(next.table.is_live());
}

TEST_F(TableServiceTest, ABrokenStateFileIsPassedOver) {
  folder_.write("state", "nonsense");
  service_.table.keep_state(file(nullptr), {});
  EXPECT_TRUE(service_.deltas.empty());
  EXPECT_FALSE(service_.table.is_live());
  EXPECT_EQ(service_.counters.state_failures, 1U);
}

TEST_F(TableServiceTest, DnsAnswersReachTheWorkers) {
  dns_.records["api.example.com"] = {{"192.0.2.1"}, 60};
  table::Backend backend;
  backend.name = "a/b:80";
  backend.dns = table::DnsName{"api.example.com", 80, false};

  apply(service_, {1, true, {encode(backend)}, {}});

  EXPECT_TRUE(service_.deltas.at(0)->backends.at(0)->endpoints.empty());
  ASSERT_TRUE(run_until(io_, [&] { return service_.deltas.size() == 2; }));
  EXPECT_EQ(service_.deltas[1]->backends.at(0)->endpoints.at(0).address, "192.0.2.1");

  apply(service_, {2, true, {}, {{table::ResourceKind::Backend, "a/b:80"}}});
  EXPECT_EQ(service_.deltas.at(2)->removed_backends.size(), 1U);
}

}  // namespace
}  // namespace weir::proxy_control
