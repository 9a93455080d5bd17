#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/api_source.h"
#include "kube/recorder.h"
#include "support/scripted_api_server.h"
#include "support/temp_folder.h"

namespace weir::kube {
namespace {

using std::chrono::milliseconds;
using test::ScriptedApiServer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const char* const kPath = "/api/v1/configmaps";

ObjectRef ref(const std::string& name) {
  return {Kind::ConfigMap, "default", name};
}

/// An API server, and a source that watches its ConfigMaps with short waits.
class ListWatchTest : public ::testing::Test {
 protected:
  ListWatchTest() {
    access_.server = server_.url();
    options_.kinds = {Kind::ConfigMap};
    options_.list_watch.backoff_first = milliseconds(1);
    options_.list_watch.backoff_max = milliseconds(20);
    options_.list_watch.short_watch = milliseconds(0);
    options_.list_watch.silent_watch = std::chrono::hours(1);
  }
  ~ListWatchTest() override {
    if (source_) source_->stop();
  }

  void start() {
    auto credentials = Credentials::open(access_);
    ASSERT_TRUE(credentials) << credentials.error().detail;
    credentials_ = *credentials;
    source_ = std::make_unique<ApiSource>(credentials_, options_);
    source_->start(recorder_.sink());
  }
  void put(const std::string& name, const std::string& value) {
    server_.put(kPath, name, R"("data":{"k":")" + value + "\"}");
  }
  static std::string value(const Recorder::State& state, const std::string& name) {
    const auto found = state.objects.find(ref(name));
    return found == state.objects.end() ? "" : std::get<ConfigMap>(found->second).data.at("k");
  }
  Recorder::State wait_value(const std::string& name, const std::string& wanted) {
    return recorder_.wait((name + "=" + wanted).c_str(),
                          [&](const auto& s) { return value(s, name) == wanted; });
  }
  Recorder::State wait_synced() {
    return recorder_.wait("sync", [](const auto& s) { return s.synced.contains(Kind::ConfigMap); });
  }
  std::size_t lists() {
    const auto requests = server_.requests();
    return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(),
                                                  [](const auto& r) { return r.verb == "list"; }));
  }

  ScriptedApiServer server_;
  ClusterAccess access_;
  ApiSourceOptions options_;
  Recorder recorder_;
  std::shared_ptr<Credentials> credentials_;
  std::unique_ptr<ApiSource> source_;
};

TEST_F(ListWatchTest, ListsThenFollows) {
  put("a", "1");
  put("b", "1");
  start();
  const auto first = wait_synced();
  ASSERT_THAT(first.calls[1].upserts, SizeIs(2));  // the first call is for the kinds not watched
  EXPECT_THAT(first.calls[1].synced, ElementsAre(Kind::ConfigMap));
  server_.wait_requests("watch", 1);
  put("a", "2");
  wait_value("a", "2");
  put("c", "1");
  wait_value("c", "1");
  server_.remove(kPath, "b");
  wait_value("b", "");
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, LosesNothingBetweenListAndWatch) {
  put("a", "1");
  server_.after_next_list([this] {
    for (int i = 0; i < 50; ++i) put("n" + std::to_string(i), "1");
    server_.remove(kPath, "a");
  });
  start();
  const auto state = recorder_.wait(
      "all", [](const auto& s) { return s.objects.size() == 50 && !s.objects.contains(ref("a")); });
  EXPECT_EQ(lists(), 1u);
  std::size_t told = 0;
  for (const auto& call : state.calls) told += call.upserts.size();
  EXPECT_EQ(told, 51u);
}

