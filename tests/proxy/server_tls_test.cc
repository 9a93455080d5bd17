#include "proxy/server_tls.h"

#include <atomic>
#include <map>

#include <openssl/ssl.h>

#include "proxy/handshake_gate.h"
#include "proxy/proxy_fixture.h"
#include "support/test_ca.h"
#include "support/tls_peer.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::PemPair;
using test::receive_head;
using test::receive_response;
using test::Socket;
using test::TlsClient;
using test::TlsOptions;
using Mode = table::ClientCertificates::Mode;

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

TlsOptions only(int version) {
  TlsOptions options;
  options.version = version;
  return options;
}

class ServerTlsTest : public ProxyTest {
 protected:
  static Delta::NamedCertificate certificate(const std::string& name, const PemPair& pair,
                                             const std::string& ocsp = "") {
    auto parsed = ServerCertificate::parse({name, pair.certificate, pair.key, ocsp});
    EXPECT_TRUE(parsed) << parsed.error().detail;
    return {name, *parsed};
  }

  static Delta::NamedTrust trust(const std::string& name, const std::string& ca,
                                 const std::string& crl = "") {
    auto parsed = TrustStore::parse({name, ca, crl});
    EXPECT_TRUE(parsed) << parsed.error().detail;
    return {name, *parsed};
  }

  static std::shared_ptr<table::Host> tls_host(std::string name,
                                               std::vector<std::string> certificates = {}) {
    auto made = std::make_shared<table::Host>(*host(std::move(name), "app"));
    made->certificates = std::move(certificates);
    return made;
  }

  static std::shared_ptr<table::Host> asking_host(std::string name, Mode mode,
                                                  std::string bundle = "trust",
                                                  std::uint32_t depth = 1) {
    auto made = tls_host(std::move(name));
    made->client_certificates = table::ClientCertificates{mode, std::move(bundle), depth};
    return made;
  }

  void settle(const table::TlsSettings& tls) {
    Delta delta;
    delta.settings.emplace().tls = tls;
    adopt(std::move(delta));
  }

  /// One request; the ticket has come with its answer.
  static test::Response ask(Socket& socket, const std::string& name,
                            const std::string& fields = "") {
    socket.send("GET / HTTP/1.1\r\nHost: " + name + "\r\n" + fields + "\r\n");
    return receive_response(socket);
  }

  /// True if a connection of `client`'s is resumed, after one that was not.
  bool resumes(TlsClient& client, const std::string& first, const std::string& second) {
    auto one = client.connect(https_port_, first);
    ask(one, first);
    EXPECT_FALSE(one.session_reused());
    auto two = client.connect(https_port_, second, /*resume=*/true);
    EXPECT_NE(ask(two, second).status, 0);
    return two.session_reused();
  }

  test::TestCa ca_;
};

TEST_F(ServerTlsTest, VersionsCiphersAndGroupsChangeWithTheNextHandshake) {
  Backend app(test::always("hi"));
  start();
  serve({app.port()});
  TlsClient any;
  TlsClient old(only(TLS1_2_VERSION));
  auto before = any.connect(https_port_, "a");
  EXPECT_EQ(TlsClient::version(before), TLS1_3_VERSION);
  EXPECT_EQ(TlsClient::cipher(old.connect(https_port_, "a")), "ECDHE-RSA-AES128-GCM-SHA256");

  table::TlsSettings tls;
  tls.versions.tls13 = false;
  tls.ciphers = "ECDHE-RSA-AES256-GCM-SHA384";
  settle(tls);
  EXPECT_EQ(TlsClient::cipher(any.connect(https_port_, "a")), "ECDHE-RSA-AES256-GCM-SHA384");
  EXPECT_EQ(ask(before, "a").body, "hi") << "a connection stays as it is";

  tls = {};
  tls.versions.tls12 = false;
  tls.groups = "P-384";
  settle(tls);
  EXPECT_FALSE(old.connect(https_port_, "a").is_open());
  TlsOptions narrow;
  narrow.groups = "X25519";
  EXPECT_FALSE(TlsClient(narrow).connect(https_port_, "a").is_open());
  EXPECT_TRUE(any.connect(https_port_, "a").is_open());
}

