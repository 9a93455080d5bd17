#include <atomic>
#include <set>

#include "proxy/proxy_fixture.h"

namespace weir::proxy {
namespace {

using test::Backend;
using test::receive_head;
using test::receive_response;
using test::Socket;

class Forwarding : public ProxyTest {};

TEST_F(Forwarding, SaysSoWhileItHasNoTable) {
  start();
  const auto response = get();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(answers(AnswerReason::NoTable), 1U);
}

TEST_F(Forwarding, PassesTheRequestOnWithItsForwardedFields) {
  std::promise<std::string> seen;
  Backend app([&](Socket& socket) {
    seen.set_value(receive_head(socket));
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-App: 1\r\n\r\nok");
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send(
      "GET /a%2Fb?q=1 HTTP/1.1\r\nHost: Shop.Example:81\r\nX-Forwarded-For: 6.6.6.6\r\n"
      "X-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nProxy: evil\r\nConnection: X-Hop, "
      "close\r\n"
      "X-Hop: 1\r\nTE: trailers\r\nX-Kept: yes\r\n\r\n");
  const auto response = receive_response(client);

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ok");
  EXPECT_EQ(response.field("X-App"), "1");
  EXPECT_EQ(response.field("Connection"), "close");
  auto head = seen.get_future().get();
  EXPECT_NE(take_request_id(head), "") << head;
  EXPECT_EQ(head,
            "GET /a%2Fb?q=1 HTTP/1.1\r\nHost: Shop.Example:81\r\nX-Kept: yes\r\n"
            "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"
            "X-Forwarded-Host: Shop.Example:81\r\nX-Forwarded-Port: 80\r\n"
            "X-Forwarded-Proto: http\r\nX-Forwarded-Scheme: http\r\nX-Scheme: http\r\n"
            "X-Original-Forwarded-For: 6.6.6.6\r\n\r\n");
  EXPECT_TRUE(client.at_end());
}

TEST_F(Forwarding, EachRequestHasAnIdOfItsOwn) {
  Backend app([](Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) + "\r\n\r\n" +
                  head);
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  const auto ask = [&](const std::string& fields = "") {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    return receive_response(client).body;
  };
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    auto head = ask();
    ids.insert(take_request_id(head));
  }
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_FALSE(ids.contains(""));

  const auto own = ask("x-request-id: Mine-1\r\n");
  EXPECT_NE(own.find("x-request-id: Mine-1\r\n"), std::string::npos) << own;
  EXPECT_EQ(own.find("X-Request-ID"), std::string::npos) << own;
  auto empty = ask("x-request-id:\r\n");
  EXPECT_NE(take_request_id(empty), "") << empty;
  EXPECT_EQ(empty.find("x-request-id"), std::string::npos) << empty;

  Delta delta;
  delta.settings.emplace().headers.request_id = false;
  adopt(std::move(delta));
  auto off = ask();
  EXPECT_EQ(off.find("X-Request-ID"), std::string::npos) << off;
}

TEST_F(Forwarding, FieldsWithUnderscoresGoOnOnlyIfTheSettingSaysSo) {
  Backend app([](Socket& socket) {
    for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
      const std::string body = head.find("X_User: 1\r\n") == std::string::npos ? "n" : "y";
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + body);
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  const auto ask = [&] {
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX_User: 1\r\n\r\n");
    return receive_response(client).body;
  };
  EXPECT_EQ(ask(), "n");
  Delta delta;
  delta.settings.emplace().underscores_in_headers = true;
  adopt(std::move(delta));
  EXPECT_EQ(ask(), "y");
}

TEST_F(Forwarding, KeepsBothConnectionsForTheNextRequest) {
  Backend app(test::always("hi"));
  start();
  serve({app.port()});
  auto client = connect();
  for (int i = 0; i < 20; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(receive_response(client).body, "hi") << i;
  }
  EXPECT_EQ(app.accepted(), 1);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.upstream_reuses; }), 19U);
}

TEST_F(Forwarding, AnswersPipelinedRequestsInOrder) {
  Backend app([](Socket& socket) {
    for (;;) {
      const auto head = receive_head(socket);
      if (head.empty()) return;
      const auto path = head.substr(4, head.find(' ', 4) - 4);
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n" +
                  path);
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  std::string requests;
  for (int i = 0; i < 10; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  client.send(requests);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(receive_response(client).body, "/" + std::to_string(i));
}

TEST_F(Forwarding, APipelinedRequestBehindAChunkedBodyWaits) {
  Backend app([](Socket& socket) {
    for (;;) {
      const auto head = receive_head(socket);
      if (head.empty()) return;
      std::string body;
      if (head.starts_with("POST")) body = socket.receive_until("0\r\n\r\n");
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                  body);
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  client.send("lo\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client).body, "5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 200);
}

TEST_F(Forwarding, ChunkedResponsesAndTrailersPassUnchanged) {
  const std::string body = "3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n";
  Backend app([&](Socket& socket) {
    while (!receive_head(socket).empty()) {
      socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.receive_until("\r\n\r\n");
  EXPECT_EQ(client.receive_exactly(body.size()), body);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.receive_until("\r\n\r\n");
  EXPECT_EQ(client.receive_exactly(body.size()), body) << "and the connection is kept";
}

TEST_F(Forwarding, AnHttp10ClientGetsNoChunks) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    socket.send("2\r\nde\r\n0\r\n\r\n");
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  const auto response = receive_response(client);
  EXPECT_EQ(response.field("Transfer-Encoding"), "");
  EXPECT_EQ(response.body, "abcde");
}

TEST_F(Forwarding, AResponseUntilCloseEndsWithClose) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.0 200 Fine\r\n\r\nall of it");
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto response = receive_response(client);
  EXPECT_TRUE(response.head.starts_with("HTTP/1.1 200 Fine\r\n")) << response.head;
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_EQ(response.body, "all of it");
}

TEST_F(Forwarding, HeadAnd204And304HaveNoBody) {
  Backend app([](Socket& socket) {
    for (;;) {
      const auto head = receive_head(socket);
      if (head.empty()) return;
      if (head.starts_with("HEAD")) {
        socket.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
      } else if (head.find("/204") != std::string::npos) {
        socket.send("HTTP/1.1 204 No Content\r\n\r\n");
      } else {
        socket.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
      }
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client, true).field("Content-Length"), "5");
  client.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 204);
  client.send("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 304);
  EXPECT_EQ(app.accepted(), 1);
}

TEST_F(Forwarding, InterimResponsesPassBeforeTheFinalOne) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 100 Continue\r\n\r\n");
    const auto body = socket.receive_exactly(5);
    socket.send(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
        "5\r\n\r\n" +
        body);
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 100);
  client.send("hello");
  const auto early = receive_response(client);
  EXPECT_EQ(early.status, 103);
  EXPECT_EQ(early.field("Link"), "</a>");
  EXPECT_EQ(receive_response(client).body, "hello");
}

TEST_F(Forwarding, AnEarlyAnswerReachesAClientThatStillSends) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    socket.receive_all();
  });
  start();
  serve_requests({app.port()}, any_body());
  auto client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nsome");
  const auto response = receive_response(client);
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.body, "no");
  EXPECT_EQ(response.field("Connection"), "close");
}

TEST_F(Forwarding, ADeadKeptConnectionIsReplacedUnseen) {
  std::atomic<int> connections = 0;
  Backend app([&](Socket& socket) {
    const bool first = connections++ == 0;
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (first) receive_head(socket);  // takes the second request, and dies
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 200);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 200);
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.upstream_retries; }), 1U);
}

