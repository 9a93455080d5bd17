#include <csignal>

#include <gtest/gtest.h>

#include "support/temp_folder.h"
#include "support/websocket_peer.h"
#include "support/weir.h"

namespace weir::test {
namespace {

/// Both programs on a folder that starts with one good host, "good.example".
class Folder : public testing::Test {
 protected:
  Folder() : app_([](Socket& socket) { websocket_echo(socket, "hello"); }) {
    folder_.replace("good.yaml", manifest::service("good", {app_.port()}) + "---\n" +
                                     manifest::ingress("good", "good.example", "good"));
    socket_ = runtime_.path("weir.sock");
    controller_ = std::make_unique<ControllerProcess>("dir:" + folder_.path(), socket_);
    proxy_ = std::make_unique<ProxyProcess>(socket_);
    EXPECT_TRUE(proxy_->wait_ready()) << controller_->process().output();
  }
  ~Folder() override {
    EXPECT_EQ(proxy_->get("good.example").body, "hello") << "the good one lives";
  }

  /// Waits for `condition`, and until it holds on every worker.
  bool eventually(const std::function<bool()>& condition) const {
    return test::eventually(condition) && settled(*controller_, *proxy_);
  }
  /// What the problem's log line says, once there is one with `text`.
  std::string logged(const std::string& text) { return controller_->process().wait_for_line(text); }
  double problems(const std::string& code) const {
    return controller_->metric("weir_controller_problems{code=\"" + code + "\"");
  }
  int status(const std::string& host, const std::string& path = "/") const {
    return proxy_->get(host, path).status;
  }

