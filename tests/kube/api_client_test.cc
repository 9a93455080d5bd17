#include "kube/api_client.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scripted_api_server.h"
#include "support/socket.h"
#include "support/temp_folder.h"
#include "support/test_ca.h"
#include "util/log.h"

namespace weir::kube {
namespace {

using test::ScriptedApiServer;
using ::testing::HasSubstr;

const char* const kPath = "/api/v1/configmaps";

std::shared_ptr<Credentials> credentials(ClusterAccess access) {
  auto opened = Credentials::open(std::move(access));
  EXPECT_TRUE(opened) << opened.error().detail;
  return opened ? *opened : nullptr;
}

std::shared_ptr<Credentials> credentials_for(const std::string& url) {
  ClusterAccess access;
  access.server = url;
  return credentials(std::move(access));
}

ApiReply get(ApiClient& client, std::string* body = nullptr) {
  return client.get(kPath, [&](std::string_view piece) {
    if (body != nullptr) *body += piece;
    return true;
  });
}

TEST(ApiClient, GetsAndPosts) {
  ScriptedApiServer server;
  ClusterAccess access;
  access.server = server.url() + "/prefix/";
  access.token = "t";
  ApiClient client(credentials(std::move(access)), {});
  std::string body;
  EXPECT_EQ(get(client, &body).status, ApiStatus::Ok);
  EXPECT_THAT(body, HasSubstr("ConfigMapList"));
  EXPECT_EQ(client.post("/apis/events.k8s.io/v1/events", "{}").status, ApiStatus::Ok);

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].path, std::string("/prefix") + kPath);
  EXPECT_EQ(requests[0].headers.at("Authorization"), "Bearer t");
  EXPECT_THAT(requests[0].headers.at("User-Agent"), ::testing::StartsWith("weir-controller/"));
  EXPECT_EQ(requests[1].body, "{}");
  EXPECT_EQ(requests[1].headers.at("Content-Type"), "application/json");
}

TEST(ApiClient, PutsAndPatches) {
  ScriptedApiServer server;
  ApiClient client(credentials_for(server.url() + "/prefix"), {});
  server.answer_next("PUT", {200, R"({"put":1})", {}});
  server.answer_next("PATCH", {200, R"({"patched":1})", {}});
  EXPECT_EQ(client.put("/x", R"({"a":1})").body, R"({"put":1})");
  EXPECT_EQ(client.patch("/x/status?fieldManager=weir", "{}", kApplyPatch).body,
            R"({"patched":1})");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].path, "/prefix/x");
  EXPECT_EQ(requests[0].body, R"({"a":1})");
  EXPECT_EQ(requests[1].path, "/prefix/x/status");
  EXPECT_EQ(requests[1].parameter("fieldManager"), "weir");
  EXPECT_EQ(requests[1].headers.at("Content-Type"), "application/apply-patch+yaml");
}

TEST(ApiClient, AFailedWriteHasAReasonAndNoBody) {
  ScriptedApiServer server;
  ApiClient client(credentials_for(server.url()), {});
  server.answer_next("PATCH", {409, R"({"kind":"Status","message":"conflict with \"x\""})", {}});
  const auto reply = client.patch("/x", "{}", kMergePatch);
  EXPECT_EQ(reply.status, ApiStatus::Conflict);
  EXPECT_EQ(reply.detail, "HTTP 409: conflict with \"x\"");
  EXPECT_EQ(reply.body, "");
}

TEST(ApiClient, AWholeBodyHasABound) {
  ScriptedApiServer server;
  ApiClient client(credentials_for(server.url()), {});
  server.answer_next("list", {200, "small", {}});
  server.answer_next("list", {200, std::string(9 << 20, 'x'), {}});
  EXPECT_EQ(client.get(kPath).body, "small");
  const auto large = client.get(kPath);
  EXPECT_NE(large.status, ApiStatus::Ok);
  EXPECT_EQ(large.body, "");
}

