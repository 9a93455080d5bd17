#include "controller/controller.h"

#include <mutex>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/fake_source.h"
#include "controller/loop_thread.h"
#include "controller/scripted_proxy.h"
#include "ingress/objects.h"
#include "support/temp_folder.h"

namespace weir::controller {
namespace {

using test::FakeSource;
using test::ingress;
using test::names;
using test::rule;
using test::ScriptedProxy;
using test::to;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class ControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto source = std::make_unique<FakeSource>();
    source_ = source.get();
    Options options;
    options.socket_path = folder_.path("control.sock");
    options.metrics_listen = MetricsListen{"127.0.0.1", 0};
    loop_.run([&] {
      auto created = Controller::create(loop_.io, options, std::move(source), nullptr);
      ASSERT_TRUE(created) << created.error().detail;
      controller_ = std::move(*created);
      controller_->start();
    });
  }
  void TearDown() override {
    loop_.run([this] { controller_->stop(); });
    loop_.join();  // nothing is left to do
  }

  /// Status line, fields and body.
  std::string get(const std::string& path) const {
    namespace asio = boost::asio;
    asio::io_context io;
    asio::ip::tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), controller_->metrics_port()});
    asio::write(socket, asio::buffer("GET " + path + " HTTP/1.0\r\n\r\n"));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    return answer;
  }
  void wait_for_metric(const std::string& line) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      const auto metrics = get("/metrics");
      if (metrics.find(line + "\n") != std::string::npos) return;
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << line << " not in\n" << metrics;
    }
  }
  /// Everything that the loop was given is done.
  void settle() {
    loop_.run([] {});
    loop_.run([] {});
  }

  test::TempFolder folder_;
  FakeSource* source_ = nullptr;
  test::LoopThread loop_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ControllerTest, ObjectsBecomeATableOfTheProxy) {
  source_->put(test::service("shop"), test::slice("s", "shop", {"10.0.0.1"}),
               ingress("a", {rule("a.example", "/", to("shop"))}));
  source_->sync();
  ScriptedProxy proxy(folder_.path("control.sock"));
  proxy.hello();

  EXPECT_THAT(names(proxy.take_update()),
              ElementsAre("settings", "backend default/shop:80", "host a.example"));
  source_->put(test::slice("s", "shop", {"10.0.0.2"}));
  EXPECT_THAT(names(proxy.take_update()), ElementsAre("backend default/shop:80"));
}