TEST_F(ListWatchTest, WatchesAgainFromTheLastVersionAfterACleanEnd) {
  put("a", "1");
  start();
  server_.wait_requests("watch", 1);
  put("a", "2");
  wait_value("a", "2");
  server_.end_watches();
  const auto watches = server_.wait_requests("watch", 2);
  EXPECT_EQ(watches[0].parameter("resourceVersion"), "v2");
  EXPECT_EQ(watches[1].parameter("resourceVersion"), "v3");
  EXPECT_EQ(watches[0].parameter("allowWatchBookmarks"), "true");
  const auto timeout = std::stoi(watches[0].parameter("timeoutSeconds"));
  EXPECT_TRUE(timeout >= 300 && timeout <= 600) << timeout;
  put("a", "3");
  wait_value("a", "3");
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, ABookmarkOnlyMovesTheVersion) {
  start();
  server_.wait_requests("watch", 1);
  server_.send_raw(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"v900"}}})"
                   "\n");
  server_.end_watches();
  EXPECT_EQ(server_.wait_requests("watch", 2)[1].parameter("resourceVersion"), "v900");
  EXPECT_THAT(recorder_.state().calls, SizeIs(2));
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, ListsAgainWhenItsVersionIsGone) {
  for (const bool by_status : {false, true}) {
    server_.expire_by_status(by_status);
    put("stays", "1");
    put("goes", "1");
    if (!source_) start();
    wait_value("goes", "1");
    const auto calls = recorder_.state().calls.size();
    server_.go_away();
    server_.remove(kPath, "goes");
    put("comes", by_status ? "2" : "1");
    server_.compact();
    server_.come_back();
    const auto state = wait_value("comes", by_status ? "2" : "1");
    EXPECT_EQ(value(state, "goes"), "");
    EXPECT_EQ(value(state, "stays"), "1");
    // All that changed meanwhile is told in one call.
    ASSERT_THAT(state.calls, SizeIs(calls + 1));
    EXPECT_THAT(state.calls.back().removes, ElementsAre(ref("goes")));
  }
}

TEST_F(ListWatchTest, CountsWhatHappens) {
  put("a", "1");
  start();
  server_.wait_requests("watch", 1);
  server_.end_watches();
  server_.wait_requests("watch", 2);
  put("a", "2");
  wait_value("a", "2");
  server_.go_away();
  put("b", "1");
  server_.compact();
  server_.come_back();
  wait_value("b", "1");  // by the second list
  const auto watched = [this] { return credentials_->stats().now().kinds[Kind::ConfigMap]; };
  const auto restarts = [&](WatchEnd end) {
    return watched().restarts[static_cast<std::size_t>(end)];
  };
  const auto lists = [&](ListReason reason) {
    return watched().lists[static_cast<std::size_t>(reason)];
  };
  EXPECT_EQ(lists(ListReason::Gone), 1U);
  EXPECT_EQ(lists(ListReason::Initial), 1U);
  EXPECT_EQ(restarts(WatchEnd::Eof), 1U);
  EXPECT_EQ(restarts(WatchEnd::Gone), 1U);
  EXPECT_GE(restarts(WatchEnd::Error), 1U);
  EXPECT_GT(watched().last_event, 1e9);
  EXPECT_EQ(credentials_->stats().now().kinds.size(), 1U);
  // Two lists and the first watch; what was still under way broke off.
  const auto numbers = credentials_->stats().now();
  EXPECT_GE(numbers.requests.at({"GET", "200"}), 3U);
  EXPECT_GE(numbers.requests.at({"GET", "<error>"}), 1U);
  std::uint64_t timed = 0;
  for (const auto count : numbers.times.at("GET").buckets) timed += count;
  std::uint64_t asked = 0;
  for (const auto& [what, count] : numbers.requests) asked += count;
  EXPECT_EQ(timed, asked);
}

TEST_F(ListWatchTest, ReadsPages) {
  options_.list_watch.page_size = 10;
  for (int i = 0; i < 35; ++i) put("n" + std::to_string(100 + i), "1");
  start();
  EXPECT_THAT(wait_synced().objects, SizeIs(35));
  EXPECT_EQ(lists(), 4u);
  const auto requests = server_.wait_requests("list", 4);
  EXPECT_EQ(requests[0].parameter("limit"), "10");
  EXPECT_EQ(requests[0].parameter("resourceVersion"), "");
  EXPECT_EQ(requests[3].parameter("continue"), "v36/n129");
}