  Backend app_;
  TempFolder folder_;
  TempFolder runtime_;
  std::string socket_;
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<ProxyProcess> proxy_;
};

TEST_F(Folder, FollowsEveryChangeOfItsFiles) {
  folder_.replace("sub/new.yaml", manifest::ingress("new", "new.example", "good"));
  EXPECT_TRUE(eventually([&] { return status("new.example") == 200; }));
  folder_.replace("sub/new.yaml", manifest::ingress("new", "renamed.example", "good"));
  EXPECT_TRUE(eventually([&] { return status("renamed.example") == 200; }));
  EXPECT_EQ(status("new.example"), 404);
  folder_.remove("sub/new.yaml");
  EXPECT_TRUE(eventually([&] { return status("renamed.example") == 404; }));
}

TEST_F(Folder, ABrokenFileIsReportedAndItsLastGoodObjectsStay) {
  folder_.replace("other.yaml", manifest::ingress("other", "other.example", "good"));
  ASSERT_TRUE(eventually([&] { return status("other.example") == 200; }));
  folder_.replace("other.yaml", "apiVersion: networking.k8s.io/v1\nkind: Ingress\n  bad indent: [");
  EXPECT_TRUE(eventually([&] { return !logged("other.yaml:").empty(); }));
  EXPECT_EQ(status("other.example"), 200);
  folder_.replace("other.yaml", manifest::ingress("other", "mended.example", "good"));
  EXPECT_TRUE(eventually([&] { return status("mended.example") == 200; }));
}

TEST_F(Folder, InvalidIngressesAreNamedAndRefused) {
  folder_.replace("bad.yaml",
                  "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: bad}\n"
                  "spec:\n  rules:\n  - host: 'Not A Host'\n    http:\n      paths:\n"
                  "      - {path: nowhere, pathType: Prefix, backend: {service: {name: good, port: "
                  "{number: 99999}}}}\n");
  EXPECT_NE(logged("Ingress default/bad"), "");
  EXPECT_TRUE(eventually([&] { return controller_->metric("weir_controller_problems") >= 1; }));
}

/// An Ingress for one path of auth.example, perhaps asked about.
std::string auth_example(const std::string& path, const std::string& service,
                         const std::string& annotations) {
  return "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: to-" + service +
         "\n  annotations: {" + annotations +
         "}\nspec:\n  rules:\n  - host: auth.example\n    http:\n      paths:\n      - {path: " +
         path + ", pathType: Prefix, backend: {service: {name: " + service +
         ", port: {number: 80}}}}\n";
}

TEST_F(Folder, AnAuthServiceOfTheSameHostIsAskedAndHeedsACookie) {
  Backend auth([](Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      const bool good = head.starts_with("GET /oauth2/auth ") &&
                        head.find("\r\nCookie: session=good\r\n") != std::string::npos;
      socket.send(std::string("HTTP/1.1 ") + (good ? "202 Yes" : "401 No") +
                  "\r\nContent-Length: 0\r\n\r\n");
    }
  });
  folder_.replace(
      "auth.yaml",
      manifest::service("oauth", {auth.port()}) + auth_example("/oauth2", "oauth", "") +
          auth_example("/", "good",
                       "nginx.ingress.kubernetes.io/auth-url: 'https://$host/oauth2/auth', "
                       "nginx.ingress.kubernetes.io/auth-signin: "
                       "'https://$host/oauth2/start'"));
  ASSERT_TRUE(eventually([&] { return status("auth.example") == 302; }));
  const auto ask = [&](const std::string& fields) {
    auto socket = Socket::connect(proxy_->ports().http);
    socket.send("GET /a HTTP/1.1\r\nHost: auth.example\r\n" + fields + "\r\n");
    return receive_response(socket);
  };
  EXPECT_EQ(ask("Cookie: session=good\r\n").body, "hello");
  const auto away = ask("Cookie: session=old\r\n");
  EXPECT_EQ(away.status, 302);
  EXPECT_EQ(away.field("Location"), "https://auth.example/oauth2/start?rd=http://auth.example%2Fa");
  auto socket = Socket::connect(proxy_->ports().http);
  EXPECT_FALSE(open_websocket(socket, "auth.example"));
}

/// An Ingress for all paths of a host, with annotations.
std::string annotated(const std::string& name, const std::string& host, const std::string& service,
                      const std::string& annotations) {
  return "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: " + name +
         "\n  annotations: {" + annotations + "}\nspec:\n  rules:\n  - host: " + host +
         "\n    http:\n      paths:\n      - {path: /, pathType: Prefix, backend: {service: "
         "{name: " +
         service + ", port: {number: 80}}}}\n";
}

TEST_F(Folder, ACanaryTakesWhatItsHeaderAndItsWeightSay) {
  Backend next(always("next"));
  const auto write = [&](const std::string& weight) {
    folder_.replace("canary.yaml",
                    manifest::service("next", {next.port()}) +
                        annotated("primary", "canary.example", "good", "") +
                        annotated("canary", "canary.example", "next",
                                  "nginx.ingress.kubernetes.io/canary: 'true', "
                                  "nginx.ingress.kubernetes.io/canary-by-header: X-Try, "
                                  "nginx.ingress.kubernetes.io/canary-weight: '" +
                                      weight + "'"));
  };
  const auto ask = [&](const std::string& fields) {
    auto socket = Socket::connect(proxy_->ports().http);
    socket.send("GET / HTTP/1.1\r\nHost: canary.example\r\n" + fields + "\r\n");
    return receive_response(socket).body;
  };
  write("0");
  ASSERT_TRUE(eventually([&] { return ask("X-Try: always\r\n") == "next"; }));
  EXPECT_EQ(ask(""), "hello");
  write("100");
  ASSERT_TRUE(eventually([&] { return ask("") == "next"; }));
  EXPECT_EQ(ask("X-Try: never\r\n"), "hello");
}

TEST_F(Folder, AClientThatAsksTooOftenIsRefused) {
  folder_.replace("limited.yaml",
                  annotated("limited", "limited.example", "good",
                            "nginx.ingress.kubernetes.io/limit-rpm: '1', "
                            "nginx.ingress.kubernetes.io/limit-burst-multiplier: '2'"));
  ASSERT_TRUE(eventually([&] { return status("limited.example") == 503; }));
  EXPECT_EQ(proxy_->metric("weir_http_local_responses_total{reason=\"no_endpoint\"}"), 0);
  EXPECT_GE(proxy_->metric("weir_http_local_responses_total{reason=\"rate_limit\"}"), 1);
}

TEST_F(Folder, AnErrorPageStandsForAnErrorAndAnswersNameThePublicPlace) {
  Backend app([](Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      socket.send(head.starts_with("GET /lost ")
                      ? "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"
                      : "HTTP/1.1 302 Away\r\nLocation: http://inside.example/app/login\r\n"
                        "Set-Cookie: s=1; Path=/app/; Domain=inside.example\r\n"
                        "Content-Length: 0\r\n\r\n");
    }
  });
  Backend errors([](Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      const bool is_told = head.find("\r\nX-Code: 404\r\n") != std::string::npos &&
                           head.find("\r\nX-Original-URI: /lost\r\n") != std::string::npos &&
                           head.find("\r\nX-Service-Name: app\r\n") != std::string::npos;
      socket.send(is_told ? "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\npage"
                          : "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nwhat");
    }
  });
  folder_.replace("answers.yaml", manifest::service("app", {app.port()}) + "---\n" +
                                      manifest::service("errors", {errors.port()}) + R"(---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: answers
  annotations:
    nginx.ingress.kubernetes.io/custom-http-errors: "404"
    nginx.ingress.kubernetes.io/default-backend: errors
    nginx.ingress.kubernetes.io/proxy-redirect-from: http://inside.example/app/
    nginx.ingress.kubernetes.io/proxy-redirect-to: http://$host/
    nginx.ingress.kubernetes.io/proxy-cookie-path: /app/ /
    nginx.ingress.kubernetes.io/proxy-cookie-domain: inside.example answers.example
spec:
  rules:
  - host: answers.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}
)");
  ASSERT_TRUE(eventually([&] { return status("answers.example") == 302; }));
  const auto away = proxy_->get("answers.example");
  EXPECT_EQ(away.field("Location"), "http://answers.example/login");
  EXPECT_EQ(away.field("Set-Cookie"), "s=1; Path=/; Domain=answers.example");
  EXPECT_EQ(proxy_->get("answers.example", "/lost").body, "page");
}

