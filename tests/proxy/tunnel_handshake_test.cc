#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <set>
#include <sstream>

#include <openssl/ssl.h>

#include "proxy/proxy_fixture.h"
#include "support/test_ca.h"
#include "support/tls_peer.h"
#include "support/websocket_peer.h"

// The way to a 101 (docs/tunnels.md). PainNN: the number of the pain there.

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using test::Backend;
using test::Frame;
using test::kSwitchingProtocols;
using test::receive_head;
using test::receive_response;
using test::Socket;
using test::WebSocketPeer;
using Role = WebSocketPeer::Role;

const std::string kKey = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const std::string kVersion = "Sec-WebSocket-Version: 13\r\n";
const std::string kUpgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const std::string kAccept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

std::string request(const std::string& fields, const std::string& line = "GET / HTTP/1.1") {
  return line + "\r\nHost: a\r\n" + fields + "\r\n";
}

/// The field lines of a head, sorted; without its first line.
std::multiset<std::string> lines_of(const std::string& head) {
  std::multiset<std::string> lines;
  std::istringstream stream(head);
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line) && line != "\r") lines.insert(line);
  return lines;
}

class TunnelHandshake : public ProxyTest {
 protected:
  /// Answers all of a connection's requests with `answer`, and keeps their heads.
  Backend::Script answering(std::string answer) {
    return [this, answer = std::move(answer)](Socket& socket) {
      for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
        keep(head);
        socket.send(answer);
      }
    };
  }
  /// Agrees to each handshake, with `more` in the 101, and echoes.
  Backend::Script agreeing(std::string more = "") {
    return [this, more = std::move(more)](Socket& socket) {
      keep(receive_head(socket));
      auto answer = std::string(kSwitchingProtocols);
      answer.insert(answer.size() - 2, more);
      socket.send(answer);
      for (auto bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
        socket.send(bytes);
      }
    };
  }
  /// Host "a", and no other.
  void serve_one_host(const Backend& app) {
    Delta delta;
    delta.backends = {backend("app", {app.port()})};
    delta.hosts = {host("a", "app")};
    adopt(std::move(delta));
  }
  void keep(const std::string& head) {
    const std::lock_guard lock(mutex_);
    heads_.push_back(head);
  }
  std::vector<std::string> heads() {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  std::uint64_t opened() const {
    return sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.opened; });
  }
  static bool carries(Socket& client) {
    client.send("hello");
    return client.receive_exactly(5) == "hello";
  }
  /// All that comes back on a connection of one request.
  std::string answer_to(const std::string& bytes) const {
    auto client = connect();
    client.send(bytes);
    return client.receive_all();
  }

  std::mutex mutex_;
  std::vector<std::string> heads_;
};

// ---- refusals ----------------------------------------------------------------------------------

TEST_F(TunnelHandshake, Pain13_ARefusalIsPassedOnAsToAnyOtherRequest) {
  const std::string chunks = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
  // NOLINTBEGIN(bugprone-suspicious-missing-comma): heads of several lines
  const std::vector<std::string> answers = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
      "HTTP/1.1 204 No Content\r\nX-Why: nothing to say\r\n\r\n",
      "HTTP/1.1 302 Found\r\nLocation: https://login.example/?next=%2F\r\n"
      "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
      "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"x\", error=\"y\"\r\n"
      "Content-Length: 0\r\n\r\n",
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
      "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
      "2\r\nno\r\n0\r\nX-Sum: 1\r\n\r\n",
      "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 8\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 100000\r\n\r\n" +
          std::string(100'000, 'x'),
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy",
  };
  // NOLINTEND(bugprone-suspicious-missing-comma)
  Options options;
  options.limits.requests_per_connection = 1;
  start(options);
  for (const auto& answer : answers) {
    Backend app(answering(answer));
    serve({app.port()});
    const auto expected = answer_to(request(""));
    EXPECT_EQ(answer_to(test::websocket_handshake("a")), expected)
        << answer.substr(0, answer.find('\r'));
    EXPECT_EQ(expected.substr(0, 12), answer.substr(0, 12));
  }
  EXPECT_EQ(opened(), 0U);
}