TEST_F(ListWatchTest, BeginsAgainInOnePieceWhenAPageIsTooOld) {
  options_.list_watch.page_size = 2;
  for (const char* name : {"a", "b", "c", "d"}) put(name, "1");
  server_.after_next_list([this] {
    server_.remove(kPath, "a");
    server_.compact();
  });
  start();
  EXPECT_THAT(wait_synced().objects, SizeIs(3));
  const auto requests = server_.wait_requests("list", 3);
  EXPECT_EQ(requests[2].parameter("limit"), "");
  EXPECT_EQ(requests[2].parameter("continue"), "");
  EXPECT_EQ(server_.wait_requests("watch", 1)[0].parameter("resourceVersion"), "v7");
}

TEST_F(ListWatchTest, ObeysRetryAfter) {
  server_.answer_next("list", {429, "{}", {{"Retry-After", "1"}}});
  server_.answer_next("list", {503, "{}", {}});
  const auto begin = std::chrono::steady_clock::now();
  start();
  wait_synced();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_EQ(lists(), 3u);
}

TEST_F(ListWatchTest, TriesTheWatchAgainNotTheList) {
  put("a", "1");
  start();
  server_.wait_requests("watch", 1);
  for (const int status : {429, 500, 503, 403, 401}) {
    server_.answer_next("watch", {status, "{}", {}});
  }
  server_.end_watches();
  server_.wait_requests("watch", 6);
  put("a", "2");
  wait_value("a", "2");
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, ListsAgainWhenTheVersionIsRefused) {
  start();
  server_.wait_requests("watch", 1);
  server_.answer_next("watch", {400, "{}", {}});
  server_.end_watches();
  server_.wait_requests("list", 2);
}

TEST_F(ListWatchTest, AnErrorInTheStreamThatPassesIsNoReasonToList) {
  put("a", "1");
  start();
  server_.wait_requests("watch", 1);
  server_.send_raw(R"({"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}})"
                   "\n");
  server_.wait_requests("watch", 2);
  EXPECT_EQ(lists(), 1u);
  server_.send_raw(R"({"type":"ERROR","object":{"kind":"Status","code":418}})"
                   "\n");
  server_.wait_requests("list", 2);
}

TEST_F(ListWatchTest, ReadsTheTokenAgainAfter401) {
  test::TempFolder folder;
  folder.write("token", "old");
  access_.token_file = folder.path("token");
  server_.require_token("old");
  put("a", "1");
  start();
  server_.wait_requests("watch", 1);
  server_.require_token("new");
  folder.write("token", "new");
  server_.end_watches();
  put("a", "2");
  wait_value("a", "2");
}

TEST_F(ListWatchTest, ABrokenObjectStopsNoOther) {
  server_.put(kPath, "bad", R"("data":{"k":7})");
  put("good", "1");
  start();
  auto state = wait_value("good", "1");
  ASSERT_THAT(state.problems, SizeIs(1));
  EXPECT_EQ(state.problems.at(ref("bad"))[0].field, "data[k]");
  server_.wait_requests("watch", 1);

  put("worse", "1");
  wait_value("worse", "1");
  server_.put(kPath, "worse", R"("data":[])");
  put("good", "2");
  state = wait_value("good", "2");
  EXPECT_EQ(value(state, "worse"), "1");  // its last good version
  EXPECT_THAT(state.problems, SizeIs(2));

  put("bad", "1");
  server_.remove(kPath, "worse");
  state = recorder_.wait("no problems", [](const auto& s) { return s.problems.empty(); });
  EXPECT_EQ(value(state, "bad"), "1");
  EXPECT_EQ(value(state, "worse"), "");
}