TEST_F(ServerTlsTest, AHostHasItsOwnCiphers) {
  start();
  Delta delta;
  auto special = tls_host("special");
  special->ciphers = "ECDHE-RSA-CHACHA20-POLY1305";
  delta.hosts = {special, tls_host("plain")};
  adopt(std::move(delta));
  TlsClient old(only(TLS1_2_VERSION));
  EXPECT_EQ(TlsClient::cipher(old.connect(https_port_, "special")), "ECDHE-RSA-CHACHA20-POLY1305");
  EXPECT_NE(TlsClient::cipher(old.connect(https_port_, "plain")), "ECDHE-RSA-CHACHA20-POLY1305");
  TlsOptions other = only(TLS1_2_VERSION);
  other.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  EXPECT_FALSE(TlsClient(other).connect(https_port_, "special").is_open());
}

TEST_F(ServerTlsTest, UnknownNamesMayBeRefused) {
  start();
  Delta delta;
  delta.settings.emplace().tls.reject_unknown_names = true;
  delta.hosts = {tls_host("known"), tls_host("*.wild"), tls_host("")};
  adopt(std::move(delta));
  TlsClient client;
  EXPECT_TRUE(client.connect(https_port_, "known").is_open());
  EXPECT_TRUE(client.connect(https_port_, "a.wild").is_open());
  for (const auto* name : {"unknown", ""}) {
    EXPECT_FALSE(client.connect(https_port_, name).is_open());
    EXPECT_NE(client.reason().find("unrecognized name"), std::string::npos) << client.reason();
  }
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.handshakes_unknown_name; }), 2U);
  settle({});
  EXPECT_TRUE(client.connect(https_port_, "unknown").is_open());
}

TEST_F(ServerTlsTest, TheClientsAlgorithmsChooseBetweenEcdsaAndRsa) {
  start();
  Delta delta;
  delta.certificates = {certificate("ec", ca_.issue("DNS:a")),
                        certificate("rsa", ca_.issue_rsa("DNS:a"))};
  delta.hosts = {tls_host("a", {"ec", "rsa"}), tls_host("b", {"rsa", "ec"})};
  adopt(std::move(delta));
  for (const auto* name : {"a", "b"}) {
    for (const int version : kVersions) {
      auto ecdsa = only(version);
      ecdsa.signature_algorithms = "ECDSA+SHA256";
      EXPECT_EQ(TlsClient::key_type(TlsClient(ecdsa).connect(https_port_, name)), "ECDSA");
      auto rsa = only(version);
      rsa.signature_algorithms = "RSA-PSS+SHA256:RSA+SHA256";
      EXPECT_EQ(TlsClient::key_type(TlsClient(rsa).connect(https_port_, name)), "RSA");
    }
  }
}

TEST_F(ServerTlsTest, TheFirstCertificateOfAKindIsPreferred) {
  start();
  Delta delta;
  const auto first = ca_.issue_client("first", "");
  const auto second = ca_.issue_client("second", "");
  delta.certificates = {certificate("one", first), certificate("two", second)};
  delta.hosts = {tls_host("a", {"one", "two"})};
  adopt(std::move(delta));
  EXPECT_EQ(connect_tls("a").peer_subject(), "/CN=first");
}