TEST_F(TunnelHandshake, Pain13_AfterARefusalTheClientsConnectionGoesOn) {
  Backend app(answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"));
  start();
  serve({app.port()});
  auto client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send(i == 1 ? request("") : test::websocket_handshake("a"));
    EXPECT_EQ(receive_response(client).status, 401) << i;
  }
  EXPECT_EQ(app.accepted(), 3) << "what has carried an Upgrade is used for nothing else";
}

TEST_F(TunnelHandshake, Pain13_WeirsOwnRefusalsSayWhatIsWrong) {
  Backend hangs_up([](Socket& socket) { receive_head(socket); });
  std::promise<void> over;
  Backend silent([done = over.get_future().share()](Socket& socket) {
    receive_head(socket);
    done.wait();
  });
  start();
  const auto status = [&](const std::vector<std::uint16_t>& ports, std::uint32_t timeout_ms) {
    table::TunnelPolicy policy;
    policy.handshake_timeout_ms = timeout_ms;
    serve_tunnels(ports, policy);
    auto client = connect();
    client.send(test::websocket_handshake("a"));
    return receive_response(client);
  };
  const auto none = status({}, 10'000);
  EXPECT_EQ(none.status, 503) << "no endpoint is no refusal for good";
  EXPECT_NE(none.field("Retry-After"), "");
  EXPECT_EQ(status({test::unused_port()}, 10'000).status, 502);
  EXPECT_EQ(status({hangs_up.port()}, 10'000).status, 502);
  EXPECT_EQ(status({silent.port()}, 100).status, 504);
  over.set_value();
}

// ---- smuggling ---------------------------------------------------------------------------------

TEST_F(TunnelHandshake, Pain14_AWrongVersionOpensNothing) {
  // The first published case: the backend says 426, the proxy tunnels all the same, and the next
  // request reaches it unseen.
  Backend app(answering("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"));
  start();
  serve_one_host(app);
  auto client = connect();
  client.send(request(kUpgrade + kKey + "Sec-WebSocket-Version: 777\r\n") +
              "GET /internal HTTP/1.1\r\nHost: secret\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 426);
  EXPECT_EQ(receive_response(client).status, 404) << "weir has routed it";
  ASSERT_EQ(heads().size(), 1U);
  EXPECT_EQ(heads()[0].find("/internal"), std::string::npos);
  EXPECT_EQ(opened(), 0U);
}

TEST_F(TunnelHandshake, Pain14_A101ThatTheClientSteersOpensNothing) {
  // The second: an ordinary request whose answer's status somebody else decides (a health check of
  // a foreign URL, say), with Upgrade in it.
  Backend app(answering("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
  start();
  serve_one_host(app);
  const std::string body = "{\"url\":\"http://evil.example\"}";
  for (const std::string& attack :
       {request(
            kUpgrade + kKey + kVersion + "Content-Length: " + std::to_string(body.size()) + "\r\n",
            "POST /check HTTP/1.1") +
            body,
        request(kUpgrade + kKey + kVersion), request(kUpgrade), request("")}) {
    auto client = connect();
    client.send(attack + "GET /internal HTTP/1.1\r\nHost: secret\r\n\r\n");
    EXPECT_EQ(receive_response(client).status, 502) << attack;
    EXPECT_EQ(receive_response(client).status, 404) << "weir has routed it";
  }
  for (const auto& head : heads()) EXPECT_FALSE(head.starts_with("GET /internal")) << head;
  EXPECT_EQ(opened(), 0U);
}

TEST_F(TunnelHandshake, Pain14_WhatIsNoHandshakeToTheLetterOpensNothing) {
  // The backend agrees to all of them, as one with a lax parser would.
  Backend app(answering(std::string(kSwitchingProtocols)));
  start();
  serve({app.port()});
  for (const std::string& no_handshake : {
           request(kUpgrade + kKey + kVersion, "POST / HTTP/1.1"),
           request(kUpgrade + kKey + kVersion, "HEAD / HTTP/1.1"),
           request(kUpgrade + kKey + kVersion, "GET / HTTP/1.0"),
           request(kUpgrade + kKey + kVersion + "Content-Length: 0\r\n"),
           request(kUpgrade + kKey + kVersion + "Content-Length: 5\r\n") + "hello",
           request(kUpgrade + kKey + kVersion + "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n",
           request(kUpgrade + kKey + kKey + kVersion),
           request(kUpgrade + kKey + kVersion + kVersion),
           request(kUpgrade + kVersion),
           request(kUpgrade + kKey),
           request(kUpgrade + kKey + "Sec-WebSocket-Version: 12\r\n"),
           request(kUpgrade + kKey + "Sec-WebSocket-Version: 13, 12\r\n"),
           request(kUpgrade + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n" + kVersion),
           request(kUpgrade + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=!\r\n" + kVersion),
           request("Upgrade: websocket\r\n" + kUpgrade + kKey + kVersion),
           request("Upgrade: websocket\r\nConnection: close\r\n" + kKey + kVersion),
           request("Connection: Upgrade\r\n" + kKey + kVersion),
           request("Upgrade: websocket/13\r\nConnection: Upgrade\r\n" + kKey + kVersion),
       }) {
    auto client = connect();
    client.send(no_handshake);
    const bool head = no_handshake.starts_with("HEAD ");
    EXPECT_EQ(receive_response(client, head).status, 502) << no_handshake;
  }
  for (const auto& head : heads()) {
    EXPECT_EQ(head.find("\r\nUpgrade:"), std::string::npos) << head;
    EXPECT_EQ(head.find("\r\nConnection:"), std::string::npos) << head;
  }
  EXPECT_EQ(opened(), 0U);
}

TEST_F(TunnelHandshake, Pain14_AnAnswerThatIsNoRightOneOpensNothing) {
  const std::string line = "HTTP/1.1 101 Switching Protocols\r\n";
  start();
  for (const std::string& answer : {
           line + "\r\n",
           line + kUpgrade + "\r\n",
           line + kAccept + "\r\n",
           line + "Upgrade: websocket\r\n" + kAccept + "\r\n",
           line + "Connection: Upgrade\r\n" + kAccept + "\r\n",
           line + kUpgrade + kAccept + kAccept + "\r\n",
           line + kUpgrade + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n",
           line + "Upgrade: tcp\r\nConnection: Upgrade\r\n" + kAccept + "\r\n",
           line + kUpgrade + kAccept + "Sec-WebSocket-Protocol: other\r\n\r\n",
           line + kUpgrade + kAccept + "Content-Length: 5\r\n\r\n",
       }) {
    Backend app(answering(answer));
    serve_one_host(app);
    auto client = connect();
    client.send(request(kUpgrade + kKey + kVersion + "Sec-WebSocket-Protocol: chat\r\n") +
                "GET /internal HTTP/1.1\r\nHost: secret\r\n\r\n");
    EXPECT_EQ(receive_response(client).status, 502) << answer;
    EXPECT_EQ(receive_response(client).status, 404) << answer;
  }
  for (const auto& head : heads()) EXPECT_FALSE(head.starts_with("GET /internal")) << head;
  EXPECT_EQ(opened(), 0U);
}

TEST_F(TunnelHandshake, Pain14_OtherInformationDoesNotStandForA101) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    EXPECT_EQ(socket.receive(), "") << "nothing goes to a backend that has not agreed";
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send(test::websocket_handshake("a") + "smuggled");
  EXPECT_EQ(receive_response(client).status, 103);
  client.send("more");
  client.wait_sent();
  plane_->close_all();
  client.receive_all();
}

TEST_F(TunnelHandshake, Pain14_WhatConnectionNamesStaysHere) {
  Backend app(agreeing());
  start();
  serve({app.port()});
  auto client = connect();
  client.send(
      request("Upgrade: websocket\r\nConnection: Upgrade, X-Internal, Keep-Alive\r\n"
              "X-Internal: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n" +
              kKey + kVersion));
  EXPECT_EQ(receive_response(client).status, 101);
  const auto head = heads().at(0);
  for (const auto* name : {"X-Internal", "Keep-Alive", "TE"}) {
    EXPECT_EQ(head.find(std::string("\r\n") + name + ":"), std::string::npos) << head;
  }
}

// ---- what passes -------------------------------------------------------------------------------

TEST_F(TunnelHandshake, Pain18_HoweverTheHandshakeIsSpeltTheBackendSeesOneSpelling) {
  const std::vector<std::string> upgrades = {"Upgrade: websocket\r\n", "upgrade: WebSocket\r\n",
                                             "UPGRADE:WEBSOCKET\r\n",
                                             "Upgrade: \t websocket \t\r\n"};
  const std::vector<std::string> connections = {
      "Connection: Upgrade\r\n", "connection: keep-alive, upgrade\r\n",
      "Connection: keep-alive\r\nConnection: Upgrade\r\n", "CONNECTION:UPGRADE,,keep-alive,\r\n",
      "Connection: \t Upgrade \t, Keep-Alive\r\n"};
  const std::vector<std::string> rest = {
      kKey + kVersion, "sec-websocket-version:13\r\nsec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\r\n",
      "SEC-WEBSOCKET-KEY: \tdGhlIHNhbXBsZSBub25jZQ== \r\nSec-Websocket-Version: 13 \r\n"};
  Backend app(agreeing());
  start();
  serve({app.port()});
  std::size_t count = 0;
  for (const auto& upgrade : upgrades) {
    for (const auto& connection : connections) {
      const auto& others = rest[count % rest.size()];
      auto client = connect();
      client.send(
          request(count % 2 == 0 ? upgrade + connection + others : others + connection + upgrade));
      ASSERT_EQ(receive_response(client).status, 101) << upgrade << connection << others;
      EXPECT_TRUE(carries(client));
      const auto lines = lines_of(heads().at(count++));
      EXPECT_EQ(lines.count("Connection: Upgrade\r"), 1U) << upgrade << connection;
      EXPECT_EQ(lines.count("Upgrade: websocket\r"), 1U) << upgrade << connection;
      int handshake_lines = 0;
      for (auto line : lines) {
        // Other names go on in the client's own spelling.
        if (others.find(line.substr(0, line.find('\r'))) != std::string::npos) ++handshake_lines;
        std::ranges::transform(line, line.begin(), [](char c) { return std::tolower(c); });
        EXPECT_EQ(line.find("keep-alive"), std::string::npos) << line;
      }
      EXPECT_EQ(handshake_lines, 2) << others;
    }
  }
  EXPECT_EQ(count, 20U);
}

TEST_F(TunnelHandshake, Pain19_ForwardedFieldsAreThoseOfAnyOtherRequest) {
  Backend app(agreeing());
  start();
  serve({app.port()});
  const std::string own =
      "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: wss\r\n"
      "X-Forwarded-Host: evil\r\nX-Real-IP: 9.9.9.9\r\nForwarded: for=x\r\n"
      "Origin: https://a\r\nCookie: a=1\r\nAuthorization: Bearer x\r\nX-Request-ID: 7\r\n";
  for (const bool tls : {false, true}) {
    for (const auto& handshake : {std::string(), kUpgrade + kKey + kVersion}) {
      auto client = tls ? connect_tls() : connect();
      client.send(request(own + handshake));
      receive_response(client);
      client.close();
    }
    const auto seen = heads();
    const auto plain = lines_of(seen.at(seen.size() - 2));
    auto upgrade = lines_of(seen.back());
    for (const std::string& line : {kKey, kVersion, std::string("Upgrade: websocket\r\n"),
                                    std::string("Connection: Upgrade\r\n")}) {
      const auto found = upgrade.find(line.substr(0, line.size() - 1));
      ASSERT_NE(found, upgrade.end()) << line << seen.back();
      upgrade.erase(found);
    }
    EXPECT_EQ(upgrade, plain);
    EXPECT_EQ(plain.count(tls ? "X-Forwarded-Proto: https\r" : "X-Forwarded-Proto: http\r"), 1U);
    EXPECT_EQ(plain.count("Host: a\r"), 1U);
    EXPECT_EQ(plain.count("X-Forwarded-For: 127.0.0.1\r"), 1U);
  }
}

TEST_F(TunnelHandshake, Pain30_SubprotocolsAndExtensionsPassAsTheyAre) {
  const std::string offered =
      "Sec-WebSocket-Protocol: v5.channel.k8s.io,  graphql-ws\r\n"
      "sec-websocket-protocol: mqtt\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"10\", x-foo\r\n"
      "Sec-WebSocket-Extensions: x-bar; a=1\r\n";
  const std::string agreed =
      "Sec-WebSocket-Protocol: graphql-ws\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
      "sec-websocket-extensions: x-bar\r\n";
  Backend app(agreeing(agreed));
  start();
  serve({app.port()});
  auto client = connect();
  client.send(request(kUpgrade + kKey + kVersion + offered));
  const auto response = receive_response(client);
  ASSERT_EQ(response.status, 101);
  EXPECT_NE(heads().at(0).find("\r\n" + offered), std::string::npos) << heads().at(0);
  EXPECT_NE(response.head.find("\r\n" + agreed), std::string::npos) << response.head;
  // Reserved bits and opcodes mean what the ends have agreed on; only lengths are read.
  Socket none;
  WebSocketPeer peer(none, Role::Client);
  for (const auto& frame :
       {Frame{Frame::kText, "compressed", true, {}, 4}, Frame{Frame::kBinary, "x", false, {}, 7},
        Frame{Frame::kContinuation, std::string(300, 'y'), true, {}, 1}, Frame{3, "its own"}}) {
    const auto bytes = peer.bytes_to_send(frame);
    client.send(bytes);
    EXPECT_EQ(client.receive_exactly(bytes.size()), bytes);
  }
}

TEST_F(TunnelHandshake, Pain32_AnUpgradeThatWeirDoesNotKnowIsIgnored) {
  Backend app(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  start();
  serve({app.port()});
  for (const std::string& fields :
       {std::string("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA"
                    "AABkAARAAAAAAAIAAAAA\r\n"),
        std::string("Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n"),
        std::string("Upgrade: TLS/1.2, HTTP/1.1\r\nConnection: upgrade, close\r\n"),
        std::string("Upgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"),
        "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n" + kKey + kVersion}) {
    auto client = connect();
    client.send(request(fields));
    const auto response = receive_response(client);
    EXPECT_EQ(response.status, 200) << fields;
    EXPECT_EQ(response.body, "hi");
    const auto head = heads().back();
    for (const auto* name : {"Upgrade", "Connection", "HTTP2-Settings"}) {
      EXPECT_EQ(head.find(std::string("\r\n") + name + ":"), std::string::npos) << head;
    }
  }
}

TEST_F(TunnelHandshake, Pain29_EverythingElseThatARouteMayHaveLeavesTheUpgradeAlone) {
  const test::TestCa ca;
  test::TlsOptions options;
  options.certificate = ca.issue("DNS:app.internal");
  const test::TlsServer server(options);
  Backend app([&](Socket& socket) {
    std::string header;  // and not a byte more: TLS begins behind it
    while (!header.ends_with("\r\n")) header += socket.receive(1);
    EXPECT_TRUE(header.starts_with("PROXY TCP4 192.0.2.7 ")) << header;
    if (server.accept(socket)) agreeing()(socket);
  });
  start();
  auto changed = std::make_shared<table::Backend>(*backend("app", {app.port()}));
  changed->proxy_protocol = table::ProxyProtocol::V1;
  changed->sticky_cookie.emplace();
  changed->balancing.slow_start_ms = 1'000;
  table::TunnelPolicy policy;
  policy.allowed_origins = {"same-host"};
  policy.limit = policy.limit_per_client = policy.limit_per_endpoint = 10;
  policy.opens_per_second = 1'000;
  policy.open_burst = 10;
  policy.ping_interval_ms = 3'600'000;
  policy.max_frame_bytes = 1'000;
  policy.max_duration_ms = 3'600'000;
  auto all = std::make_shared<table::Host>(*tunnel_host("a", "app", policy));
  auto& route = all->routes.front();
  route.sticky = true;
  route.https_only = true;
  route.upstream_tls.emplace();
  route.upstream_tls->server_name = "app.internal";
  route.upstream_tls->verify = true;
  route.upstream_tls->trust = "trust";
  table::Retries retries;
  retries.on_status = {503};
  retries.window_ms = 60'000;
  route.retries = retries;
  Delta delta;
  delta.settings.emplace().forwarded.trust_forwarded = true;
  delta.settings->forwarded.use_proxy_protocol = true;
  auto trust = TrustStore::parse({"trust", ca.certificate(), ""});
  ASSERT_TRUE(trust);
  delta.trust_bundles = {{"trust", *trust}};
  delta.backends = {changed};
  delta.hosts = {all};
  adopt(std::move(delta));

  auto client = connect();
  client.send("PROXY TCP4 192.0.2.7 10.0.0.1 1234 443\r\n" +
              request(kUpgrade + kKey + kVersion + "Origin: https://a\r\n"));
  const auto response = receive_response(client);
  ASSERT_EQ(response.status, 101) << response.head;
  EXPECT_NE(response.field("Set-Cookie"), "");
  WebSocketPeer peer(client, Role::Client);
  const auto bytes = peer.bytes_to_send({Frame::kText, "hello"});
  client.send(bytes);
  EXPECT_EQ(client.receive_exactly(bytes.size()), bytes);
}

// ---- endpoints that fail -----------------------------------------------------------------------

/// A port that never answers a connect: nobody accepts, and the queue is full.
class BlackHole {
 public:
  BlackHole() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&name), size), 0);
    EXPECT_EQ(::listen(fd_, 0), 0);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    filler_ = Socket::connect(port_);
  }
  ~BlackHole() { ::close(fd_); }
  std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  Socket filler_;
};

TEST_F(TunnelHandshake, Pain38_AnotherEndpointIsAskedWhenTheFirstFails) {
  const BlackHole black_hole;
  Backend resets([](Socket& socket) {
    receive_head(socket);
    socket.reset();
  });
  std::promise<void> over;
  Backend silent([done = over.get_future().share()](Socket& socket) {
    receive_head(socket);
    done.wait();
  });
  Backend good(agreeing());
  start();
  table::TunnelPolicy policy;
  policy.handshake_timeout_ms = 1'000;
  table::RequestPolicy requests;
  requests.connect_timeout_ms = 500;
  std::vector<Socket> open;
  for (const auto bad : {black_hole.port(), test::unused_port(), resets.port(), silent.port()}) {
    auto both = std::make_shared<table::Backend>(*backend("app", {bad, good.port()}));
    both->passive_health.failures = 0;
    std::ranges::sort(both->endpoints, {}, &table::Endpoint::id);
    Delta delta;
    delta.backends = {both};
    auto host = std::make_shared<table::Host>(*tunnel_host("", "app", policy));
    host->routes.front().requests = requests;
    delta.hosts = {host};
    adopt(std::move(delta));
    // The bad one has the fewest tunnels: from the second handshake on it is asked first.
    for (int i = 0; i < 3; ++i) {
      open.push_back(connect());
      EXPECT_TRUE(test::open_websocket(open.back(), "a")) << bad;
      EXPECT_TRUE(carries(open.back()));
    }
  }
  EXPECT_GE(sum([](const Counters& c) -> const Cell& { return c.upstream_connect_failures; }), 4U);
  EXPECT_GE(sum([](const Counters& c) -> const Cell& { return c.upstream_retries; }), 4U);
  EXPECT_EQ(heads().size(), 12U);
  over.set_value();
}

TEST_F(TunnelHandshake, Pain38_NoOtherOneIsAskedOnceTheClientHasHeardSomething) {
  std::atomic<int> asked = 0;
  Backend app([&](Socket& socket) {
    ++asked;
    receive_head(socket);
    socket.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nno");
  });
  start();
  serve({app.port(), app.port()});
  auto client = connect();
  client.send(test::websocket_handshake("a"));
  EXPECT_EQ(client.receive_all().substr(0, 12), "HTTP/1.1 403");
  EXPECT_EQ(asked, 1);
}

TEST_F(TunnelHandshake, Pain39_HowTunnelsEndSaysNothingAboutTheEndpoint) {
  std::atomic<int> turn = 0;
  Backend app([&](Socket& socket) {
    WebSocketPeer peer(socket, Role::Server);
    if (!peer.accept()) return;
    switch (turn++ % 3) {
      case 0:
        return socket.close();
      case 1:
        return socket.reset();
      default:
        peer.send_close(1011, "oh");
        peer.receive_to_end();
    }
  });
  start();
  auto careful = std::make_shared<table::Backend>(*backend("app", {app.port()}));
  careful->passive_health = {2, 3'600'000, 3'600'000};
  Delta delta;
  delta.backends = {careful};
  delta.hosts = {host("", "app")};
  adopt(std::move(delta));
  const auto ejections = [&] {
    return sum([](const Counters& c) -> const Cell& { return c.endpoint_ejections; });
  };
  for (int i = 0; i < 60; ++i) {
    auto client = connect();
    ASSERT_TRUE(test::open_websocket(client, "a")) << i;
    client.receive();
  }
  ASSERT_TRUE(test::eventually([&] { return open_tunnels() == 0; }));
  EXPECT_EQ(ejections(), 0U);

  auto dead = std::make_shared<table::Backend>(*careful);
  dead->endpoints = backend("app", {test::unused_port()})->endpoints;
  Delta replaced;
  replaced.backends = {dead};
  adopt(std::move(replaced));
  auto client = connect();
  client.send(test::websocket_handshake("a"));
  EXPECT_EQ(receive_response(client).status, 502);
  EXPECT_EQ(ejections(), 1U) << "refused connects do";
}

TEST_F(TunnelHandshake, Pain11_AClientThatPrefersHttp2IsSpokenToInHttp1) {
  Backend app(agreeing());
  start();
  serve_one_host(app);
  test::TlsOptions options;
  options.protocols = {"h2", "http/1.1"};
  test::TlsClient browser(options);
  auto client = browser.connect(https_port_, "a");
  ASSERT_TRUE(client.is_open()) << browser.reason();
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(client.ssl(), &protocol, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(protocol), size), "http/1.1");
  ASSERT_TRUE(test::open_websocket(client, "a"));
  EXPECT_TRUE(carries(client));
}

TEST_F(TunnelHandshake, Pain40_ABackendThatPrefersHttp2IsSpokenToInHttp1) {
  test::TlsOptions options;
  options.certificate = test::TestCa().issue("DNS:app");
  options.protocols = {"h2", "http/1.1"};
  const test::TlsServer server(options);
  std::atomic<bool> http2 = false;
  Backend app(server.wrap([&](Socket& socket) {
    const unsigned char* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(socket.ssl(), &protocol, &size);
    if (std::string(reinterpret_cast<const char*>(protocol), size) == "h2") http2 = true;
    agreeing()(socket);
  }));
  start();
  auto secure = std::make_shared<table::Host>(*host("", "app"));
  secure->routes[0].upstream_tls = table::UpstreamTls();
  Delta delta;
  delta.backends = {backend("app", {app.port()})};
  delta.hosts = {secure};
  adopt(std::move(delta));
  auto client = connect();
  ASSERT_TRUE(test::open_websocket(client, "a"));
  EXPECT_TRUE(carries(client));
  EXPECT_FALSE(http2);
}

TEST_F(TunnelHandshake, Pain43_AHandshakeBehindAProxyHeaderMayBeCutAnywhere) {
  const auto run = [&](const std::string& header, const std::string& client_address) {
    Backend app(agreeing());
    Delta delta;
    delta.settings.emplace().forwarded.use_proxy_protocol = true;
    delta.backends = {backend("app", {app.port()})};
    delta.hosts = {host("", "app")};
    adopt(std::move(delta));
    const auto bytes = header + test::websocket_handshake("a") + "hello";
    for (std::size_t cut = 1; cut < header.size() + 5; ++cut) {
      auto client = connect();
      client.send(bytes.substr(0, cut));
      client.wait_sent();
      client.send(bytes.substr(cut));
      ASSERT_EQ(receive_response(client).status, 101) << cut;
      ASSERT_EQ(client.receive_exactly(5), "hello") << cut;
      const auto lines = lines_of(heads().back());
      ASSERT_EQ(lines.count("X-Forwarded-For: " + client_address + "\r"), 1U) << cut;
    }
  };
  start();
  run("PROXY TCP4 192.0.2.1 10.0.0.1 1234 443\r\n", "192.0.2.1");
  run(std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x02\x0a\x00\x00\x01\x04\xd2"
                  "\x01\xbb",
                  28),
      "192.0.2.2");
}

}  // namespace
}  // namespace weir::proxy