TEST_F(ListWatchTest, AProblemGoesWithAnObjectThatVanishedUnseen) {
  server_.put(kPath, "bad", R"("data":{"k":7})");
  start();
  recorder_.wait("problem", [](const auto& s) { return s.problems.size() == 1; });
  server_.wait_requests("watch", 1);
  server_.go_away();
  server_.remove(kPath, "bad");
  server_.compact();
  server_.come_back();
  recorder_.wait("no problems", [](const auto& s) { return s.problems.empty(); });
}

TEST_F(ListWatchTest, PassesOverLinesThatAreNoEvents) {
  options_.list_watch.max_object = 1000;
  start();
  server_.wait_requests("watch", 1);
  server_.send_raw("\n");
  server_.send_raw("garbage\n");
  server_.send_raw(R"({"type":"ADDED","object":{"metadata":{"name":")" + std::string(5000, 'x'));
  server_.send_raw(std::string(5000, 'x') + "\"}}}\n");
  server_.send_raw(R"({"type":"NEWTYPE","object":{}})"
                   "\n");
  put("a", "1");
  wait_value("a", "1");
  EXPECT_THAT(recorder_.state().objects, SizeIs(1));
  server_.wait_requests("watch", 1);
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, AnOversizedObjectInAListRemovesNothing) {
  options_.list_watch.max_object = 1000;
  put("a", "1");
  put("b", "1");
  start();
  wait_synced();
  server_.wait_requests("watch", 1);
  server_.go_away();
  put("a", std::string(5000, 'x'));
  server_.remove(kPath, "b");
  put("c", "1");
  server_.compact();
  server_.come_back();
  EXPECT_THAT(wait_value("c", "1").objects, SizeIs(3));
}

TEST_F(ListWatchTest, OnlyAListOfItsKindIsAList) {
  put("a", "1");
  server_.answer_next("list", {200, "<html>login</html>", {}});
  server_.answer_next("list", {200, "{}", {}});
  server_.answer_next("list", {200, R"({"apiVersion":"v1","kind":"SecretList","items":[]})", {}});
  server_.answer_next("list", {200, R"({"apiVersion":"v1","kind":"ConfigMapList","items":[)", {}});
  start();
  wait_value("a", "1");
  EXPECT_EQ(lists(), 5u);
  EXPECT_THAT(recorder_.state().calls, SizeIs(2));
}

TEST_F(ListWatchTest, GoesOnWhenTheServerComesBack) {
  put("a", "1");
  start();
  wait_value("a", "1");
  server_.wait_requests("watch", 1);
  server_.go_away();
  put("a", "2");
  server_.come_back();
  wait_value("a", "2");
  EXPECT_EQ(lists(), 1u);
  const auto state = recorder_.state();
  for (const auto& call : state.calls) EXPECT_THAT(call.removes, IsEmpty());
}

TEST_F(ListWatchTest, StartsBeforeTheServer) {
  put("a", "1");
  server_.go_away();
  start();
  EXPECT_FALSE(recorder_.state().synced.contains(Kind::ConfigMap));
  server_.come_back();
  wait_value("a", "1");
}

TEST_F(ListWatchTest, WatchesThatEndAtOnceAreNotRepeatedAtOnce) {
  options_.list_watch.short_watch = std::chrono::hours(1);
  options_.list_watch.backoff_first = milliseconds(100);
  options_.list_watch.backoff_max = milliseconds(100);
  const auto begin = std::chrono::steady_clock::now();
  start();
  for (std::size_t count = 1; count <= 3; ++count) {
    server_.wait_requests("watch", count);
    server_.end_watches();
  }
  server_.wait_requests("watch", 4);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(300));
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, ASilentWatchIsNotTrusted) {
  options_.list_watch.silent_watch = milliseconds(0);
  start();
  server_.wait_requests("watch", 1);
  server_.end_watches();
  server_.wait_requests("list", 2);
}