TEST_F(ControllerTest, NothingIsPublishedBeforeEveryKindIsListed) {
  ScriptedProxy proxy(folder_.path("control.sock"));
  proxy.hello();
  source_->put(ingress("a", {rule("a.example", "/", to("shop"))}));
  for (const auto kind : kube::kObjectKinds) {
    settle();
    EXPECT_THAT(get("/readyz"), HasSubstr("503 "));
    EXPECT_THAT(get("/readyz"), HasSubstr(kube::to_string(kind)));
    EXPECT_THAT(get("/healthz"), HasSubstr("200 OK"));
    source_->sync({kind});
  }
  settle();
  EXPECT_THAT(get("/readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(names(proxy.take_update()),
              ElementsAre("settings", "backend default/shop:80", "host a.example"));
}

TEST_F(ControllerTest, BurstIsOneUpdate) {
  source_->sync();
  ScriptedProxy proxy(folder_.path("control.sock"));
  proxy.hello();
  proxy.take_update();
  wait_for_metric("weir_controller_updates_acknowledged_total 1");

  loop_.run([this] {  // nothing of it is taken before all of it is there
    for (int i = 0; i < 50; ++i) {
      const auto number = std::to_string(i);
      source_->put(ingress("i" + number, {rule(number + ".example", "/", to("shop"))}));
    }
  });
  EXPECT_EQ(proxy.take_update().upserts.size(), 51U);
}

TEST_F(ControllerTest, EqualChangeSendsNothing) {
  source_->put(ingress("a", {rule("a.example", "/", to("shop"))}));
  source_->sync();
  ScriptedProxy proxy(folder_.path("control.sock"));
  proxy.hello();
  proxy.take_update();
  auto same = ingress("a", {rule("a.example", "/", to("shop"))});
  same.meta.resource_version = "2";
  source_->put(same);
  same.meta.annotations["weir.dev/unknown"] = "1";
  source_->put(same);
  settle();
  source_->put(ingress("b", {rule("b.example", "/", to("shop"))}));

  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host b.example"));
}

TEST_F(ControllerTest, MetricsTellObjectsProblemsAndTheTable) {
  source_->put(test::service("shop"), ingress("a", {rule("a.example", "/", to("shop"))}),
               ingress("b", {rule("b.example", "/", to("gone"))}));
  source_->sync();

  wait_for_metric("weir_kube_objects{resource=\"ingresses\"} 2");
  wait_for_metric("weir_kube_objects{resource=\"services\"} 1");
  wait_for_metric("weir_controller_table_resources{kind=\"host\"} 2");
  wait_for_metric("weir_controller_table_resources{kind=\"backend\"} 2");
  wait_for_metric("weir_controller_problems{code=\"ServiceNotFound\"} 1");
  wait_for_metric("weir_controller_translation_seconds_count 1");
  source_->put(test::service("gone"));
  wait_for_metric("weir_controller_problems{code=\"ServiceNotFound\"} 0");
  wait_for_metric("weir_controller_problems_found_total{code=\"ServiceNotFound\"} 1");
}

TEST_F(ControllerTest, RefusalOfAProxyIsAProblemOfTheObjectUntilItChanges) {
  source_->put(ingress("a", {rule("a.example", "/", to("shop"))}));
  source_->sync();
  ScriptedProxy proxy(folder_.path("control.sock"));
  proxy.hello();
  const auto first = proxy.read_update();
  proxy.nack(first, {table::ResourceKind::Host, "a.example"}, "no");
  proxy.ack(first);
  wait_for_metric("weir_controller_problems{code=\"RefusedByProxy\"} 1");

  source_->put(ingress("a", {rule("a.example", "/other", to("shop"))}));
  wait_for_metric("weir_controller_problems{code=\"RefusedByProxy\"} 0");
  EXPECT_THAT(names(proxy.take_update()), Contains("host a.example"));
}

TEST_F(ControllerTest, ResourceThatIsTooLargeIsReportedAndTheRestServed) {
  std::vector<kube::IngressPath> paths;
  for (int i = 0; i < 3000; ++i) {
    paths.push_back(
        {"/" + std::to_string(i) + std::string(4000, 'p'), kube::PathType::Prefix, to("shop")});
  }
  source_->put(ingress("large", {{"large.example", paths}}),
               ingress("a", {rule("a.example", "/", to("shop"))}));
  source_->sync();
  ScriptedProxy proxy(folder_.path("control.sock"));
  proxy.hello();

  EXPECT_THAT(names(proxy.take_update()),
              ElementsAre("settings", "backend default/shop:80", "host a.example"));
  wait_for_metric("weir_controller_problems{code=\"ResourceTooLarge\"} 1");
  source_->put(ingress("large", {rule("large.example", "/", to("shop"))}));
  EXPECT_THAT(names(proxy.take_update()), ElementsAre("host large.example"));
  wait_for_metric("weir_controller_problems{code=\"ResourceTooLarge\"} 0");
}

TEST_F(ControllerTest, OtherPathsAndMethodsAreRefused) {
  EXPECT_THAT(get("/"), HasSubstr("404 Not Found"));
  EXPECT_THAT(get("/healthz?verbose"), HasSubstr("200 OK"));
}

TEST(Controller, FlagIsNamedWhenItCannotListen) {
  const test::TempFolder folder;
  test::LoopThread loop;
  const auto failure = [&](Options options) {
    return loop.run([&] {
      const auto created =
          Controller::create(loop.io, options, std::make_unique<FakeSource>(), nullptr);
      return created ? "none" : created.error().detail;
    });
  };
  Options options;
  options.socket_path = folder.path("missing/control.sock");
  EXPECT_THAT(failure(options), HasSubstr("--socket: "));

  options.socket_path = folder.path("control.sock");
  options.metrics_listen = MetricsListen{"203.0.113.1", 1};  // an address of nobody (RFC 5737)
  EXPECT_THAT(failure(options), HasSubstr("--metrics-listen: "));
}

}  // namespace
}  // namespace weir::controller
