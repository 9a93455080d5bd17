#include "kube/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_folder.h"

namespace weir::kube {
namespace {

using ::testing::HasSubstr;

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    options_.service_account = folder_.path("account");
    options_.environment = [this](const char* name) -> const char* {
      const auto found = environment_.find(name);
      return found == environment_.end() ? nullptr : found->second.c_str();
    };
  }

  ClusterAccess found() {
    auto access = find_cluster_access(options_);
    if (access) return *access;
    ADD_FAILURE() << access.error().detail;
    return {};
  }
  util::Error refused() {
    const auto access = find_cluster_access(options_);
    return access ? util::Error{util::Error::Code::Malformed, "(found)"} : access.error();
  }
  std::shared_ptr<Credentials> open(ClusterAccess access) {
    auto credentials = Credentials::open(std::move(access), [this] { return now_; });
    if (credentials) return *credentials;
    ADD_FAILURE() << credentials.error().detail;
    return nullptr;
  }
  void be_in_cluster(const std::string& host) {
    environment_["KUBERNETES_SERVICE_HOST"] = host;
    environment_["KUBERNETES_SERVICE_PORT"] = "6443";
    folder_.write("account/token", "t1\n");
    folder_.write("account/ca.crt", "CA");
    folder_.write("account/namespace", "weir-system\n");
  }

  test::TempFolder folder_;
  std::map<std::string, std::string> environment_;
  CredentialOptions options_;
  std::chrono::steady_clock::time_point now_;
};

std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return R"(apiVersion: v1
kind: Config
current-context: here
contexts:
- name: other
  context: {cluster: none, user: none}
- name: here
  context: {cluster: c, user: u, namespace: team}
clusters:
- name: c
  cluster: )" +
         cluster + R"(
users:
- name: u
  user: )" +
         user + "\n";
}

TEST_F(CredentialsTest, FindsThePodsServiceAccount) {
  be_in_cluster("fd00::1");
  const auto credentials = open(found());
  EXPECT_EQ(credentials->server(), (ApiServerAddress{true, "fd00::1", 6443, ""}));
  EXPECT_EQ(credentials->own_namespace(), "weir-system");
  EXPECT_EQ(credentials->token(), "t1");
  EXPECT_EQ(credentials->tls(), (TlsMaterial{"CA", "", "", "", true}));
  options_.apiserver_host = "http://127.0.0.1:8001";
  EXPECT_EQ(open(found())->server(), (ApiServerAddress{false, "127.0.0.1", 8001, ""}));
}

TEST_F(CredentialsTest, ReadsTheTokenAgainAndKeepsTheLastGoodOne) {
  be_in_cluster("10.0.0.1");
  const auto credentials = open(found());
  folder_.write("account/token", "t2");
  now_ += std::chrono::seconds(59);
  EXPECT_EQ(credentials->token(), "t1");
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(credentials->token(), "t2");
  for (const char* bad : {"", "\n", "two words", "a\r\nX-Injected: 1"}) {
    folder_.write("account/token", bad);
    now_ += std::chrono::seconds(60);
    EXPECT_EQ(credentials->token(), "t2") << bad;
  }
  std::filesystem::remove(folder_.path("account/token"));
  now_ += std::chrono::seconds(60);
  EXPECT_EQ(credentials->token(), "t2");
  folder_.write("account/token", "t3");
  EXPECT_EQ(credentials->token(), "t2");
  credentials->refuse_token();
  EXPECT_EQ(credentials->token(), "t3");
}

TEST_F(CredentialsTest, ReadsCertificatesAgain) {
  be_in_cluster("10.0.0.1");
  const auto credentials = open(found());
  folder_.write("account/ca.crt", "CA2");
  now_ += std::chrono::seconds(299);
  EXPECT_EQ(credentials->tls().ca, "CA");
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(credentials->tls().ca, "CA2");
}

TEST_F(CredentialsTest, AMissingFileAtStartIsAnError) {
  be_in_cluster("10.0.0.1");
  std::filesystem::remove(folder_.path("account/token"));
  const auto credentials = Credentials::open(found());
  ASSERT_FALSE(credentials);
  EXPECT_THAT(credentials.error().detail, HasSubstr("account/token"));
}

TEST_F(CredentialsTest, ReadsAKubeconfig) {
  folder_.write("conf/ca.pem", "CA");
  folder_.write("conf/sub/token", "from-file");
  folder_.write("conf/config",
                kubeconfig("{server: 'https://api.example:6443/k8s/', certificate-authority: "
                           "ca.pem, tls-server-name: kubernetes}",
                           "{token: inline, tokenFile: sub/token, client-certificate-data: "
                           "Q0VSVA==, client-key-data: S0VZ}"));
  options_.kubeconfig = folder_.path("conf/config");
  const auto credentials = open(found());
  EXPECT_EQ(credentials->server(), (ApiServerAddress{true, "api.example", 6443, "/k8s"}));
  EXPECT_EQ(credentials->own_namespace(), "team");
  EXPECT_EQ(credentials->token(), "from-file");
  EXPECT_EQ(credentials->tls(), (TlsMaterial{"CA", "CERT", "KEY", "kubernetes", true}));
}

TEST_F(CredentialsTest, ReadsAKubeconfigInJson) {
  folder_.write("config",
                R"({"current-context":"a","contexts":[{"name":"a","context":{"cluster":"b"}}],
    "clusters":[{"name":"b","cluster":{"server":"https://[::1]","insecure-skip-tls-verify":true}}]})");
  environment_["KUBECONFIG"] = folder_.path("config");
  const auto credentials = open(found());
  EXPECT_EQ(credentials->server(), (ApiServerAddress{true, "::1", 443, ""}));
  EXPECT_FALSE(credentials->tls().verify);
  EXPECT_EQ(credentials->token(), "");
}

