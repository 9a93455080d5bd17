#include "proxy_control/tunnel_admin.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/proxy_fixture.h"
#include "proxy/tunnels.h"
#include "support/io_thread.h"
#include "support/websocket_peer.h"

namespace weir::proxy_control {
namespace {

using proxy::TunnelEnd;
using test::Backend;
using test::Socket;
using test::WebSocketPeer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Role = WebSocketPeer::Role;

/// Two workers in front of two backends, each behind a host of its own.
class TunnelAdminTest : public proxy::ProxyTest {
 protected:
  TunnelAdminTest() : chat_(echo), feed_(echo) {
    proxy::Options options;
    options.threads = 2;
    start(options);
    proxy::Delta delta;
    delta.backends = {backend("chat", {chat_.port()}), backend("feed", {feed_.port()})};
    delta.hosts = {host_of("chat"), host_of("feed")};
    adopt(std::move(delta));
    admin_ = std::make_unique<TunnelAdmin>(thread_.io, *plane_);
  }
  ~TunnelAdminTest() override {
    sockets_.clear();
    thread_.stop();
    plane_.reset();  // as the process does: workers end before those whom they answer
    admin_.reset();
  }

  static void echo(Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (!peer.accept()) return;
    peer.echo();
    peer.receive_to_end();
  }
  static std::shared_ptr<const table::Host> host_of(const std::string& name) {
    auto made = std::make_shared<table::Host>(*host(name + ".example", name));
    made->routes.front().origin = "default/" + name;
    return made;
  }
  /// They get the ids 1, 2, 3, …
  WebSocketPeer& open(const std::string& name) {
    auto& socket = *sockets_.emplace_back(std::make_unique<Socket>(connect()));
    auto& peer = *peers_.emplace_back(std::make_unique<WebSocketPeer>(socket, Role::Client));
    EXPECT_TRUE(peer.open(name + ".example"));
    // Its worker takes it up a moment after the 101.
    EXPECT_TRUE(test::eventually([&] {
      return sum_tunnels([](const proxy::TunnelCounters& c) -> const proxy::Cell& {
               return c.opened;
             }) == peers_.size();
    }));
    return peer;
  }

  util::AdminAnswer ask(bool post, std::string_view target) {
    std::promise<util::AdminAnswer> answer;
    thread_.run([&] {
      const auto question = std::min(target.find('?'), target.size());
      const util::AdminRequest request{post, target.substr(0, question),
                                       target.substr(std::min(question + 1, target.size()))};
      admin_->answer(request, [&](util::AdminAnswer given) { answer.set_value(std::move(given)); });
      return 0;
    });
    return answer.get_future().get();
  }
  util::AdminAnswer get(std::string_view target) { return ask(false, target); }
  util::AdminAnswer post(std::string_view target) { return ask(true, target); }

  /// The ids of a list.
  static std::vector<int> ids(const util::AdminAnswer& answer) {
    std::vector<int> found;
    for (auto at = answer.body.find("\"id\":"); at != std::string::npos;
         at = answer.body.find("\"id\":", at + 1)) {
      found.push_back(std::atoi(answer.body.c_str() + at + 5));
    }
    return found;
  }
  static std::string address(const Backend& backend) {
    return "127.0.0.1:" + std::to_string(backend.port());
  }