TEST_F(ServerTlsTest, StaplesWhileTheResponseIsValid) {
  std::atomic<std::int64_t> offset{0};
  Options options;
  options.wall_clock = [&] {
    return std::chrono::system_clock::now() + std::chrono::seconds(offset.load());
  };
  start(options);
  const auto pair = ca_.issue("DNS:a");
  const auto response = ca_.ocsp_response(pair, 3600);
  Delta delta;
  delta.certificates = {certificate("good", pair, response),
                        certificate("foreign", ca_.issue("DNS:b"), response),
                        certificate("revoked", pair, ca_.ocsp_response(pair, 3600, false))};
  delta.hosts = {tls_host("a", {"good"}), tls_host("b", {"foreign"}), tls_host("c", {"revoked"})};
  EXPECT_EQ(delta.certificates[0].certificate->staple_problem(), "");
  EXPECT_EQ(delta.certificates[1].certificate->staple_problem(), "is about another certificate");
  EXPECT_EQ(delta.certificates[2].certificate->staple_problem(),
            "does not call the certificate good");
  adopt(std::move(delta));
  for (const int version : kVersions) {
    auto asking = only(version);
    asking.ask_for_status = true;
    TlsClient client(asking);
    EXPECT_EQ(TlsClient::staple(client.connect(https_port_, "a")), response);
    EXPECT_EQ(TlsClient::staple(client.connect(https_port_, "b")), "");
    EXPECT_EQ(TlsClient::staple(client.connect(https_port_, "c")), "");
    EXPECT_EQ(TlsClient::staple(TlsClient(only(version)).connect(https_port_, "a")), "");
    offset = 3601;
    EXPECT_EQ(TlsClient::staple(client.connect(https_port_, "a")), "");
    offset = 0;
  }
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.staples_sent; }), 2U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.staples_expired; }), 2U);
}

TEST_F(ServerTlsTest, HstsIsOnEveryResponseOverTlsAndReplacesTheBackends) {
  Backend app([](Socket& socket) {
    while (receive_head(socket).ends_with("\r\n\r\n")) {
      socket.send(
          "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=1\r\nContent-Length: 0\r\n\r\n");
    }
  });
  start();
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {host("a", "app")};
  delta.settings.emplace().hsts = table::Hsts{};
  adopt(std::move(delta));
  auto tls = connect_tls("a");
  auto answer = ask(tls, "a");
  EXPECT_EQ(answer.field("Strict-Transport-Security"), "max-age=31536000; includeSubDomains");
  EXPECT_EQ(answer.head.find("max-age=1\r\n"), std::string::npos);
  EXPECT_EQ(ask(tls, "none").field("Strict-Transport-Security"),
            "max-age=31536000; includeSubDomains");
  tls.send("BAD\r\n\r\n");
  EXPECT_NE(receive_response(tls).field("Strict-Transport-Security"), "");
  auto plain = connect();
  EXPECT_EQ(ask(plain, "a").field("Strict-Transport-Security"), "max-age=1");
  EXPECT_EQ(ask(plain, "none").field("Strict-Transport-Security"), "");
}

// ---- tickets -----------------------------------------------------------------------------------

class Tickets : public ServerTlsTest {
 protected:
  /// Another data plane with the same table.
  struct Other : ServerTlsTest {
    void TestBody() override {}
    using ProxyTest::adopt;
    using ProxyTest::https_port_;
    using ProxyTest::start;
  };
  static Delta with_seed(char fill) {
    Delta delta;
    delta.ticket_seed.emplace().bytes = std::string(32, fill);
    return delta;
  }
};

TEST_F(Tickets, ASessionIsResumedOnAnyProxyWithTheSeed) {
  start();
  adopt(with_seed('s'));
  Other same;
  same.start();
  same.adopt(with_seed('s'));
  Other foreign;
  foreign.start();
  foreign.adopt(with_seed('x'));
  for (const int version : kVersions) {
    TlsClient client(only(version));
    EXPECT_TRUE(resumes(client, "a", "a"));
    auto there = client.connect(same.https_port_, "a", true);
    ask(there, "a");
    EXPECT_TRUE(there.session_reused());
    EXPECT_FALSE(client.connect(foreign.https_port_, "a", true).session_reused());
  }
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.handshakes_resumed; }), 2U);
}