TEST_F(Forwarding, APostIsNotSentTwice) {
  std::atomic<int> posts = 0;
  Backend app([&](Socket& socket) {
    for (;;) {
      const auto head = receive_head(socket);
      if (head.empty()) return;
      if (head.starts_with("POST")) {
        ++posts;
        return;
      }
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 200);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(receive_response(client).status, 502);
  EXPECT_EQ(posts, 1);
  EXPECT_EQ(answers(AnswerReason::UpstreamReset), 1U);
}

TEST_F(Forwarding, ARefusedConnectGoesToTheNextEndpoint) {
  Backend app(test::always("ok"));
  start();
  serve({test::unused_port(), app.port(), test::unused_port()});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get().status, 200);
}

TEST_F(Forwarding, NoEndpointThatTakesTheConnectionIs502) {
  start();
  serve({test::unused_port()});
  EXPECT_EQ(get().status, 502);
  EXPECT_EQ(answers(AnswerReason::ConnectFailed), 1U);
}

TEST_F(Forwarding, NoEndpointIs503AndNoRouteIs404) {
  start();
  Delta delta;
  delta.backends = {backend("empty", {})};
  delta.hosts = {host("empty.example", "empty"), host("gone.example", "missing"),
                 host("none.example", "")};
  adopt(std::move(delta));
  EXPECT_EQ(get("/", "empty.example").status, 503);
  EXPECT_EQ(get("/", "gone.example").status, 503);
  EXPECT_EQ(get("/", "none.example").status, 404);
  EXPECT_EQ(get("/", "other.example").status, 404);
  EXPECT_EQ(answers(AnswerReason::NoEndpoint), 2U);
  EXPECT_EQ(answers(AnswerReason::NoRoute), 2U);
}

TEST_F(Forwarding, HttpsOnlyHostsRedirect) {
  start();
  Delta delta;
  delta.settings.emplace();
  delta.settings->public_http_port = 8080;
  delta.settings->public_https_port = 8443;
  delta.hosts = {host("shop.example", "app", /*https_only=*/true)};
  adopt(std::move(delta));
  EXPECT_EQ(get("/", "shop.example").field("Location"), "https://shop.example:8443");
  const auto response = get("/a/b?c=d", "Shop.Example:8080");
  EXPECT_EQ(response.status, 308);
  EXPECT_EQ(response.field("Location"), "https://shop.example:8443/a/b?c=d");
}

TEST_F(Forwarding, AnswersFollowTheAcceptField) {
  start();
  Delta delta;
  adopt(std::move(delta));
  const auto answer = [&](const std::string& accept) {
    auto client = connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: " + accept + "\r\n\r\n");
    return receive_response(client);
  };
  EXPECT_EQ(
      answer("application/json").body,
      "{\"status\":404,\"reason\":\"no_route\",\"message\":\"No route leads from this host and "
      "path to a service.\"}\n");
  EXPECT_TRUE(answer("text/html,*/*").body.starts_with("<!doctype html>"));
  EXPECT_TRUE(answer("*/*").body.starts_with("404 Not Found: "));
}

TEST_F(Forwarding, BadBytesGet400AndTheConnectionCloses) {
  start();
  serve({});
  auto client = connect();
  client.send("\x16\x03\x01 garbage\r\n\r\n");
  EXPECT_EQ(receive_response(client).status, 400);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(answers(AnswerReason::BadRequest), 1U);
}

TEST_F(Forwarding, LargeHeadsAndTargetsAreRefused) {
  start();
  serve({});
  auto head = connect();
  head.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(receive_response(head).status, 431);
  auto target = connect();
  target.send("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(target).status, 414);
  auto version = connect();
  version.send("GET / HTTP/3.0\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(version).status, 505);
}

TEST_F(Forwarding, BodiesOverTheLimitAreRefused) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.receive_all();
  });
  start();
  table::RequestPolicy policy;
  policy.body_bytes = 1000;
  serve_requests({app.port()}, policy);
  auto announced = connect();
  announced.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(receive_response(announced).status, 413);
  const std::string head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "800\r\n" + std::string(2048, 'x') + "\r\n";
  auto together = connect();
  together.send(head + chunk);
  EXPECT_EQ(receive_response(together).status, 413);
  auto apart = connect();
  apart.send(head);
  ASSERT_TRUE(test::eventually([&] { return app.accepted() == 1; }));
  apart.send(chunk);
  EXPECT_EQ(receive_response(apart).status, 413);
}