  Backend chat_;
  Backend feed_;
  test::IoThread thread_;
  std::unique_ptr<TunnelAdmin> admin_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<std::unique_ptr<WebSocketPeer>> peers_;
};

using Ids = std::vector<int>;

TEST_F(TunnelAdminTest, ListsWhatEveryWorkerHas) {
  EXPECT_EQ(get("/v1/tunnels").body, "{\"fitting\":0,\"tunnels\":[]}\n");
  for (int i = 0; i < 16; ++i) open(i % 4 == 0 ? "feed" : "chat");
  auto& last = open("feed");
  last.send_text("hello");
  EXPECT_EQ(last.receive_message(), "hello");

  const auto all = get("/v1/tunnels");
  EXPECT_EQ(all.status, 200U);
  EXPECT_EQ(ids(all), (Ids{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}));
  const auto some = get("/v1/tunnels?limit=3");
  EXPECT_EQ(ids(some), (Ids{1, 2, 3}));
  EXPECT_THAT(some.body, StartsWith("{\"fitting\":17,"));

  const auto one = get("/v1/tunnels/17");
  EXPECT_EQ(one.status, 200U);
  EXPECT_THAT(one.body, StartsWith(R"({"id":17,"client":"127.0.0.1","route_host":"feed.example",)"
                                   R"("route_path":"/","ingress":"default/feed","backend":"feed",)"
                                   R"("endpoint":")" +
                                   address(feed_) + R"(","tls":false,"opened":"20)"));
  EXPECT_THAT(one.body, HasSubstr(R"("bytes_from_client":11,"bytes_from_backend":7,)"
                                  R"("messages_from_client":1,"messages_from_backend":1})"));
  EXPECT_EQ(get("/v1/tunnels/18").status, 404U);
}

TEST_F(TunnelAdminTest, EveryFilterPicks) {
  open("chat");
  open("feed");
  open("chat");
  const auto list = [&](const std::string& filter) { return ids(get("/v1/tunnels?" + filter)); };
  EXPECT_EQ(list("id=2"), Ids{2});
  EXPECT_EQ(list("host=chat.example"), (Ids{1, 3}));
  EXPECT_EQ(list("ingress=default/feed"), Ids{2});
  EXPECT_EQ(list("ingress=default%2Ffeed"), Ids{2});
  EXPECT_EQ(list("backend=chat"), (Ids{1, 3}));
  EXPECT_EQ(list("endpoint=" + address(feed_)), Ids{2});
  EXPECT_EQ(list("client=127.0.0.0/8"), (Ids{1, 2, 3}));
  EXPECT_EQ(list("client=127.0.0.2"), Ids{});
  EXPECT_EQ(list("client=::/0&backend=chat&id=3"), Ids{3});
  EXPECT_EQ(list("older_than=1h"), Ids{});
  EXPECT_EQ(list("idle_for=1h"), Ids{});
  EXPECT_EQ(list("older_than=0"), (Ids{1, 2, 3}));
  EXPECT_TRUE(test::eventually([&] { return list("older_than=1s") == (Ids{1, 2, 3}); }));
  EXPECT_TRUE(test::eventually([&] { return list("idle_for=1s") == (Ids{1, 2, 3}); }));
  EXPECT_TRUE(test::eventually([&] {
    peers_[1]->send_text("busy");
    EXPECT_EQ(peers_[1]->receive_message(), "busy");
    return list("idle_for=1s&id=2").empty();
  }));
  EXPECT_EQ(list("older_than=1s&id=2"), Ids{2});
}

TEST_F(TunnelAdminTest, EndsExactlyThoseThatFitWithTheWordsGiven) {
  auto& chat = open("chat");
  auto& feed = open("feed");
  auto& other = open("chat");
  const auto answer = post("/v1/tunnels/end?backend=chat&id=1&code=4000&reason=moving+house%21");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, "{\"ended\":1}\n");
  EXPECT_TRUE(chat.receive_frame());
  EXPECT_EQ(chat.close_code(), 4000);
  EXPECT_EQ(chat.close_reason(), "moving house!");
  chat.send_close(4000);
  chat.receive_to_end();
  EXPECT_TRUE(test::eventually([&] { return tunnels_ended(TunnelEnd::Admin) == 1; }));

  EXPECT_EQ(post("/v1/tunnels/end?all=true").body, "{\"ended\":2}\n");
  for (auto* peer : {&feed, &other}) {
    EXPECT_TRUE(peer->receive_frame());
    EXPECT_EQ(peer->close_code(), 1001);
    EXPECT_EQ(peer->close_reason(), "ended by the operator");
  }
}