TEST_F(ListWatchTest, EachObjectIsNamedOnceInACall) {
  start();
  server_.wait_requests("watch", 1);
  const auto line = [](const char* type, const char* value) {
    return std::string(R"({"type":")") + type +
           R"(","object":{"metadata":{"name":"a","namespace":"default","resourceVersion":"v9"},)"
           R"("data":{"k":")" +
           value + "\"}}}\n";
  };
  server_.send_raw(line("ADDED", "1") + line("DELETED", "1") + line("ADDED", "2") +
                   line("MODIFIED", "3"));
  for (const auto& call : wait_value("a", "3").calls) {
    EXPECT_LE(call.upserts.size() + call.removes.size(), 1u);
  }
}

TEST_F(ListWatchTest, StopsWhileItWaits) {
  options_.list_watch.backoff_first = std::chrono::hours(1);
  options_.list_watch.backoff_max = std::chrono::hours(1);
  server_.answer_next("list", {403, R"({"message":"forbidden"})", {}});
  start();
  server_.wait_requests("list", 1);
  source_->stop();
  source_->stop();
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, AsksForWhatIsNeededOnly) {
  options_.kinds = {kObjectKinds.begin(), kObjectKinds.end()};
  options_.list_watch.watch_namespace = "team";
  start();
  recorder_.wait("sync", [](const auto& s) { return s.synced.size() == 9; });
  std::map<std::string, ScriptedApiServer::Request> by_path;
  for (const auto& r : server_.wait_requests("watch", 9)) by_path[r.path] = r;
  const std::string secrets = "/api/v1/namespaces/team/secrets";
  const std::string slices = "/apis/discovery.k8s.io/v1/namespaces/team/endpointslices";
  EXPECT_TRUE(by_path.contains("/apis/networking.k8s.io/v1/namespaces/team/ingresses"));
  EXPECT_TRUE(by_path.contains("/apis/networking.k8s.io/v1/ingressclasses"));
  EXPECT_TRUE(by_path.contains("/api/v1/namespaces/team/services"));
  EXPECT_TRUE(by_path.contains("/api/v1/namespaces/team/configmaps"));
  EXPECT_TRUE(by_path.contains("/apis/weir.dev/v1alpha1/namespaces/team/tunnelpolicies"));
  EXPECT_TRUE(by_path.contains("/apis/weir.dev/v1alpha1/namespaces/team/backendpolicies"));
  EXPECT_TRUE(by_path.contains("/apis/weir.dev/v1alpha1/namespaces/team/weirconfigs"));
  EXPECT_EQ(by_path[secrets].parameter("fieldSelector"), "type!=helm.sh/release.v1");
  EXPECT_EQ(by_path[slices].parameter("labelSelector"), "kubernetes.io/service-name");
}

/// Weir's own kinds, of which nothing may be there.
class AbsentKind : public ListWatchTest {
 protected:
  AbsentKind() {
    options_.kinds = {Kind::TunnelPolicy};
    options_.list_watch.absent_retry = milliseconds(1);
  }

  void put_policy(const std::string& name) {
    server_.put(kPolicies, name,
                R"("spec":{"targetRefs":[{"group":"","kind":"Service","name":"a"}]})");
  }
  void wait_policies(std::size_t count) {
    recorder_.wait("policies", [&](const auto& s) { return s.objects.size() == count; });
  }

  const std::string kPolicies = "/apis/weir.dev/v1alpha1/tunnelpolicies";
  const ScriptedApiServer::Answer kNotFound{404, "404 page not found", {}};
};

TEST_F(AbsentKind, IsAsGoodAsAnEmptyListUntilItIsThere) {
  server_.answer_next("list", kNotFound);
  server_.answer_next("list", kNotFound);
  server_.answer_next("list", kNotFound);
  put_policy("a");
  start();
  const auto state =
      recorder_.wait("sync", [](const auto& s) { return s.synced.contains(Kind::TunnelPolicy); });
  EXPECT_THAT(state.calls, SizeIs(2)) << "told once";
  wait_policies(1);
  put_policy("b");
  wait_policies(2);
  EXPECT_EQ(lists(), 4u);
}