TEST_F(Tickets, WithoutASeedAllWorkersShareARandomOne) {
  Options options;
  options.threads = 3;
  start(options);
  Other other;
  other.start();
  TlsClient client;
  EXPECT_TRUE(resumes(client, "a", "a"));
  for (int i = 0; i < 20; ++i) {
    auto again = client.connect(https_port_, "a", true);
    ask(again, "a");
    EXPECT_TRUE(again.session_reused()) << i;
  }
  EXPECT_FALSE(client.connect(other.https_port_, "a", true).session_reused());
}

TEST_F(Tickets, SurviveARestartAndANewCertificate) {
  start();
  auto delta = with_seed('s');
  delta.certificates = {certificate("tls", ca_.issue("DNS:a"))};
  delta.hosts = {tls_host("a", {"tls"})};
  adopt(std::move(delta));
  for (const int version : kVersions) {
    TlsClient client(only(version));
    EXPECT_TRUE(resumes(client, "a", "a"));
    Delta renewed;
    renewed.certificates = {certificate("tls", ca_.issue("DNS:a"))};
    adopt(std::move(renewed));
    auto after = client.connect(https_port_, "a", true);
    ask(after, "a");
    EXPECT_TRUE(after.session_reused());

    plane_.reset();
    start();
    auto again = with_seed('s');
    again.certificates = {certificate("tls", ca_.issue("DNS:a"))};
    again.hosts = {tls_host("a", {"tls"})};
    adopt(std::move(again));
    EXPECT_TRUE(client.connect(https_port_, "a", true).session_reused());
  }
}

TEST_F(Tickets, KeysTurnWithTheEpochAndTheNeighboursAreRead) {
  std::atomic<std::int64_t> hours{24 * 365 * 50};
  Options options;
  options.wall_clock = [&] {
    return std::chrono::system_clock::time_point(std::chrono::hours(hours.load()));
  };
  start(options);
  adopt(with_seed('s'));
  const auto now = hours.load();
  for (const int version : kVersions) {
    TlsClient client(only(version));
    EXPECT_TRUE(resumes(client, "a", "a"));
    const auto works = [&](std::int64_t epochs) {
      TlsClient fresh(only(version));
      hours = now;
      auto first = fresh.connect(https_port_, "a");
      ask(first, "a");
      hours = now + epochs * TicketKeyring::kEpoch.count();
      return fresh.connect(https_port_, "a", true).session_reused();
    };
    EXPECT_TRUE(works(0));
    EXPECT_TRUE(works(1)) << "of the epoch before";
    EXPECT_TRUE(works(-1)) << "of a proxy whose clock is ahead";
    EXPECT_FALSE(works(2));
    EXPECT_FALSE(works(-2));
    hours = now;
  }
}

TEST_F(Tickets, MayBeOff) {
  start();
  table::TlsSettings tls;
  tls.session_tickets = false;
  settle(tls);
  for (const int version : kVersions) {
    TlsClient client(only(version));
    EXPECT_FALSE(resumes(client, "a", "a"));
  }
}

TEST_F(Tickets, StayWithThePolicyTheyWereMadeUnder) {
  start();
  auto client_pair = ca_.issue_client("me", "");
  auto delta = with_seed('s');
  delta.trust_bundles = {trust("trust", ca_.certificate())};
  auto special = tls_host("ciphers");
  special->ciphers = "ECDHE-RSA-AES256-GCM-SHA384";
  delta.hosts = {asking_host("strict", Mode::Required),
                 asking_host("same", Mode::Required),
                 asking_host("deeper", Mode::Required, "trust", 3),
                 asking_host("optional", Mode::Optional),
                 special,
                 tls_host("open"),
                 tls_host("open2")};
  adopt(std::move(delta));
  for (const int version : kVersions) {
    auto options = only(version);
    options.certificate = client_pair;
    const auto resumed = [&](const std::string& first, const std::string& second) {
      TlsClient client(options);
      return resumes(client, first, second);
    };
    EXPECT_TRUE(resumed("strict", "strict"));
    EXPECT_TRUE(resumed("strict", "same"));
    EXPECT_TRUE(resumed("open", "open2"));
    EXPECT_FALSE(resumed("open", "strict"));
    EXPECT_FALSE(resumed("optional", "strict"));
    EXPECT_FALSE(resumed("deeper", "strict"));
    EXPECT_FALSE(resumed("strict", "open"));
    EXPECT_FALSE(resumed("open", "ciphers"));
  }
}