TEST_F(CredentialsTest, MergesTheFilesOfTheEnvironment) {
  be_in_cluster("10.0.0.1");
  folder_.write("1", "current-context: here\n");
  folder_.write("2", kubeconfig("{server: 'https://two'}", "{token: two}"));
  folder_.write("3", kubeconfig("{server: 'https://three'}", "{token: three}"));
  environment_["KUBECONFIG"] = folder_.path("none") + ":" + folder_.path("1") +
                               "::" + folder_.path("2") + ":" + folder_.path("3");
  const auto access = found();
  EXPECT_EQ(access.server, "https://two");
  EXPECT_EQ(access.token, "two");
}

TEST_F(CredentialsTest, SaysWhatItDoesNotSupport) {
  options_.kubeconfig = folder_.path("config");
  for (const char* user : {"{exec: {command: aws}}", "{auth-provider: {name: gcp}}"}) {
    folder_.write("config", kubeconfig("{server: 'https://a'}", user));
    EXPECT_EQ(refused().code, util::Error::Code::Unsupported) << user;
  }
  for (const char* cluster : {"{server: 'https://a', proxy-url: 'socks5://p'}",
                              "{server: 'https://a', proxy-url: p, tls-server-name: b}"}) {
    folder_.write("config", kubeconfig(cluster, "{}"));
    const auto opened = Credentials::open(found());
    ASSERT_FALSE(opened) << cluster;
    EXPECT_EQ(opened.error().code, util::Error::Code::Unsupported) << cluster;
  }
}

TEST_F(CredentialsTest, ReadsAsWhomToActAndPasswords) {
  options_.kubeconfig = folder_.path("config");
  folder_.write("config",
                kubeconfig("{server: 'https://a'}",
                           "{username: u, password: p, as: admin, as-uid: '7', as-groups: "
                           "[g, h], as-user-extra: {scopes: [x, y]}}"));
  const auto credentials = open(found());
  EXPECT_EQ(credentials->password(), std::pair(std::string("u"), std::string("p")));
  const auto& as = credentials->as();
  EXPECT_EQ(as.user, "admin");
  EXPECT_EQ(as.uid, "7");
  EXPECT_EQ(as.groups, (std::vector<std::string>{"g", "h"}));
  EXPECT_EQ(as.extra.at("scopes"), (std::vector<std::string>{"x", "y"}));

  folder_.write("config", kubeconfig("{server: 'https://a'}", "{as-groups: [g]}"));
  EXPECT_THAT(refused().detail, HasSubstr("need \"as\""));
  folder_.write("config", kubeconfig("{server: 'https://a'}", R"({as: "a\nb"})"));
  const auto opened = Credentials::open(found());
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("act as"));
}

TEST_F(CredentialsTest, TheKubeconfigsProxyGoesBeforeTheEnvironments) {
  options_.kubeconfig = folder_.path("config");
  environment_["HTTPS_PROXY"] = "http://env:3128";
  folder_.write("config", kubeconfig("{server: 'https://a', proxy-url: 'http://own:1'}", "{}"));
  EXPECT_EQ(open(found())->proxy()->host, "own");
  folder_.write("config", kubeconfig("{server: 'https://a'}", "{}"));
  EXPECT_EQ(open(found())->proxy()->host, "env");
  environment_["no_proxy"] = "b, a";
  EXPECT_EQ(open(found())->proxy(), std::nullopt);
  folder_.write("config", kubeconfig("{server: 'http://c'}", "{}"));
  EXPECT_EQ(open(found())->proxy(), std::nullopt);
  environment_["http_proxy"] = "plain";
  EXPECT_EQ(open(found())->proxy(), (HttpProxy{"plain", 80, "", ""}));
}

TEST_F(CredentialsTest, RefusesBrokenKubeconfigs) {
  options_.kubeconfig = folder_.path("config");
  EXPECT_THAT(refused().detail, HasSubstr("does not exist"));
  for (const char* text : {"", "a: b: c", "[]", "current-context: x", "current-context: [1]",
                           "{current-context: a, contexts: {}}",
                           "{current-context: a, contexts: [1, {name: a}], clusters: []}"}) {
    folder_.write("config", text);
    EXPECT_THAT(refused().detail, HasSubstr("config")) << text;
  }
  folder_.write("config",
                kubeconfig("{server: 'https://a', certificate-authority-data: '*'}", "{}"));
  EXPECT_THAT(refused().detail, HasSubstr("not base64"));
}

TEST_F(CredentialsTest, WithoutAnythingOnlyAHostHelps) {
  EXPECT_THAT(refused().detail, HasSubstr("--kubeconfig"));
  options_.apiserver_host = "http://localhost:8080";
  EXPECT_EQ(open(found())->server().port, 8080);
}

TEST(ServerUrl, ReadsAndRefuses) {
  EXPECT_EQ(*parse_server_url("api"), (ApiServerAddress{true, "api", 443, ""}));
  EXPECT_EQ(*parse_server_url("http://api/"), (ApiServerAddress{false, "api", 80, ""}));
  EXPECT_EQ(*parse_server_url("[::1]:1/a"), (ApiServerAddress{true, "::1", 1, "/a"}));
  for (const char* bad :
       {"", "ftp://a", "https://", "https://a:0", "https://a:65536", "https://a:b", "https://u:p@a",
        "https://[::1", "https://[::1]x", "https://a?b"}) {
    EXPECT_FALSE(parse_server_url(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir::kube