TEST_F(Folder, AMissingServiceIs503AndSaidSo) {
  folder_.replace("lost.yaml", manifest::ingress("lost", "lost.example", "nobody"));
  EXPECT_TRUE(eventually([&] { return status("lost.example") == 503; }));
  EXPECT_EQ(problems("ServiceNotFound"), 1);
  EXPECT_NE(logged("nobody"), "");
}

TEST_F(Folder, ASecretWithAnotherKeyLeavesTheDefaultCertificate) {
  folder_.replace("tls.yaml", manifest::ingress("tls", "tls.example", "good", "tls"));
  const auto one = make_key_pair("tls.example");
  const auto two = make_key_pair("tls.example");
  folder_.replace("secret.yaml",
                  "apiVersion: v1\nkind: Secret\nmetadata: {name: tls}\ndata:\n  tls.crt: " +
                      base64(one.certificate) + "\n  tls.key: " + base64(two.key) + "\n");
  EXPECT_TRUE(eventually([&] { return problems("InvalidCertificate") >= 1; }));
  EXPECT_NE(Socket::connect_tls(proxy_->ports().https, "tls.example")
                .peer_subject()
                .find("Kubernetes Ingress Controller Fake Certificate"),
            std::string::npos);
  EXPECT_EQ(controller_->process().output().find("PRIVATE KEY"), std::string::npos);

  folder_.replace("secret.yaml", manifest::tls_secret("tls", "tls.example"));
  EXPECT_TRUE(eventually([&] {
    return Socket::connect_tls(proxy_->ports().https, "tls.example").peer_subject() ==
           "/CN=tls.example";
  }));
  EXPECT_EQ(status("tls.example"), 308);
}

TEST_F(Folder, TextThatIsNotUtf8IsRefused) {
  folder_.replace(
      "bytes.yaml",
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: bytes\n"
      "  annotations: {nginx.ingress.kubernetes.io/rewrite-target: \"\xff\xfe\"}\nspec: "
      "{rules: [{host: bytes.example}]}\n");
  EXPECT_NE(logged("bytes.yaml"), "");
}