TEST_F(Tickets, AClientThatShowedNothingGoodIsAskedAgain) {
  start();
  Delta delta;
  delta.trust_bundles = {trust("trust", ca_.certificate())};
  delta.hosts = {asking_host("strict", Mode::Required)};
  adopt(std::move(delta));
  for (const int version : kVersions) {
    TlsClient nothing(only(version));
    EXPECT_FALSE(resumes(nothing, "strict", "strict"));
    auto bad = only(version);
    bad.certificate = test::TestCa().issue_client("me", "");
    TlsClient stranger(bad);
    EXPECT_FALSE(resumes(stranger, "strict", "strict"));
  }
}

TEST_F(Tickets, ARevocationListEndsSessions) {
  start();
  const auto me = ca_.issue_client("me", "");
  Delta delta;
  delta.trust_bundles = {trust("trust", ca_.certificate(), ca_.revoke({}))};
  delta.hosts = {asking_host("strict", Mode::Required)};
  adopt(std::move(delta));
  for (const int version : kVersions) {
    auto options = only(version);
    options.certificate = me;
    TlsClient client(options);
    auto kept = client.connect(https_port_, "strict");
    EXPECT_EQ(ask(kept, "strict").status, 503) << "there is no backend";
    Delta newer;
    newer.trust_bundles = {trust("trust", ca_.certificate(), ca_.revoke({ca_.issue("DNS:x")}))};
    adopt(std::move(newer));
    EXPECT_EQ(ask(kept, "strict").status, 503) << "a list that does not name it changes nothing";
    Delta revoked;
    revoked.trust_bundles = {trust("trust", ca_.certificate(), ca_.revoke({me}))};
    adopt(std::move(revoked));
    EXPECT_EQ(ask(kept, "strict").status, 421) << "verified under another policy";
    auto again = client.connect(https_port_, "strict", true);
    EXPECT_FALSE(again.session_reused());
    EXPECT_EQ(ask(again, "strict").status, 400);
    Delta back;
    back.trust_bundles = {trust("trust", ca_.certificate(), ca_.revoke({}))};
    adopt(std::move(back));
  }
}

// ---- client certificates -----------------------------------------------------------------------

class ClientCertificates : public ServerTlsTest {
 protected:
  void SetUp() override {
    app_ = std::make_unique<Backend>([](Socket& socket) {
      for (;;) {
        const auto head = receive_head(socket);
        if (!head.ends_with("\r\n\r\n")) return;
        socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) +
                    "\r\n\r\n" + head);
      }
    });
    start();
    Delta delta;
    delta.backends = {backend("app", {app_->port()})};
    delta.trust_bundles = {trust("trust", ca_.certificate())};
    delta.hosts = {asking_host("required", Mode::Required),
                   asking_host("optional", Mode::Optional),
                   asking_host("any", Mode::OptionalAny),
                   asking_host("nothing", Mode::OptionalAny, ""),
                   asking_host("lost", Mode::Required, "gone"),
                   asking_host("lost-optional", Mode::Optional, "gone"),
                   tls_host("open")};
    adopt(std::move(delta));
    good_.certificate = ca_.issue_client("me, myself", "ops");
    bad_.certificate = test::TestCa().issue_client("me", "");
  }

  test::Response get_as(const TlsOptions& who, const std::string& name,
                        const std::string& fields = "") {
    TlsClient client(who);
    auto socket = client.connect(https_port_, name);
    EXPECT_TRUE(socket.is_open()) << client.reason();
    return ask(socket, name, fields);
  }
  /// A field of the request as the backend saw it.
  static std::string seen(const test::Response& response, std::string_view field) {
    test::Response request;
    request.head = response.body;
    return request.field(field);
  }

  std::unique_ptr<Backend> app_;
  TlsOptions good_;
  TlsOptions bad_;
  TlsOptions none_;
};

