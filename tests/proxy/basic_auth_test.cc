#include "proxy/basic_auth.h"

#include <future>
#include <mutex>

#include "proxy/password_checker.h"
#include "proxy/password_hash.h"
#include "proxy/proxy_fixture.h"

namespace weir::proxy {

namespace {

using test::receive_head;
using test::Socket;

/// Longer than a line.
constexpr const char* kSha512 =
    "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/"
    "1GM/O6IND4WQhG.";

TEST(PasswordHash, TakesWhatHtpasswdAndNginxTake) {
  for (const auto* hash :
       {"$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
        "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.", kSha512,
        "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "abNANd1rDfiNc",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
        "{PLAIN}secret"}) {
    EXPECT_TRUE(password_fits(hash, "secret")) << hash;
    for (const auto* wrong : {"", "Secret", "secret2", "secre"}) {
      EXPECT_FALSE(password_fits(hash, wrong)) << hash << ' ' << wrong;
    }
    EXPECT_FALSE(password_fits(hash, std::string("secret\0x", 8))) << hash;
  }
}

TEST(PasswordHash, NothingFitsWhatIsNoHash) {
  for (const auto* hash : {"", "*", "*0", "x", "secret", "{SSHA}", "{SSHA}AAAA", "{SHA}", "{MD5}a",
                           "$apr1$", "$2y$99$abcdefghijklmnopqrstuu", "$7"}) {
    for (const auto* password : {"", "secret", "*0", "*1"}) {
      EXPECT_FALSE(password_fits(hash, password)) << hash << ' ' << password;
    }
  }
}

TEST(PasswordChecker, TurnsThoseAwayWhoWouldWaitTooLong) {
  std::promise<void> open;
  const auto opened = open.get_future().share();
  std::atomic<int> told{0};
  PasswordChecker checker;
  const auto check = [&] {
    return checker.check("{PLAIN}a", "a", [&told, opened](bool fits) {
      opened.wait();
      told += fits ? 1 : 0;
    });
  };
  int taken = 0;
  while (check()) ++taken;
  EXPECT_GE(taken, 128);
  EXPECT_LE(taken, 128 + 2);
  open.set_value();
  while (told != taken) std::this_thread::yield();
  EXPECT_TRUE(check());
  checker.stop();
  EXPECT_FALSE(check());
}

TEST(KnownPasswords, KnowsTheLastOnesOnly) {
  KnownPasswords known;
  const auto first = known.digest_of("hash", "password");
  EXPECT_NE(first, known.digest_of("hashp", "assword"));
  EXPECT_NE(first, KnownPasswords().digest_of("hash", "password")) << "each has a key of its own";
  known.add(first);
  EXPECT_TRUE(known.has(known.digest_of("hash", "password")));
  for (int i = 0; i < 4096; ++i) known.add(known.digest_of("hash", std::to_string(i)));
  EXPECT_FALSE(known.has(first));
  EXPECT_TRUE(known.has(known.digest_of("hash", "0")));
}

class BasicAuth : public ProxyTest {
 protected:
  BasicAuth()
      : app_([this](Socket& socket) {
          for (auto head = receive_head(socket); !head.empty(); head = receive_head(socket)) {
            {
              const std::lock_guard lock(mutex_);
              served_.push_back(head);
            }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin");
          }
        }),
        auth_([](Socket& socket) {
          while (!receive_head(socket).empty()) {
            socket.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
          }
        }) {
    access_.basic = table::BasicAuth{"default/users", "the shop"};
  }

  void serve_with(const std::vector<table::User>& users) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    table::RouteRules rules;
    rules.access = access_;
    made->routes.front().rules = rules;
    Delta delta;
    delta.backends = {backend("app", {app_.port()}), backend("auth", {auth_.port()})};
    delta.hosts = {made, host("open.example", "app")};
    delta.users = {{"default/users", std::make_shared<const UserList>(table::Users{"", users})}};
    adopt(std::move(delta));
  }
  static std::string request(const std::string& fields, const std::string& name = "shop.example") {
    return "GET / HTTP/1.1\r\nHost: " + name + "\r\n" + fields + "\r\n";
  }
  test::Response ask(const std::string& fields = "") const {
    auto socket = connect();
    socket.send(request(fields));
    return test::receive_response(socket);
  }
  std::vector<std::string> served() const {
    const std::lock_guard lock(mutex_);
    return served_;
  }