TEST(ApiClient, MapsWhatTheServerSays) {
  ScriptedApiServer server;
  ApiClient client(credentials_for(server.url()), {});
  const struct {
    int status;
    ApiStatus meaning;
  } cases[] = {{400, ApiStatus::Refused},    {403, ApiStatus::Forbidden},
               {404, ApiStatus::NotFound},   {409, ApiStatus::Conflict},
               {410, ApiStatus::Expired},    {422, ApiStatus::Refused},
               {429, ApiStatus::Overloaded}, {500, ApiStatus::Overloaded},
               {503, ApiStatus::Overloaded}, {302, ApiStatus::Refused}};
  for (const auto& c : cases) {
    server.answer_next("list", {c.status, R"({"kind":"Status","message":"why\nnot"})", {}});
    std::string body;
    const auto reply = get(client, &body);
    EXPECT_EQ(reply.status, c.meaning) << c.status;
    EXPECT_EQ(reply.http_status, c.status);
    EXPECT_EQ(reply.detail, "HTTP " + std::to_string(c.status) + ": why not");
    EXPECT_EQ(body, "");
  }
}

TEST(ApiClient, ReadsRetryAfter) {
  ScriptedApiServer server;
  ApiClient client(credentials_for(server.url()), {});
  const std::pair<const char*, std::optional<std::chrono::seconds>> cases[] = {
      {"7", std::chrono::seconds(7)},
      {"99999999", std::chrono::seconds(300)},
      {"-1", std::nullopt},
      {"soon", std::nullopt}};
  for (const auto& [text, seconds] : cases) {
    server.answer_next("list", {429, "busy", {{"Retry-After", text}}});
    EXPECT_EQ(get(client).retry_after, seconds) << text;
  }
}

TEST(ApiClient, ReadsTheTokenAgainAfter401) {
  test::TempFolder folder;
  folder.write("token", "old");
  ScriptedApiServer server;
  ClusterAccess access;
  access.server = server.url();
  access.token_file = folder.path("token");
  ApiClient client(credentials(std::move(access)), {});
  EXPECT_EQ(get(client).status, ApiStatus::Ok);
  server.require_token("new");
  EXPECT_EQ(get(client).status, ApiStatus::Unauthorized);
  EXPECT_EQ(server.requests().size(), 3u);
  folder.write("token", "new");
  EXPECT_EQ(get(client).status, ApiStatus::Ok);
}

TEST(ApiClient, SaysAsWhomItActs) {
  ScriptedApiServer server;
  ClusterAccess access;
  access.server = server.url();
  access.user = "u";
  access.password = "p";
  access.as = {"admin", "7", {"g"}, {{"acme.com/project", {"x"}}}};
  ApiClient client(credentials(std::move(access)), {});
  EXPECT_EQ(get(client).status, ApiStatus::Ok);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1u);
  const auto& headers = requests[0].headers;
  EXPECT_EQ(headers.at("Authorization"), "Basic dTpw");
  EXPECT_EQ(headers.at("Impersonate-User"), "admin");
  EXPECT_EQ(headers.at("Impersonate-Uid"), "7");
  EXPECT_EQ(headers.at("Impersonate-Group"), "g");
  EXPECT_EQ(headers.at("Impersonate-Extra-acme.com%2Fproject"), "x");
}

TEST(ApiClient, UnderstandsGzip) {
  static constexpr char kZipped[] =
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57"
      "\x28\xc9\x48\x2d\x4a\x05\x00\x50\xe9\x12\x6d\x0b\x00\x00\x00";
  const std::string zipped(kZipped, sizeof kZipped - 1);
  std::promise<std::string> head;
  test::Backend server([&](test::Socket& client) {
    head.set_value(test::receive_head(client));
    client.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                std::to_string(zipped.size()) + "\r\n\r\n" + zipped);
  });
  ApiClient client(credentials_for("http://127.0.0.1:" + std::to_string(server.port())), {});
  std::string body;
  EXPECT_EQ(get(client, &body).status, ApiStatus::Ok);
  EXPECT_EQ(body, "hello there");
  EXPECT_THAT(head.get_future().get(), HasSubstr("Accept-Encoding: gzip\r\n"));
}