TEST_F(Forwarding, EachWaitHasItsDeadline) {
  Backend silent([](Socket& socket) { socket.receive_all(); });
  Options options;
  using std::chrono::milliseconds;
  options.timeouts.head = options.timeouts.body = options.timeouts.keep_alive = milliseconds(100);
  start(options);
  table::RequestPolicy policy;
  policy.read_timeout_ms = 100;
  serve_requests({silent.port()}, policy);

  auto head = connect();
  head.send("GET / HT");
  EXPECT_EQ(receive_response(head).status, 408);
  auto body = connect();
  body.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(receive_response(body).status, 408);
  auto response = connect();
  response.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive_response(response).status, 504);
  auto idle = connect();
  EXPECT_TRUE(idle.at_end());
  EXPECT_EQ(answers(AnswerReason::HeadTimeout), 1U);
  EXPECT_EQ(answers(AnswerReason::BodyTimeout), 1U);
  EXPECT_EQ(answers(AnswerReason::ResponseTimeout), 1U);
}

TEST_F(Forwarding, ABrokenResponseIs502) {
  for (const std::string bytes :
       {"garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"}) {
    Backend app([&](Socket& socket) {
      receive_head(socket);
      socket.send(bytes);
      socket.receive_all();
    });
    start();
    serve({app.port()});
    EXPECT_EQ(get().status, 502) << bytes;
    EXPECT_EQ(answers(AnswerReason::BadResponse), 1U) << bytes;
  }
}

TEST_F(Forwarding, ATruncatedResponseIsSeenAsSuch) {
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  });
  start();
  serve({app.port()});
  const auto response = get();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "only this") << "fewer bytes than announced, then the end";
}

