#include "proxy/upstream_tls.h"

#include <mutex>
#include <set>

#include <openssl/ssl.h>

#include "proxy/proxy_fixture.h"
#include "support/test_ca.h"
#include "support/tls_peer.h"
#include "support/websocket_peer.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::Socket;
using test::TlsOptions;
using test::TlsServer;

/// A backend over TLS that notes what it sees of each connection.
class TlsBackend {
 public:
  explicit TlsBackend(const TlsOptions& options)
      : server_(options), backend_([this](Socket& socket) { serve(socket); }) {}

  std::uint16_t port() const { return backend_.port(); }
  int accepted() const { return backend_.accepted(); }
  std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    return names_;
  }
  std::string last_client() const {
    const std::lock_guard lock(mutex_);
    return client_;
  }
  int resumed() const { return resumed_; }

 private:
  void serve(Socket& socket) {
    if (!server_.accept(socket)) return;
    {
      const std::lock_guard lock(mutex_);
      names_.push_back(TlsServer::server_name(socket));
      client_ = socket.peer_subject();
    }
    if (socket.session_reused()) ++resumed_;
    test::websocket_echo(socket, "secret");
  }

  TlsServer server_;
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
  std::string client_;
  std::atomic<int> resumed_{0};
  Backend backend_;  // last: its threads use the rest
};

class UpstreamTlsTest : public ProxyTest {
 protected:
  TlsOptions backend_options(const std::string& names = "DNS:app.internal") const {
    TlsOptions options;
    options.certificate = ca_.issue(names);
    return options;
  }
  static table::UpstreamTls verifying(const std::string& name = "app.internal") {
    table::UpstreamTls tls;
    tls.server_name = name;
    tls.send_server_name = true;
    tls.verify = true;
    tls.trust = "trust";
    return tls;
  }
  static Delta::NamedTrust trust(const std::string& name, const std::string& ca,
                                 const std::string& crl = "") {
    auto parsed = TrustStore::parse({name, ca, crl});
    EXPECT_TRUE(parsed) << parsed.error().detail;
    return {name, *parsed};
  }
  static std::shared_ptr<const table::Host> secure_host(const std::string& name,
                                                        const table::UpstreamTls& tls) {
    auto made = std::make_shared<table::Host>(*host(name, "app"));
    made->routes[0].upstream_tls = tls;
    return made;
  }
  void serve_tls(const std::vector<std::uint16_t>& ports, const table::UpstreamTls& tls,
                 const std::string& name = "", const table::RequestPolicy& requests = {}) {
    Delta delta;
    delta.backends = {backend("app", ports)};
    delta.trust_bundles = {trust("trust", ca_.certificate())};
    auto made = std::make_shared<table::Host>(*secure_host(name, tls));
    made->routes[0].requests = requests;
    delta.hosts = {made};
    adopt(std::move(delta));
  }

  test::TestCa ca_;
};

TEST_F(UpstreamTlsTest, ARequestGoesOverTlsUnverifiedAndUnnamedByDefault) {
  TlsBackend app(backend_options());
  start();
  serve_tls({app.port()}, {});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get().body, "secret");
  EXPECT_EQ(app.accepted(), 1) << "the connection is kept";
  EXPECT_EQ(app.names().at(0), "");
}

TEST_F(UpstreamTlsTest, VerifiesChainAndName) {
  TlsBackend app(backend_options());
  start();
  serve_tls({app.port()}, verifying());
  EXPECT_EQ(get().body, "secret");
  EXPECT_EQ(app.names().at(0), "app.internal");

  serve_tls({app.port()}, verifying("other.internal"));
  EXPECT_EQ(get().status, 502);
  EXPECT_EQ(answers(AnswerReason::UpstreamTls), 1U);

  serve_tls({app.port()}, verifying());
  EXPECT_EQ(get().status, 200);
  Delta other;
  other.trust_bundles = {trust("trust", test::TestCa().certificate())};
  adopt(std::move(other));
  EXPECT_EQ(get().status, 502) << "and no kept connection stands in";
  Delta gone;
  gone.removed_trust_bundles = {"trust"};
  adopt(std::move(gone));
  EXPECT_EQ(get().status, 502);
  EXPECT_EQ(answers(AnswerReason::UpstreamTls), 3U);
}

TEST_F(UpstreamTlsTest, ARevokedBackendIsNotTrusted) {
  auto options = backend_options();
  TlsBackend app(options);
  start();
  serve_tls({app.port()}, verifying());
  Delta delta;
  delta.trust_bundles = {trust("trust", ca_.certificate(), ca_.revoke({options.certificate}))};
  adopt(std::move(delta));
  EXPECT_EQ(get().status, 502);
  Delta clean;
  clean.trust_bundles = {trust("trust", ca_.certificate(), ca_.revoke({}))};
  adopt(std::move(clean));
  EXPECT_EQ(get().status, 200);
}

TEST_F(UpstreamTlsTest, WithoutANameTheRequestsHostIsVerified) {
  TlsBackend app(backend_options("DNS:a.example,IP:127.0.0.1"));
  start();
  serve_tls({app.port()}, verifying(""));
  EXPECT_EQ(get("/", "a.example:81").status, 200);
  EXPECT_EQ(get("/", "b.example").status, 502) << "no connection for another name is used";
  EXPECT_EQ(get("/", "127.0.0.1").status, 200);
  EXPECT_EQ(app.names(), (std::vector<std::string>{"a.example", ""})) << "no address in SNI";
}