TEST_F(ClientCertificates, AreAnsweredByHttpNotByAnAlert) {
  for (const int version : kVersions) {
    good_.version = bad_.version = none_.version = version;
    EXPECT_EQ(get_as(good_, "required").status, 200);
    EXPECT_EQ(get_as(bad_, "required").status, 400);
    EXPECT_EQ(get_as(none_, "required").status, 400);
    EXPECT_EQ(get_as(good_, "optional").status, 200);
    EXPECT_EQ(get_as(bad_, "optional").status, 400);
    EXPECT_EQ(get_as(none_, "optional").status, 200);
    EXPECT_EQ(get_as(bad_, "any").status, 200);
    EXPECT_EQ(get_as(none_, "any").status, 200);
    EXPECT_EQ(get_as(bad_, "nothing").status, 200);
  }
  EXPECT_EQ(answers(AnswerReason::ClientCertificateMissing), 2U);
  EXPECT_EQ(answers(AnswerReason::ClientCertificateBad), 4U);
}

TEST_F(ClientCertificates, WithoutTheBundleNobodyPasses) {
  EXPECT_EQ(get_as(good_, "lost").status, 403);
  EXPECT_EQ(get_as(none_, "lost-optional").status, 403);
  EXPECT_EQ(get("/", "lost").status, 403);
  EXPECT_EQ(answers(AnswerReason::NoClientTrust), 3U);
}

TEST_F(ClientCertificates, PlainHttpCannotShowOne) {
  EXPECT_EQ(get("/", "required").status, 400);
  EXPECT_EQ(get("/", "optional").status, 200);
}

TEST_F(ClientCertificates, TheBackendLearnsWhoItIs) {
  for (const int version : kVersions) {
    good_.version = bad_.version = version;
    const auto good = get_as(good_, "required");
    EXPECT_EQ(seen(good, "ssl-client-verify"), "SUCCESS");
    EXPECT_EQ(seen(good, "ssl-client-subject-dn"), "CN=me\\, myself,O=ops");
    EXPECT_EQ(seen(good, "ssl-client-issuer-dn"), "CN=test CA");
    EXPECT_TRUE(seen(get_as(bad_, "any"), "ssl-client-verify").starts_with("FAILED:"));
  }
  const auto none = get_as(none_, "optional");
  EXPECT_EQ(seen(none, "ssl-client-verify"), "NONE");
  EXPECT_EQ(none.body.find("ssl-client-subject-dn"), std::string::npos);
}

TEST_F(ClientCertificates, OnlySubjectsThatFitPass) {
  const auto adopt_pattern = [&](const std::string& pattern) {
    auto made = asking_host("optional", Mode::Optional);
    made->client_certificates = table::ClientCertificates{Mode::Optional, "trust", 1, pattern};
    Delta delta;
    delta.hosts = {made};
    adopt(std::move(delta));
  };
  adopt_pattern("CN=(me|you)");
  EXPECT_EQ(get_as(good_, "optional").status, 200);
  EXPECT_EQ(get_as(none_, "optional").status, 403) << "nobody's subject is empty";
  EXPECT_EQ(get("/", "optional").status, 403) << "nor can one be shown without TLS";
  for (const auto* other : {"CN=you", "cn=me", "CN=me$", "("}) {
    adopt_pattern(other);
    EXPECT_EQ(get_as(good_, "optional").status, 403) << other;
  }
  EXPECT_EQ(answers(AnswerReason::ClientSubjectDenied), 6U);
  adopt_pattern("O=ops$");
  EXPECT_EQ(get_as(good_, "optional").status, 200);
}