TEST_F(Forwarding, BytesBehindAResponseEndTheBackendConnection) {
  Backend app([](Socket& socket) {
    while (!receive_head(socket).empty()) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nevil");
    }
  });
  start();
  serve({app.port()});
  auto client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(receive_response(client).body, "ok");
  }
  EXPECT_EQ(app.accepted(), 3);
}

TEST_F(Forwarding, AClientThatGoesAwayEndsItsUpstream) {
  std::promise<void> asked;
  std::promise<bool> ended;
  Backend app([&](Socket& socket) {
    receive_head(socket);
    asked.set_value();
    ended.set_value(socket.receive().empty());
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  asked.get_future().wait();
  client.close();
  EXPECT_TRUE(ended.get_future().get());
  EXPECT_EQ(sum([](const Counters& c) -> const Cell& { return c.requests_aborted; }), 1U);
}

// Else the rest of that body would be read as the response to somebody's next request.
TEST_F(Forwarding, AConnectionWhoseBodyWasNotReadToItsEndIsNotKept) {
  std::atomic<bool> first = true;
  Backend app([&](Socket& socket) {
    if (!first.exchange(false)) return test::always("ok")(socket);
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun");
    if (socket.receive().empty()) return;
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen");
  });
  start();
  serve({app.port()});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.receive_until("begun");
  client.close();
  const auto aborted = [](const Counters& c) -> const Cell& { return c.requests_aborted; };
  ASSERT_TRUE(test::eventually([&] { return sum(aborted) == 1; }));

  EXPECT_EQ(get().body, "ok");
  EXPECT_EQ(app.accepted(), 2);
}

TEST_F(Forwarding, LargeBodiesPassByteExactBothWaysAtOnce) {
  // An echo that sends while it receives: neither direction may wait for the other's end.
  Backend app([](Socket& socket) {
    receive_head(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n");
    std::size_t left = 52428800;
    while (left > 0) {
      const auto bytes = socket.receive();
      if (bytes.empty()) return;
      left -= bytes.size();
      if (!socket.send(bytes)) return;
    }
  });
  start();
  serve_requests({app.port()}, any_body());
  std::string body;
  body.resize(50 * 1024 * 1024);
  std::uint32_t state = 1;
  for (auto& c : body) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (const bool tls : {false, true}) {
    auto client = tls ? connect_tls() : connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 52428800\r\n\r\n");
    // An SSL object is for one thread: there, the body is small steps up and down.
    std::string echoed;
    if (tls) {
      client.receive_until("\r\n\r\n");
      for (std::size_t at = 0; at < body.size(); at += 32768) {
        client.send(std::string_view(body).substr(at, 32768));
        echoed += client.receive_exactly(32768);
      }
    } else {
      std::thread sender([&] { client.send(body); });
      client.receive_until("\r\n\r\n");
      echoed = client.receive_exactly(body.size());
      sender.join();
    }
    EXPECT_TRUE(echoed == body) << (tls ? "TLS" : "plain");
  }
}

TEST_F(Forwarding, APortThatSomebodyHasIsAnErrorThatNamesIt) {
  start();
  Options options;
  options.http = {{"127.0.0.1", http_port_}};
  const auto second = DataPlane::start(options);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().detail.find("127.0.0.1:" + std::to_string(http_port_)),
            std::string::npos);
}

TEST_F(Forwarding, ManyWorkersServeOnePort) {
  Backend app(test::always("ok"));
  Options options;
  options.threads = 4;
  start(options);
  serve({app.port()});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(get().status, 200);
}

TEST_F(Forwarding, StoppingFinishesWhatIsUnderWay) {
  std::promise<void> asked;
  std::promise<void> go;
  auto may_go = go.get_future().share();
  Backend app([&](Socket& socket) {
    receive_head(socket);
    asked.set_value();
    may_go.wait();
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  start();
  serve({app.port()});
  auto idle = connect();
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n");  // half a head: not idle
  auto parked = connect();
  auto busy = connect();
  busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  asked.get_future().wait();
  plane_->stop_accepting();
  EXPECT_TRUE(parked.at_end());
  EXPECT_TRUE(test::eventually([&] { return !connect().is_open(); }));
  go.set_value();
  const auto response = receive_response(busy);
  EXPECT_EQ(response.body, "ok");
  EXPECT_EQ(response.field("Connection"), "close");
  busy.close();
  idle.close();
  EXPECT_TRUE(test::eventually([&] { return plane_->open_connections() == 0; }));
}

}  // namespace
}  // namespace weir::proxy
