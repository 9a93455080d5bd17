#include "controller/push_server.h"

#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/loop_thread.h"
#include "controller/metrics_text.h"
#include "controller/scripted_proxy.h"
#include "support/temp_folder.h"

namespace weir::controller {
namespace {

using test::names;
using test::ScriptedProxy;
using testing::ElementsAre;
using testing::IsEmpty;

table::Host host(const std::string& name, const std::string& backend = "default/shop:80") {
  table::Host host;
  host.name = name;
  host.routes.push_back({{}, "default/shop", false, {{backend, 1}}});
  return host;
}

class PushServerTest : public testing::Test {
 protected:
  void SetUp() override { listen({}); }
  void TearDown() override {
    loop_.run([this] { server_.reset(); });
    loop_.join();
  }

  void listen(PushDeadlines deadlines) {
    loop_.run([this, deadlines] {
      server_.reset();
      auto listening = PushServer::listen(
          loop_.io, path(), deadlines, table_, metrics_, [this](const Refusal& refusal) {
            refusals_.push_back(table::to_string(refusal.key) + ": " + refusal.reason);
          });
      ASSERT_TRUE(listening) << listening.error().detail;
      server_ = std::move(*listening);
    });
  }
  std::string path() const { return folder_.path("control.sock"); }

  std::uint64_t publish(const std::vector<table::Resource>& upserts,
                        const std::vector<table::ResourceKey>& removes = {}) {
    return loop_.run([&] {
      server_->table_changed(table_.apply(upserts, removes).changed);
      return table_.generation();
    });
  }
  /// Until the metrics have this line.
  void wait_for_metric(const std::string& line) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (text_of(metrics_).find(line + "\n") == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << line << " not in\n"
                                                            << text_of(metrics_);
      std::this_thread::yield();
    }
  }
  void expect_refused(const table::Bytes& bytes, const std::string& reason) {
    ScriptedProxy proxy(path());
    proxy.send(bytes);
    proxy.wait_until_closed();
    wait_for_metric("weir_controller_refused_frames_total{reason=\"" + reason + "\"} 1");
  }