TEST_F(UpstreamTlsTest, ShowsItsCertificateAndSpeaksTheVersionsAndCiphersAskedFor) {
  auto options = backend_options();
  options.ask_for_certificate = true;
  TlsBackend app(options);
  start();
  const auto me = ca_.issue_client("weir", "");
  table::UpstreamTls tls;
  tls.certificate = "me";
  tls.versions.tls13 = false;
  tls.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
  serve_tls({app.port()}, tls);
  EXPECT_EQ(get().status, 502) << "the certificate is not there yet";
  Delta delta;
  delta.certificates = {{"me", *ServerCertificate::parse({"me", me.certificate, me.key})}};
  adopt(std::move(delta));
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(app.last_client(), "/CN=weir");

  options.version = TLS1_3_VERSION;
  TlsBackend modern(options);
  serve_tls({modern.port()}, tls);
  EXPECT_EQ(get().status, 502);
  tls.versions = {};
  serve_tls({modern.port()}, tls);
  EXPECT_EQ(get().status, 200);
}

TEST_F(UpstreamTlsTest, ResumesSessions) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto options = backend_options();
    options.version = version;
    TlsBackend app(options);
    start();
    serve_tls({app.port()}, verifying());
    for (int i = 0; i < 4; ++i) {
      // A tunnel takes its connection along.
      auto client = connect();
      ASSERT_TRUE(test::open_websocket(client, "a.example"));
    }
    EXPECT_EQ(app.accepted(), 4);
    EXPECT_EQ(app.resumed(), 3) << version;
    EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.upstream_handshakes_resumed; }),
              3U);
  }
}

TEST_F(UpstreamTlsTest, TunnelsGoOverTls) {
  TlsBackend app(backend_options());
  start();
  serve_tls({app.port()}, verifying());
  for (const bool tls : {false, true}) {
    auto client = tls ? connect_tls("a") : connect();
    ASSERT_TRUE(test::open_websocket(client, "a"));
    const std::string message(100'000, 'x');
    client.send(message);
    EXPECT_EQ(client.receive_exactly(message.size()), message);
  }
}

TEST_F(UpstreamTlsTest, ConnectionsOfTwoPoliciesAreNeverMixed) {
  TlsBackend app(backend_options("DNS:app.internal,DNS:other.internal"));
  Backend plain(test::always("plain"));
  start();
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.trust_bundles = {trust("trust", ca_.certificate())};
  delta.hosts = {secure_host("one", verifying()), secure_host("two", verifying("other.internal")),
                 secure_host("loose", {}), secure_host("same", verifying())};
  adopt(std::move(delta));
  for (int i = 0; i < 3; ++i) {
    for (const auto* name : {"one", "two", "loose", "same"}) {
      EXPECT_EQ(get("/", name).status, 200) << name;
    }
  }
  EXPECT_EQ(app.accepted(), 3);
  EXPECT_EQ(app.names(), (std::vector<std::string>{"app.internal", "other.internal", ""}));
}

TEST_F(UpstreamTlsTest, PlainAndTlsToOneEndpointAreNotMixed) {
  // Answers over TLS or without, by the first byte.
  TlsServer server(backend_options());
  std::atomic<int> plain{0};
  std::atomic<int> secure{0};
  Backend app([&](Socket& socket) {
    char first = 0;
    if (::recv(socket.fd(), &first, 1, MSG_PEEK) != 1) return;
    if (first == 0x16) {
      ++secure;
      if (!server.accept(socket)) return;
    } else {
      ++plain;
    }
    test::always("hi")(socket);
  });
  start();
  serve_tls({app.port()}, verifying(), "secure");
  Delta delta;
  delta.hosts = {host("plain", "app")};
  adopt(std::move(delta));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(get("/", "plain").status, 200);
    EXPECT_EQ(get("/", "secure").status, 200);
  }
  EXPECT_EQ(plain, 1);
  EXPECT_EQ(secure, 1);
}

TEST_F(UpstreamTlsTest, ARoutesPolicyPutsNoEndpointOutForTheOthers) {
  TlsBackend app(backend_options());
  start();
  serve_tls({app.port()}, verifying("other.internal"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get().status, 502);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.endpoint_ejections; }), 0U);
}

TEST_F(UpstreamTlsTest, TheNextEndpointIsTried) {
  Backend deaf([](Socket& socket) { socket.send("HTTP/1.1 400 no\r\n\r\n"); });
  TlsBackend app(backend_options());
  start();
  serve_tls({deaf.port(), app.port()}, verifying());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get().status, 200);
}

TEST_F(UpstreamTlsTest, TheHandshakeIsBoundedByTheConnectTimeout) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  start();
  table::RequestPolicy policy;
  policy.connect_timeout_ms = 100;
  serve_tls({silent.port()}, {}, "", policy);
  EXPECT_EQ(get().status, 504);
  EXPECT_EQ(answers(AnswerReason::ConnectTimeout), 1U);
}

TEST_F(UpstreamTlsTest, ACutResponseUntilCloseIsSeenAsSuch) {
  TlsServer server(backend_options());
  Backend app(server.wrap([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\n\r\nhalf");
    SSL_set_quiet_shutdown(socket.ssl(), 1);
    ::shutdown(socket.fd(), SHUT_WR);
    socket.receive_all();
  }));
  start();
  serve_tls({app.port()}, {});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.receive_all();
  EXPECT_TRUE(client.was_reset());
}

}  // namespace
}  // namespace weir::proxy