TEST_F(ClientCertificates, GoOnToTheBackendIfSo) {
  auto made = asking_host("optional", Mode::Optional);
  made->client_certificates = table::ClientCertificates{Mode::Optional, "trust", 1, {}, true};
  Delta delta;
  delta.hosts = {made};
  adopt(std::move(delta));
  // Of what PEM is made of, letters, digits and '-' stay.
  const auto escaped = [](const std::string& text) {
    const std::map<char, std::string> kOthers = {
        {'\n', "%0A"}, {' ', "%20"}, {'+', "%2B"}, {'/', "%2F"}, {'=', "%3D"}};
    std::string result;
    for (const char c : text) {
      const auto other = kOthers.find(c);
      result += other == kOthers.end() ? std::string(1, c) : other->second;
    }
    return result;
  };
  for (const int version : kVersions) {
    good_.version = version;
    EXPECT_EQ(seen(get_as(good_, "optional", "ssl-client-cert: forged\r\n"), "ssl-client-cert"),
              escaped(good_.certificate.certificate));
  }
  EXPECT_EQ(seen(get_as(good_, "required"), "ssl-client-cert"), "");
  EXPECT_EQ(seen(get_as(none_, "optional"), "ssl-client-cert"), "");
}

TEST_F(ClientCertificates, AnAuthServiceLearnsOfThem) {
  std::promise<std::string> asked;
  Backend auth([&](Socket& socket) {
    asked.set_value(receive_head(socket));
    socket.send("HTTP/1.1 204 Yes\r\n\r\n");
  });
  auto made = asking_host("optional", Mode::Optional);
  made->client_certificates = table::ClientCertificates{Mode::Optional, "trust", 1, {}, true};
  table::RouteRules rules;
  auto& external = rules.access.external.emplace();
  external.backend = "auth";
  external.target = {{table::TextPart::Source::Literal, "/"}};
  made->routes.front().rules = rules;
  Delta delta;
  delta.backends = {backend("auth", {auth.port()})};
  delta.hosts = {made};
  adopt(std::move(delta));
  EXPECT_EQ(get_as(good_, "optional", "ssl-client-verify: forged\r\n").status, 200);
  test::Response request;
  request.head = asked.get_future().get();
  EXPECT_EQ(request.field("ssl-client-verify"), "SUCCESS");
  EXPECT_EQ(request.field("ssl-client-subject-dn"), "CN=me\\, myself,O=ops");
  EXPECT_TRUE(request.field("ssl-client-cert").starts_with("-----BEGIN%20CERTIFICATE-----%0A"));
}

TEST_F(ClientCertificates, AResumedSessionIsStillThatClient) {
  for (const int version : kVersions) {
    good_.version = version;
    TlsClient client(good_);
    auto first = client.connect(https_port_, "required");
    ask(first, "required");
    auto second = client.connect(https_port_, "required", true);
    const auto response = ask(second, "required");
    EXPECT_TRUE(second.session_reused());
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(seen(response, "ssl-client-subject-dn"), "CN=me\\, myself,O=ops");
  }
}

TEST_F(ClientCertificates, NobodyCanSayItForThem) {
  const std::string forged =
      "ssl-client-verify: SUCCESS\r\nSSL-Client-Subject-DN: CN=root\r\nssl-client-issuer-dn: "
      "CN=x\r\nssl_client_verify: SUCCESS\r\nSsl-Client-Cert: x\r\nssl-client-other: kept\r\n";
  for (const auto& response : {get_as(none_, "open", forged), get_as(none_, "optional", forged)}) {
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body.find("SUCCESS"), std::string::npos) << response.body;
    EXPECT_EQ(response.body.find("CN="), std::string::npos);
    EXPECT_EQ(seen(response, "ssl-client-cert"), "");
    EXPECT_EQ(seen(response, "ssl-client-other"), "kept");
  }
  auto plain = connect();
  const auto response = ask(plain, "open", forged);
  EXPECT_EQ(response.body.find("SUCCESS"), std::string::npos) << response.body;
}