  table::Access access_;
  mutable std::mutex mutex_;
  std::vector<std::string> served_;
  test::Backend app_;
  test::Backend auth_;
};

constexpr const char* kAlice = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";  // alice:secret
constexpr const char* kSlow = "Authorization: Basic c2xvdzp3cm9uZw==\r\n";   // slow:wrong
const table::User kAliceSha{"alice", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="};

TEST_F(BasicAuth, LetsUsersInAndKeepsTheirPasswords) {
  start();
  serve_with({kAliceSha});
  for (int i = 0; i < 2; ++i) {  // the second one is known
    EXPECT_EQ(ask(std::string(kAlice) + "X-Other: 1\r\n").status, 200);
    const auto head = served().at(static_cast<std::size_t>(i));
    EXPECT_EQ(head.find("uthorization"), std::string::npos) << head;
    EXPECT_NE(head.find("X-Other: 1"), std::string::npos) << head;
  }
}

TEST_F(BasicAuth, AsksEverybodyElse) {
  start();
  serve_with({kAliceSha});
  for (const std::string fields :
       {"", "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n" /* alice:wrong */,
        "Authorization: Basic Ym9iOnNlY3JldA==\r\n" /* bob:secret */,
        "Authorization: Bearer YWxpY2U6c2VjcmV0\r\n", "Authorization: Basic YWxpY2U=\r\n",
        "Authorization: Basic\r\n",
        "Authorization: Basic YWxpY2U6c2VjcmV0\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n"}) {
    const auto answer = ask(fields);
    EXPECT_EQ(answer.status, 401) << fields;
    EXPECT_EQ(answer.field("WWW-Authenticate"), "Basic realm=\"the shop\"") << fields;
  }
  EXPECT_TRUE(served().empty());
  EXPECT_EQ(answers(AnswerReason::PasswordRequired), 7);
}

TEST_F(BasicAuth, ANewListCountsAtOnceAndWithoutOneNobodyGetsIn) {
  start();
  serve_with({kAliceSha});
  EXPECT_EQ(ask(kAlice).status, 200);
  serve_with({{"alice", "{PLAIN}other"}});
  EXPECT_EQ(ask(kAlice).status, 401);
  Delta gone;
  gone.removed_users = {"default/users"};
  adopt(std::move(gone));
  EXPECT_EQ(ask(kAlice).status, 503);
}

TEST_F(BasicAuth, AnyOfSeveralProtectionsIsEnough) {
  access_.any = true;
  access_.allowed = {"127.0.0.1"};
  start();
  serve_with({kAliceSha});
  EXPECT_EQ(ask(kAlice).status, 200);
  EXPECT_EQ(served().at(0).find("uthorization"), std::string::npos) << "asked or not";
  EXPECT_EQ(ask().status, 200);
  access_.allowed = {"192.0.2.1"};
  serve_with({kAliceSha});
  EXPECT_EQ(ask(kAlice).status, 200);
  EXPECT_EQ(ask().status, 401);
  auto& service = access_.external.emplace();
  service.backend = "auth";
  service.target = {{table::TextPart::Source::Literal, "/"}};
  serve_with({kAliceSha});
  EXPECT_EQ(ask(kAlice).status, 200) << "the service is not asked";
  const auto no = ask();
  EXPECT_EQ(no.status, 401) << "the service says 403, but a password would do";
  EXPECT_EQ(no.field("WWW-Authenticate"), "Basic realm=\"the shop\"");
  access_.any = false;
  access_.allowed = {};
  serve_with({kAliceSha});
  EXPECT_EQ(ask(kAlice).status, 403) << "all of them count";
  access_.allowed = {"192.0.2.1"};
  serve_with({kAliceSha});
  EXPECT_EQ(ask().status, 403) << "the lists come first";
}

TEST_F(BasicAuth, OthersGoOnWhilePasswordsAreChecked) {
  start();  // one worker
  serve_with({{"slow", "$2y$11$abcdefghijklmnopqrstuunCeKINGCIR2HCghh6O3jDKZvMFq0Aja"}});
  auto established = connect();
  established.send(request("", "open.example"));
  EXPECT_EQ(test::receive_response(established).status, 200);
  std::vector<Socket> waiting;
  for (int i = 0; i < 24; ++i) {
    waiting.push_back(connect());
    waiting.back().send(request(kSlow));
  }
  // Behind the first answer, checks are under way: 23 of 100 ms or more.
  EXPECT_EQ(test::receive_response(waiting.front()).status, 401);
  established.send(request("", "open.example"));
  EXPECT_EQ(test::receive_response(established).status, 200);
  EXPECT_LT(answers(AnswerReason::PasswordRequired), 24) << "nobody waited for all of them";
  for (std::size_t i = 1; i < waiting.size(); ++i) {
    EXPECT_EQ(test::receive_response(waiting[i]).status, 401);
  }
}

TEST_F(BasicAuth, ClientsMayLeaveWhileTheirPasswordsAreChecked) {
  start();
  serve_with({{"slow", "$2y$11$abcdefghijklmnopqrstuunCeKINGCIR2HCghh6O3jDKZvMFq0Aja"}});
  for (int i = 0; i < 8; ++i) connect().send(request(kSlow));
  EXPECT_TRUE(test::eventually([&] { return plane_->open_connections() == 0; }));
  for (int i = 0; i < 8; ++i) {
    auto socket = connect();
    socket.send(request(kSlow));
    if (i == 7) plane_.reset();  // the proxy ends amid them
  }
}

}  // namespace

}  // namespace weir::proxy