TEST_F(AbsentKind, ThatGoesTakesItsObjectsAlong) {
  put_policy("a");
  start();
  wait_policies(1);
  server_.wait_requests("watch", 1);
  server_.answer_next("watch", kNotFound);
  server_.answer_next("list", kNotFound);
  server_.end_watches();
  recorder_.wait("gone", [](const auto& s) { return s.calls.back().removes.size() == 1; });
  wait_policies(1);  // it is there again
}

TEST_F(AbsentKind, ThatMayNotBeReadIsAsGoodAsAnEmptyList) {
  server_.answer_next("list", {403, R"({"message":"forbidden"})", {}});
  put_policy("a");
  start();
  recorder_.wait("sync", [](const auto& s) { return s.synced.contains(Kind::TunnelPolicy); });
  wait_policies(1);
}

TEST_F(ListWatchTest, ClassesThatNoRoleCanAllowToReadAreNone) {
  options_.kinds = {Kind::IngressClass};
  options_.list_watch.watch_namespace = "team";
  options_.list_watch.absent_retry = std::chrono::hours(1);
  server_.answer_next("list", {403, R"({"message":"forbidden"})", {}});
  start();
  recorder_.wait("sync", [](const auto& s) { return s.synced.contains(Kind::IngressClass); });
  EXPECT_EQ(lists(), 1u);
}

TEST_F(ListWatchTest, ClassesOfTheWholeClusterMustBeRead) {
  options_.kinds = {Kind::IngressClass};
  server_.answer_next("list", {403, R"({"message":"forbidden"})", {}});
  server_.answer_next("list", {403, R"({"message":"forbidden"})", {}});
  start();
  const auto state =
      recorder_.wait("sync", [](const auto& s) { return s.synced.contains(Kind::IngressClass); });
  EXPECT_EQ(lists(), 3u);
}

TEST_F(ListWatchTest, SecretsAreWatchedWhereTheyMayBeRead) {
  options_.kinds = {Kind::Secret};
  options_.secrets = {{"edge", "tls"}, {"team", ""}};
  options_.list_watch.backoff_max = milliseconds(1);
  server_.answer_next("list", {403, R"({"message":"forbidden"})", {}});
  start();
  recorder_.wait("sync", [](const auto& s) { return s.synced.contains(Kind::Secret); });
  EXPECT_EQ(lists(), 3u) << "synced with the last one";
  std::map<std::string, std::string> selectors;
  for (const auto& r : server_.wait_requests("watch", 2)) {
    selectors[r.path] = r.parameter("fieldSelector");
  }
  EXPECT_EQ(selectors["/api/v1/namespaces/edge/secrets"], "metadata.name=tls");
  EXPECT_EQ(selectors["/api/v1/namespaces/team/secrets"], "type!=helm.sh/release.v1");
}

TEST(ListWatchTls, WorksOverHttps) {
  const test::TestCa ca;
  ScriptedApiServer server(ca.issue("IP:127.0.0.1"));
  server.put(kPath, "a", R"("data":{"k":"1"})");
  ClusterAccess access;
  access.server = server.url();
  access.ca.data = ca.certificate();
  auto credentials = Credentials::open(access);
  ASSERT_TRUE(credentials);
  Recorder recorder;
  ApiSourceOptions options;
  options.kinds = {Kind::ConfigMap};
  ApiSource source(*credentials, options);
  source.start(recorder.sink());
  server.wait_requests("watch", 1);
  server.put(kPath, "b", R"("data":{"k":"1"})");
  recorder.wait("both", [](const auto& s) { return s.objects.size() == 2; });
  source.stop();
}

}  // namespace
}  // namespace weir::kube