TEST_F(ClientCertificates, ARequestForAnotherHostIsMisdirected) {
  TlsClient client(good_);
  auto open = client.connect(https_port_, "open");
  EXPECT_EQ(ask(open, "required").status, 421);
  EXPECT_EQ(ask(open, "open").status, 200);
  auto required = client.connect(https_port_, "required");
  EXPECT_EQ(ask(required, "optional").status, 421);
  EXPECT_EQ(ask(required, "open").status, 200);
  auto nameless = client.connect(https_port_);
  EXPECT_EQ(ask(nameless, "required").status, 421);
  EXPECT_EQ(answers(AnswerReason::MisdirectedRequest), 3U);
}

TEST_F(ClientCertificates, RevokedOnesAreBad) {
  Delta delta;
  delta.trust_bundles = {trust("trust", ca_.certificate(), ca_.revoke({good_.certificate}))};
  adopt(std::move(delta));
  EXPECT_EQ(get_as(good_, "required").status, 400);
  good_.certificate = ca_.issue_client("other", "");
  EXPECT_EQ(get_as(good_, "required").status, 200);
}

// ---- bounds ------------------------------------------------------------------------------------

TEST_F(ServerTlsTest, HandshakesWaitForAPlaceInOrder) {
  Options options;
  options.limits.handshakes = 1;
  start(options);
  const auto waiting = [&] {
    return sum([](const Counters& c) -> const Cell& { return c.handshakes_waiting; });
  };
  const auto under_way = [&] {
    return sum([](const Counters& c) -> const Cell& { return c.handshakes_under_way; });
  };
  auto slow = connect_to_https();
  slow.send("\x16");
  ASSERT_TRUE(test::eventually([&] { return under_way() == 1; }));
  std::promise<bool> done;
  std::thread second([&] { done.set_value(connect_tls("a").is_open()); });
  ASSERT_TRUE(test::eventually([&] { return waiting() == 1; }));
  auto third = connect_to_https();
  third.send("\x16");
  ASSERT_TRUE(test::eventually([&] { return waiting() == 2; }));
  slow.close();
  EXPECT_TRUE(done.get_future().get());
  second.join();
  EXPECT_TRUE(test::eventually([&] { return waiting() == 0 && under_way() == 1; }));
  third.close();
  EXPECT_TRUE(test::eventually([&] { return under_way() == 0; }));
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.handshakes_delayed; }), 2U);
}

TEST_F(ServerTlsTest, WhoWaitsTooLongForAPlaceIsDropped) {
  Options options;
  options.limits.handshakes = 1;
  options.timeouts.handshake = std::chrono::milliseconds(200);
  start(options);
  auto slow = connect_to_https();
  slow.send("\x16");
  auto next = connect_to_https();
  next.send("\x16");
  EXPECT_EQ(next.receive(), "");
  EXPECT_EQ(slow.receive(), "");
  EXPECT_TRUE(test::eventually([&] {
    return sum([](const Counters& c) -> const Cell& { return c.connections_open; }) == 0;
  }));
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.handshakes_waiting; }), 0U);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.handshakes_failed; }), 2U);
}

TEST(HandshakeGateTest, MakesFewStepsATurnAndThoseWhoWaitedFirst) {
  EventLoop loop;
  Counters counters;
  HandshakeGate gate(loop, 100, counters);
  std::vector<std::unique_ptr<HandshakeGate::Place>> places;
  const auto place = [&]() -> HandshakeGate::Place& {
    return *places.emplace_back(std::make_unique<HandshakeGate::Place>(gate, nullptr));
  };
  for (int i = 0; i < HandshakeGate::kStepsPerTurn; ++i) EXPECT_TRUE(place().may_step());
  auto& late = place();
  EXPECT_FALSE(late.may_step());
  loop.post([&] {
    EXPECT_FALSE(place().may_step()) << "who has yielded comes first";
    EXPECT_TRUE(late.may_step());
    loop.stop();
  });
  loop.run();
}

}  // namespace
}  // namespace weir::proxy