  test::TempFolder folder_;
  Metrics metrics_;
  PublishedTable table_{1000};
  std::vector<std::string> refusals_;  // of the loop's thread
  test::LoopThread loop_;
  std::unique_ptr<PushServer> server_;
};

TEST_F(PushServerTest, ProxyGetsTheWholeTableThenOnlyWhatChanges) {
  publish({table::Settings{}, host("a.example")});
  ScriptedProxy proxy(path());
  proxy.hello();

  EXPECT_THAT(names(proxy.take_update()), ElementsAre("settings", "host a.example"));
  const auto generation = publish({host("b.example")}, {{table::ResourceKind::Host, "a.example"}});
  const auto update = proxy.take_update();
  EXPECT_THAT(names(update), ElementsAre("host b.example", "no host a.example"));
  EXPECT_EQ(update.generation, generation);
  wait_for_metric("weir_controller_updates_acknowledged_total 2");
}

TEST_F(PushServerTest, NothingIsSentBeforeTheTableIsComplete) {
  ScriptedProxy proxy(path());
  proxy.hello();
  wait_for_metric("weir_controller_proxies_connected 1");
  publish({table::Settings{}});
  publish({host("a.example")});

  std::vector<std::string> all = names(proxy.take_update());
  if (all.size() == 1) {
    for (const auto& name : names(proxy.take_update())) all.push_back(name);
  }
  EXPECT_THAT(all, ElementsAre("settings", "host a.example"));
}

TEST_F(PushServerTest, EmptyTableIsCompleteToo) {
  publish({});
  ScriptedProxy proxy(path());
  proxy.hello();
  EXPECT_THAT(names(proxy.take_update()), IsEmpty());
}

TEST_F(PushServerTest, ReconnectGetsDifferencesOnly) {
  publish({table::Settings{}, host("a.example"), host("b.example")});
  ScriptedProxy first(path());
  first.hello();
  first.take_update();
  first.close();
  publish({host("b.example", "default/other:80"), host("c.example")},
          {{table::ResourceKind::Host, "a.example"}});

  ScriptedProxy again(path());
  again.held = first.held;
  again.hello();
  EXPECT_THAT(names(again.take_update()),
              ElementsAre("host b.example", "host c.example", "no host a.example"));

  ScriptedProxy once_more(path());
  once_more.held = again.held;
  once_more.hello();
  EXPECT_THAT(names(once_more.take_update()), IsEmpty());
}

TEST_F(PushServerTest, EqualChangeIsNoChange) {
  publish({table::Settings{}, host("a.example")});
  ScriptedProxy proxy(path());
  proxy.hello();
  const auto first = proxy.take_update();

  EXPECT_EQ(publish({host("a.example")}), first.generation);
  publish({host("b.example")});
  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host b.example"));
}

TEST_F(PushServerTest, ChangesBeforeTheAckAreGatheredNewestWins) {
  publish({table::Settings{}});
  ScriptedProxy proxy(path());
  proxy.hello();
  const auto first = proxy.read_update();
  publish({host("a.example", "default/one:80"), host("gone.example")});
  publish({host("b.example")});
  const auto last =
      publish({host("a.example", "default/two:80")}, {{table::ResourceKind::Host, "gone.example"}});
  proxy.ack(first);

  const auto second = proxy.take_update();
  EXPECT_THAT(names(second), ElementsAre("host a.example", "host b.example"));
  EXPECT_EQ(second.generation, last);
  EXPECT_EQ(std::get<table::Host>(
                table::decode(table::ResourceKind::Host, *second.upserts[0].bytes).value())
                .routes[0]
                .backends[0]
                .backend,
            "default/two:80");
}

TEST_F(PushServerTest, SlowProxyHoldsUpOnlyItself) {
  publish({table::Settings{}});
  ScriptedProxy slow(path());
  slow.hello();
  const auto unanswered = slow.read_update();
  ScriptedProxy quick(path());
  quick.hello();
  quick.take_update();

  for (int i = 0; i < 20; ++i) {
    publish({host("h" + std::to_string(i) + ".example")});
    EXPECT_EQ(quick.take_update().upserts.size(), 1U);
  }
  slow.ack(unanswered);
  EXPECT_EQ(slow.take_update().upserts.size(), 20U);
}

TEST_F(PushServerTest, LargeTableTravelsInParts) {
  std::vector<table::Resource> resources = {table::Settings{}};
  for (int i = 0; i < 40; ++i) {
    const std::string name = "default/tls" + std::to_string(i);
    resources.emplace_back(table::Certificate{name, std::string(100'000, 'c'), "key"});
  }
  publish(resources);
  ScriptedProxy proxy(path());
  proxy.hello();

  EXPECT_EQ(proxy.take_update().upserts.size(), 41U);
  EXPECT_GT(proxy.parts, 2U);
  std::vector<table::ResourceKey> all;
  for (const auto& resource : resources) all.push_back(table::key_of(resource));
  publish({}, all);
  EXPECT_EQ(proxy.take_update().removes.size(), 41U);
}

TEST_F(PushServerTest, RefusedResourceIsNotSentAgainUntilItChanges) {
  publish({table::Settings{}, host("bad.example"), host("good.example")});
  ScriptedProxy proxy(path());
  proxy.hello();
  const auto first = proxy.read_update();
  proxy.nack(first, {table::ResourceKind::Host, "bad.example"}, "does not\nsuit me");
  proxy.ack(first);
  publish({host("other.example")});
  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host other.example"));
  EXPECT_THAT(loop_.run([this] { return refusals_; }),
              ElementsAre("host bad.example: does not?suit me"));

  publish({host("bad.example", "default/better:80")});
  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host bad.example"));
  wait_for_metric("weir_controller_resources_refused_total 1");
}

TEST_F(PushServerTest, RefusedVersionThatComesBackIsNotSentAgain) {
  publish({table::Settings{}, host("bad.example")});
  ScriptedProxy proxy(path());
  proxy.hello();
  const auto first = proxy.read_update();
  proxy.nack(first, {table::ResourceKind::Host, "bad.example"}, "no");
  wait_for_metric("weir_controller_resources_refused_total 1");
  publish({host("bad.example", "default/better:80")});
  publish({host("bad.example"), host("other.example")});
  proxy.ack(first);

  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host other.example"));
}

TEST_F(PushServerTest, RefusedResourceThatIsTakenBackIsNotRemovedFromAProxyThatNeverHadIt) {
  publish({table::Settings{}});
  ScriptedProxy proxy(path());
  proxy.hello();
  proxy.take_update();
  publish({host("bad.example")});
  const auto second = proxy.read_update();
  proxy.nack(second, {table::ResourceKind::Host, "bad.example"}, "no");
  proxy.send(table::encode_frame(table::Ack{second.generation}));
  wait_for_metric("weir_controller_updates_acknowledged_total 2");
  publish({host("other.example")}, {{table::ResourceKind::Host, "bad.example"}});
  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host other.example"));
}

TEST_F(PushServerTest, RefusedVersionKeepsTheFormerOneAsHeld) {
  publish({table::Settings{}, host("a.example", "default/one:80")});
  ScriptedProxy proxy(path());
  proxy.hello();
  proxy.take_update();
  publish({host("a.example", "default/two:80")});
  const auto second = proxy.read_update();
  proxy.nack(second, {table::ResourceKind::Host, "a.example"}, "no");
  proxy.send(table::encode_frame(table::Ack{second.generation}));
  wait_for_metric("weir_controller_updates_acknowledged_total 2");

  publish({host("a.example", "default/one:80"), host("b.example")});  // what it holds already
  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host b.example"));
}

TEST_F(PushServerTest, GarbageEndsOnlyItsOwnSession) {
  publish({table::Settings{}});
  ScriptedProxy good(path());
  good.hello();
  good.take_update();

  expect_refused(table::Bytes(64, 0x17), "malformed");
  publish({host("a.example")});
  EXPECT_THAT(names(good.take_update()), ElementsAre("host a.example"));
}

TEST_F(PushServerTest, OversizedFrameIsRefusedByItsHeader) {
  expect_refused({'W', 'E', 'I', 'R', 0, 1, 0, 1, 0xff, 0xff, 0xff, 0xff}, "malformed");
}

TEST_F(PushServerTest, WrongVersionIsRefused) {
  expect_refused({'W', 'E', 'I', 'R', 0, 99, 0, 1, 0, 0, 0, 0}, "unsupported");
}

TEST_F(PushServerTest, UnknownKindIsRefused) {
  expect_refused({'W', 'E', 'I', 'R', 0, 1, 0, 77, 0, 0, 0, 0}, "unsupported");
}

TEST_F(PushServerTest, BodyThatIsNoHelloIsRefused) {
  expect_refused({'W', 'E', 'I', 'R', 0, 1, 0, 1, 0, 0, 0, 3, 0xff, 0xff, 0xff}, "malformed");
}

TEST_F(PushServerTest, AckWithoutHelloIsRefused) {
  expect_refused(table::encode_frame(table::Ack{1}), "unexpected");
}

TEST_F(PushServerTest, AckOfAnotherGenerationIsRefused) {
  publish({table::Settings{}});
  ScriptedProxy proxy(path());
  proxy.hello();
  const auto update = proxy.read_update();
  proxy.send(table::encode_frame(table::Ack{update.generation + 1}));
  proxy.wait_until_closed();
  wait_for_metric("weir_controller_refused_frames_total{reason=\"unexpected\"} 1");
}

TEST_F(PushServerTest, NackOfWhatWasNotSentIsRefused) {
  publish({table::Settings{}});
  ScriptedProxy proxy(path());
  proxy.hello();
  const auto update = proxy.read_update();
  proxy.nack(update, {table::ResourceKind::Host, "a.example"}, "no");
  proxy.wait_until_closed();
  wait_for_metric("weir_controller_refused_frames_total{reason=\"unexpected\"} 1");
}

TEST_F(PushServerTest, FrameCutAnywhereEndsItsSession) {
  table::Hello hello;
  hello.software = "cut";
  hello.held[{table::ResourceKind::Host, "a.example"}] = {};
  const auto whole = table::encode_frame(hello);
  for (std::size_t length = 1; length < whole.size(); ++length) {
    ScriptedProxy proxy(path());
    proxy.send({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    proxy.close();
  }
  wait_for_metric("weir_controller_refused_frames_total{reason=\"cut\"} " +
                  std::to_string(whole.size() - 1));
  wait_for_metric("weir_controller_proxies_connected 0");
}

TEST_F(PushServerTest, FrameThatDoesNotComeToAnEndIsGivenUp) {
  listen({std::chrono::milliseconds(50), std::chrono::milliseconds(50), std::chrono::hours(1)});
  expect_refused({'W', 'E', 'I'}, "slow");
}

TEST_F(PushServerTest, ProxyThatDoesNotReadIsGivenUp) {
  listen({std::chrono::hours(1), std::chrono::milliseconds(50), std::chrono::hours(1)});
  publish({table::Certificate{"default/tls", std::string(4'000'000, 'c'), "key"}});
  ScriptedProxy proxy(path());
  proxy.hello();
  wait_for_metric("weir_controller_refused_frames_total{reason=\"slow\"} 1");
}

TEST_F(PushServerTest, UpdateWithoutAnswerIsGivenUp) {
  listen({std::chrono::hours(1), std::chrono::milliseconds(20), std::chrono::milliseconds(20)});
  publish({table::Settings{}});
  ScriptedProxy proxy(path());
  proxy.hello();
  proxy.wait_until_closed();
  wait_for_metric("weir_controller_refused_frames_total{reason=\"slow\"} 1");
}

TEST_F(PushServerTest, StopEndsSessionsAndRemovesTheSocket) {
  ScriptedProxy proxy(path());
  wait_for_metric("weir_controller_proxies_connected 1");
  loop_.run([this] { server_->stop(); });
  proxy.wait_until_closed();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace weir::controller