TEST(ApiClient, ReadsWarnings) {
  EXPECT_EQ(warning_text(R"(299 - "v1beta1 is deprecated")"), "v1beta1 is deprecated");
  EXPECT_EQ(warning_text(R"(299 kube "a \"b\" \\ c" "Sat, 25 Aug 2012 23:34:45 GMT")"),
            R"(a "b" \ c)");
  EXPECT_EQ(warning_text("299 - \"a\nb"), "a b");
  EXPECT_EQ(warning_text("299 - \"" + std::string(999, 'x')).size(), 256u);
  for (const char* other : {"", "299", "299 - text", "199 - \"x\"", "\"x\""}) {
    EXPECT_EQ(warning_text(other), "") << other;
  }
}

TEST(ApiClient, LogsWarningsOnceATextWhoeverAsks) {
  ScriptedApiServer server;
  ApiClient one(credentials_for(server.url()), {});
  ApiClient two(credentials_for(server.url()), {});
  util::log::init("test", util::log::Level::Info);
  ::testing::internal::CaptureStderr();
  for (auto* client : {&one, &one, &two}) {
    server.answer_next("list", {200, "{}", {{"Warning", R"(299 - "this test warns you")"}}});
    EXPECT_EQ(get(*client).status, ApiStatus::Ok);
  }
  const auto log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("the API server says: this test warns you"));
  EXPECT_EQ(log.find("this test"), log.rfind("this test")) << log;
}

/// Passes one connection on, to wherever CONNECT says, and keeps what it was asked.
class ConnectProxy {
 public:
  explicit ConnectProxy(std::uint16_t target)
      : backend_([this, target](test::Socket& client) {
          head_.set_value(test::receive_head(client));
          client.send("HTTP/1.1 200 Connection established\r\n\r\n");
          auto server = test::Socket::connect(target);
          std::thread back([&] { pass(server, client); });
          pass(client, server);
          back.join();
        }) {}

  std::string url() const { return "http://me:pw@127.0.0.1:" + std::to_string(backend_.port()); }
  std::string head() { return head_.get_future().get(); }

 private:
  static void pass(test::Socket& from, test::Socket& to) {
    for (;;) {
      const auto bytes = from.receive();
      if (bytes.empty() || !to.send(bytes)) break;
    }
    to.shutdown_write();
  }

  std::promise<std::string> head_;
  test::Backend backend_;
};

class ApiClientTlsTest : public ::testing::Test {
 protected:
  ApiReply ask(const test::PemPair& server_certificate, ClusterAccess access) {
    ScriptedApiServer server(server_certificate);
    access.server = server.url();
    ApiClient client(credentials(std::move(access)), {});
    return get(client);
  }
  ClusterAccess trusting(const test::TestCa& ca) {
    ClusterAccess access;
    access.ca.data = ca.certificate();
    return access;
  }

  test::TestCa ca_;
  test::TestCa other_ca_;
};

TEST_F(ApiClientTlsTest, VerifiesTheServer) {
  EXPECT_EQ(ask(ca_.issue("IP:127.0.0.1"), trusting(ca_)).status, ApiStatus::Ok);
  EXPECT_EQ(ask(ca_.issue("IP:127.0.0.1"), trusting(other_ca_)).status, ApiStatus::Unreachable);
  EXPECT_EQ(ask(ca_.issue("IP:127.0.0.1"), ClusterAccess()).status, ApiStatus::Unreachable);
  EXPECT_EQ(ask(ca_.issue("IP:127.0.0.2"), trusting(ca_)).status, ApiStatus::Unreachable);
  EXPECT_EQ(ask(ca_.issue(""), trusting(ca_)).status, ApiStatus::Unreachable);
}

TEST_F(ApiClientTlsTest, VerifiesAnotherNameIfToldSo) {
  auto access = trusting(ca_);
  access.tls_server_name = "kubernetes";
  EXPECT_EQ(ask(ca_.issue("DNS:kubernetes"), access).status, ApiStatus::Ok);
  EXPECT_EQ(ask(ca_.issue("IP:127.0.0.1"), access).status, ApiStatus::Unreachable);
}