TEST_F(TunnelAdminTest, EndsAreSpreadAndCanBeForeseen) {
  for (int i = 0; i < 20; ++i) open("chat");
  open("feed");
  EXPECT_EQ(get("/v1/tunnels/forecast").body, "{\"open\":21,\"ending\":[],\"planned\":[]}\n");
  EXPECT_EQ(post("/v1/tunnels/end?backend=chat&over=2h").body, "{\"ended\":20}\n");

  const auto forecast = get("/v1/tunnels/forecast");
  EXPECT_THAT(
      forecast.body,
      StartsWith("{\"open\":21,\"ending\":[],\"planned\":[{\"reason\":\"admin\",\"tunnels\":"
                 "20,\"until\":\"20"));
  const auto one = get("/v1/tunnels/1").body;
  EXPECT_THAT(one, HasSubstr(",\"planned_end\":{\"reason\":\"admin\",\"until\":\"20"));
  EXPECT_THAT(get("/v1/tunnels/21").body, Not(HasSubstr("planned_end")));

  // Each has a time of its own, and they are spread over both halves of the two hours.
  std::mutex mutex;
  std::vector<double> hours;
  std::promise<void> done;
  plane_->with_tunnels(
      [&](std::size_t, proxy::Tunnels& tunnels) {
        const auto now = tunnels.now();
        tunnels.for_each([&](const proxy::Tunnel& tunnel) {
          if (tunnel.planned() != TunnelEnd::Admin) return;
          const std::lock_guard lock(mutex);
          hours.push_back(
              std::chrono::duration<double, std::ratio<3600>>(tunnel.planned_at() - now).count());
        });
      },
      [&] { done.set_value(); });
  done.get_future().wait();
  ASSERT_GE(hours.size(), 18U);
  std::ranges::sort(hours);
  EXPECT_EQ(std::ranges::adjacent_find(hours), hours.end());
  EXPECT_LE(hours.back(), 2.0);
  EXPECT_LT(hours[5], 1.1);
  EXPECT_GT(hours[14], 0.9);

  // A second thought: all of them now.
  EXPECT_EQ(post("/v1/tunnels/end?backend=chat&code=4001").status, 200U);
  int with_new_words = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_TRUE(peers_[i]->receive_frame());
    if (peers_[i]->close_code() == 4001) ++with_new_words;
  }
  // A worker's first one may have had its turn at once, with the words of the first time.
  EXPECT_GE(with_new_words, 18);
  EXPECT_THAT(get("/v1/tunnels/forecast").body, HasSubstr("\"ending\":[{\"reason\":\"admin\""));
  EXPECT_THAT(get("/v1/tunnels?id=1").body, HasSubstr(",\"ending\":{\"reason\":\"admin\""));
  EXPECT_EQ(post("/v1/tunnels/end?backend=chat").body, "{\"ended\":0}\n");
}

TEST_F(TunnelAdminTest, AMistakeIsToldByTheNameOfItsParameter) {
  open("chat");
  const auto refused = [&](const util::AdminAnswer& answer, const std::string& name) {
    EXPECT_EQ(answer.status, 400U) << name;
    EXPECT_THAT(answer.body, StartsWith("{\"error\":\"" + name));
  };
  for (const std::string wrong :
       {"client=somebody", "client=10.0.0.0/33", "limit=0", "limit=10001", "limit=ten", "id=x",
        "id=0", "older_than=10", "idle_for=1d", "hosts=a", "host=", "host=%4", "host=%zz",
        "backend", "over=1s", "all=true"}) {
    refused(get("/v1/tunnels?" + wrong), wrong.substr(0, wrong.find('=')) + ": ");
  }
  refused(get("/v1/tunnels?host=a&host=b"), "host: ");
  refused(get("/v1/tunnels/forecast?host=a"), "host: ");
  refused(get("/v1/tunnels/1?host=a"), "host: ");
  for (const std::string wrong : {"code=999", "code=1005", "code=5000", "code=x", "over=25h",
                                  "over=5", "all=yes", "limit=1", "reason=%ff"}) {
    refused(post("/v1/tunnels/end?backend=chat&" + wrong), wrong.substr(0, wrong.find('=')) + ": ");
  }
  refused(post("/v1/tunnels/end?backend=chat&reason=" + std::string(124, 'x')), "reason: ");
  refused(post("/v1/tunnels/end?backend=chat&all=true"), "all: ");
  refused(post("/v1/tunnels/end"), "without a filter, all=true is needed");
  refused(post("/v1/tunnels/end?over=1s"), "without a filter, all=true is needed");
  EXPECT_EQ(get("/v1/tunnels/end?all=true").status, 405U);
  EXPECT_EQ(post("/v1/tunnels").status, 405U);
  for (const auto* path : {"/", "/v1", "/v1/tunnelsx", "/v1/tunnels/x", "/v1/tunnels/"}) {
    EXPECT_EQ(get(path).status, 404U) << path;
  }
  EXPECT_EQ(ids(get("/v1/tunnels?id=1")), Ids{1});
}

TEST_F(TunnelAdminTest, AWorkerThatDoesNotAnswerIsNotWaitedForForever) {
  thread_.run([&] {
    admin_ = std::make_unique<TunnelAdmin>(thread_.io, *plane_, std::chrono::milliseconds(100));
    return 0;
  });
  std::promise<void> go_on;
  const auto stay = go_on.get_future().share();
  std::promise<void> stayed;
  plane_->with_tunnels(
      [&](std::size_t worker, proxy::Tunnels&) {
        if (worker == 1) stay.wait();
      },
      [&] { stayed.set_value(); });
  const auto late = get("/v1/tunnels");
  EXPECT_EQ(late.status, 503U);
  EXPECT_THAT(late.body, HasSubstr("a worker has not answered in time"));
  go_on.set_value();
  stayed.get_future().wait();
  EXPECT_EQ(post("/v1/tunnels/end").status, 400U);  // what came late has done no harm
}

}  // namespace
}  // namespace weir::proxy_control