TEST_F(Folder, AnObjectOfOneAndAHalfMegabytesIsTaken) {
  std::string large = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n  text: ";
  large.append(1'500'000, 'x').append("\n");
  folder_.replace("large.yaml", large);
  folder_.replace("after.yaml", manifest::ingress("after", "after.example", "good"));
  EXPECT_TRUE(eventually([&] { return status("after.example") == 200; }));
}

TEST_F(Folder, GarbageOnTheHttpPortIs400) {
  auto client = Socket::connect(proxy_->ports().http);
  client.send(std::string("\0\1\2\3garbage\r\n\r\n", 15));
  EXPECT_EQ(receive_response(client).status, 400);
  EXPECT_EQ(proxy_->metric("weir_http_local_responses_total{reason=\"bad_request\""), 1);
}

TEST_F(Folder, GarbageOnTheTlsPortEndsTheHandshake) {
  auto client = Socket::connect(proxy_->ports().https);
  client.send("\x16\x03\x01\xff\xff garbage garbage garbage");
  client.shutdown_write();
  client.receive_all();
  auto plain = Socket::connect(proxy_->ports().https);
  plain.send("GET / HTTP/1.1\r\nHost: good.example\r\n\r\n");
  EXPECT_EQ(receive_response(plain).status, 400) << "plain HTTP on the TLS port";
  EXPECT_TRUE(eventually([&] { return proxy_->metric("weir_tls_handshake_failures_total") == 2; }));
}

TEST_F(Folder, AHostIsServedOverTlsByItsName) {
  folder_.replace("tls.yaml", manifest::ingress("tls", "*.wild.example", "good", "wild") + "---\n" +
                                  manifest::tls_secret("wild", "*.wild.example"));
  EXPECT_TRUE(eventually([&] {
    return Socket::connect_tls(proxy_->ports().https, "a.wild.example").peer_subject() ==
           "/CN=*.wild.example";
  }));
  auto client = Socket::connect_tls(proxy_->ports().https, "a.wild.example");
  client.send("GET / HTTP/1.1\r\nHost: a.wild.example\r\n\r\n");
  EXPECT_EQ(receive_response(client).body, "hello");
  EXPECT_NE(Socket::connect_tls(proxy_->ports().https, "a.b.wild.example")
                .peer_subject()
                .find("Fake Certificate"),
            std::string::npos);
}

TEST_F(Folder, AnnotationsCountFromTheirChangeOn) {
  const auto put = [&](const std::string& annotations) {
    auto text = manifest::ingress("noted", "noted.example", "good", "tls");
    const std::string name = "{name: noted";
    text.insert(text.find(name) + name.size(), ", annotations: {" + annotations + "}");
    folder_.replace("noted.yaml", text);
  };
  const std::string nginx = "nginx.ingress.kubernetes.io/";
  put("");
  EXPECT_TRUE(eventually([&] { return status("noted.example") == 308; }));
  put(nginx + "ssl-redirect: 'false'");
  EXPECT_TRUE(eventually([&] { return status("noted.example") == 200; }));

  put(nginx + "ssl-redirect: 'false', " + nginx + "auth-tls-secret: default/nobody");
  EXPECT_TRUE(eventually([&] { return status("noted.example") == 403; }));
  EXPECT_EQ(problems("SecretNotFound"), 2) << "and the one of spec.tls";

  put(nginx + "ssl-redirect: 'false', weir.dev/tunel-limit: '5', " + nginx +
      "proxy-next-upstream-tries: many");
  EXPECT_TRUE(eventually([&] { return status("noted.example") == 200; }));
  EXPECT_NE(logged("did you mean weir.dev/tunnel-limit?"), "");
  EXPECT_EQ(problems("InvalidAnnotation"), 1);
  EXPECT_EQ(controller_->metric("weir_controller_resources_refused_total"), 0);
}

}  // namespace
}  // namespace weir::test