TEST_F(ApiClientTlsTest, SkipsVerificationOnlyIfToldSo) {
  ClusterAccess access;
  access.insecure_skip_tls_verify = true;
  EXPECT_EQ(ask(other_ca_.issue("DNS:elsewhere"), access).status, ApiStatus::Ok);
}

TEST_F(ApiClientTlsTest, TakesAClientCertificate) {
  auto access = trusting(ca_);
  const auto pair = ca_.issue("DNS:client");
  access.client_certificate.data = pair.certificate;
  access.client_key.data = pair.key;
  EXPECT_EQ(ask(ca_.issue("IP:127.0.0.1"), access).status, ApiStatus::Ok);
  access.client_key.data = other_ca_.issue("DNS:other").key;
  EXPECT_THAT(ask(ca_.issue("IP:127.0.0.1"), access).detail, HasSubstr("client key"));
  access.client_certificate.data = "nonsense";
  EXPECT_THAT(ask(ca_.issue("IP:127.0.0.1"), access).detail, HasSubstr("client certificate"));
}

TEST_F(ApiClientTlsTest, GoesThroughAProxy) {
  ScriptedApiServer server(ca_.issue("DNS:api.example"));
  const auto address = *parse_server_url(server.url());
  ConnectProxy proxy(static_cast<std::uint16_t>(address.port));
  auto access = trusting(ca_);
  access.server = "https://api.example:6443";
  access.proxy_url = proxy.url();
  {
    ApiClient client(credentials(access), {});
    EXPECT_EQ(get(client).status, ApiStatus::Ok);
  }
  EXPECT_EQ(server.requests().size(), 1u);
  const auto head = proxy.head();
  EXPECT_THAT(head, ::testing::StartsWith("CONNECT api.example:6443 HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("Proxy-Authorization: Basic bWU6cHc="));
}

TEST(ApiClient, SaysThatNobodyIsThere) {
  ScriptedApiServer server;
  const auto url = server.url();
  server.go_away();
  ApiClient client(credentials_for(url), {});
  EXPECT_EQ(get(client).status, ApiStatus::Unreachable);
  server.come_back();
  EXPECT_EQ(get(client).status, ApiStatus::Ok);
}

TEST(ApiClient, StopEndsAWatch) {
  ScriptedApiServer server;
  ApiClient client(credentials_for(server.url()), {});
  auto reply = std::async(std::launch::async, [&] {
    return client.get(
        std::string(kPath) + "?watch=1&resourceVersion=v1", [](std::string_view) { return true; },
        std::chrono::hours(1));
  });
  server.wait_requests("watch", 1);
  client.stop();
  EXPECT_EQ(reply.get().status, ApiStatus::Stopped);
  EXPECT_EQ(get(client).status, ApiStatus::Stopped);
}

TEST(ApiClient, StopEndsAWaitForAnAnswer) {
  // A server that accepts and never says a word.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  for (const char* scheme : {"http", "https"}) {
    ApiClient client(credentials_for(std::string(scheme) +
                                     "://127.0.0.1:" + std::to_string(ntohs(address.sin_port))),
                     {std::chrono::hours(1), std::chrono::hours(1), std::chrono::hours(1)});
    auto reply = std::async(std::launch::async, [&] { return get(client); });
    const int accepted = ::accept(listener, nullptr, nullptr);
    client.stop();
    EXPECT_EQ(reply.get().status, ApiStatus::Stopped);
    ::close(accepted);
  }
  ::close(listener);
}

TEST(ApiClient, AStopBeforeTheRequestHolds) {
  ScriptedApiServer server;
  ApiClient client(credentials_for(server.url()), {});
  client.stop();
  EXPECT_EQ(get(client).status, ApiStatus::Stopped);
  EXPECT_EQ(server.requests().size(), 0u);
}

TEST(ApiClient, EncodesQueries) {
  EXPECT_EQ(encode_query("a-Z_0.~ !=/&"), "a-Z_0.~%20%21%3D%2F%26");
}

}  // namespace
}  // namespace weir::kube
