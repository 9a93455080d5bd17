#include "proxy/live_table.h"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using Kind = table::PathMatch::Kind;

table::Route route(std::string path, std::string name, Kind kind = Kind::Prefix) {
  table::Route route;
  route.match = {kind, std::move(path)};
  route.origin = std::move(name);
  return route;
}

std::shared_ptr<const table::Host> host(std::string name, std::vector<table::Route> routes) {
  auto host = std::make_shared<table::Host>();
  host->name = std::move(name);
  host->routes = std::move(routes);
  return host;
}

class LiveTableTest : public testing::Test {
 protected:
  std::string route_for(std::string_view name, std::string_view path) const {
    const auto* found = table_.find_host(name);
    if (found == nullptr) return "no host";
    const auto* route = LiveTable::find_route(found->policy(), path);
    return route == nullptr ? "no route" : route->origin;
  }

  EventLoop loop_;
  SharedBackends shared_;
  EndpointMap endpoints_{loop_, shared_};
  LiveTable table_{endpoints_};
};

TEST_F(LiveTableTest, ExactHostThenOneLabelWildcardThenCatchAll) {
  Delta delta;
  delta.hosts = {host("eu.shop.example", {route("/cart", "exact")}),
                 host("*.shop.example", {route("/", "wildcard")}), host("", {route("/", "any")})};
  table_.adopt(delta);

  EXPECT_EQ(route_for("eu.shop.example", "/cart"), "exact");
  EXPECT_EQ(route_for("eu.shop.example", "/help"), "no route") << "no second try at the wildcard";
  EXPECT_EQ(route_for("us.shop.example", "/help"), "wildcard");
  EXPECT_EQ(route_for("a.b.shop.example", "/"), "any") << "one label only";
  EXPECT_EQ(route_for("shop.example", "/"), "any");
  EXPECT_EQ(route_for("", "/"), "any");
}

TEST_F(LiveTableTest, PrefixTakesWholeSegments) {
  Delta delta;
  delta.hosts = {host("a", {route("/foo/bar", "long"), route("/foo", "exact", Kind::Exact),
                            route("/foo", "short"), route("/dir/", "dir")})};
  table_.adopt(delta);

  EXPECT_EQ(route_for("a", "/foo"), "exact");
  EXPECT_EQ(route_for("a", "/foo/"), "short");
  EXPECT_EQ(route_for("a", "/foo/bar/x"), "long");
  EXPECT_EQ(route_for("a", "/foo/barx"), "short");
  EXPECT_EQ(route_for("a", "/foobar"), "no route");
  EXPECT_EQ(route_for("a", "/dir"), "dir");
  EXPECT_EQ(route_for("a", "/dir/x"), "dir");
  EXPECT_EQ(route_for("b", "/"), "no host");
}

TEST_F(LiveTableTest, ManyRoutesAreFoundAsFewAre) {
  // Every path of up to three segments out of three, both kinds, with and without a slash behind.
  std::vector<std::string> paths{"/"};
  for (std::size_t i = 0; i < paths.size() && paths[i].size() < 12; ++i) {
    if (paths[i].size() > 1 && paths[i].ends_with('/')) continue;
    for (const char* segment : {"a", "ab", "b"}) {
      const auto longer = (paths[i] == "/" ? "" : paths[i]) + "/" + segment;
      if (std::count(longer.begin(), longer.end(), '/') > 3) continue;
      paths.push_back(longer);
      paths.push_back(longer + "/");
    }
  }
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same routes each time
  for (int round = 0; round < 50; ++round) {
    std::vector<table::Route> routes;
    for (const auto& path : paths) {
      for (const auto kind : {Kind::Exact, Kind::Prefix}) {
        if (random() % 3 == 0) routes.push_back(route(path, path, kind));
      }
    }
    std::sort(routes.begin(), routes.end(),
              [](const auto& a, const auto& b) { return table::comes_before(a.match, b.match); });
    Delta many;
    many.hosts = {host("many", routes)};
    table_.adopt(many);
    for (const auto& path : paths) {
      // The first one that takes it, looked at one by one.
      std::string expected = "no route";
      for (const auto& one : routes) {
        Delta single;
        single.hosts = {host("one", {one})};
        table_.adopt(single);
        if (expected == "no route") expected = route_for("one", path);
      }
      EXPECT_EQ(route_for("many", path), expected) << path;
    }
  }
}

TEST_F(LiveTableTest, ADeltaChangesOnlyWhatItNames) {
  Delta first;
  first.hosts = {host("a", {route("/", "a1")}), host("b", {route("/", "b1")})};
  table_.adopt(first);
  Delta second;
  second.hosts = {host("a", {route("/", "a2")})};
  second.removed_hosts = {"c"};
  table_.adopt(second);
  EXPECT_EQ(route_for("a", "/"), "a2");
  EXPECT_EQ(route_for("b", "/"), "b1");

  Delta third;
  third.removed_hosts = {"b"};
  table_.adopt(third);
  EXPECT_EQ(route_for("b", "/"), "no host");
}

TEST_F(LiveTableTest, BackendsAreChosenByWeight) {
  table::Route weighted;
  weighted.backends = {{"most", 90}, {"none", 0}, {"some", 10}};
  std::map<std::string, int> chosen;
  std::uint64_t random = 7;
  for (int i = 0; i < 10'000; ++i) ++chosen[LiveTable::choose_backend(weighted, random)];
  EXPECT_EQ(chosen.count("none"), 0U);
  EXPECT_NEAR(chosen["some"], 1000, 200);
  EXPECT_EQ(chosen["most"] + chosen["some"], 10'000);
}

}  // namespace
}  // namespace weir::proxy
