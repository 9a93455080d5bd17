#include <sys/socket.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "proxy/proxy_fixture.h"
#include "proxy/raw_http/http_case.h"

namespace weir::test {

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for that name
void PrintTo(const HttpTheme& theme, std::ostream* out) {
  *out << theme.name;
}

}  // namespace weir::test

namespace weir::proxy {
namespace {

using test::HttpCase;
using test::Socket;

const std::string kProbe = "GET /probe HTTP/1.1\r\nHost: a.example\r\n\r\n";
const std::string kProbeAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nprobe";

/// How bytes go out: the result must be the same.
enum class Delivery { AtOnce, ByteByByte };

void deliver(Socket& socket, std::string_view bytes, Delivery delivery) {
  if (delivery == Delivery::AtOnce) {
    socket.send(bytes);
    return;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!socket.send(bytes.substr(i, 1))) return;
  }
}

/// For messages: what is not printable as "\r" or "\x00".
std::string escaped(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes.substr(0, 3000)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n\n";
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// The value of a field, read as simply as a backend may; empty if there is none.
std::string field_of(std::string_view head, std::string_view name) {
  test::Response message;
  message.head = head;
  return message.field(name);
}

/// The scripted backend of one case.
class Peer {
 public:
  Peer(const HttpCase& script, Delivery delivery)
      : case_(script), delivery_(delivery), backend_([this](Socket& socket) { run(socket); }) {}

  std::uint16_t port() const { return backend_.port(); }
  int accepted() const { return backend_.accepted(); }

  /// Waits until that many whole requests are answered; all so far.
  std::vector<std::string> answered(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30),
                      [&] { return answered_ >= count && answered_ == requests_.size(); });
    return requests_;
  }
  /// Waits until a connection ends without a whole request on it.
  bool was_cut() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return cut_; });
  }
  /// The connections on which the case and the probe came, counted from 0; -1: none.
  std::pair<int, int> connections() const {
    const std::lock_guard lock(mutex_);
    return {case_connection_, probe_connection_};
  }

 private:
  void run(Socket& socket) {
    const int connection = next_connection();
    for (bool first = true;; first = false) {
      auto request = test::receive_head(socket);
      const bool whole_head = request.ends_with("\r\n\r\n");
      if (whole_head && request.starts_with("GET /probe ")) {
        note([&] { probe_connection_ = connection; });
        socket.send(kProbeAnswer);
        continue;
      }
      if (whole_head) deliver(socket, case_.on_head, delivery_);
      if (!whole_head || !receive_body(socket, request)) {
        if (first || !request.empty()) note([&] { cut_ = true; });
        return;
      }
      const auto number = note([&] {
        case_connection_ = connection;
        requests_.push_back(request);
      });
      if (!case_.responses.empty()) {
        deliver(socket, case_.responses[std::min(number, case_.responses.size()) - 1], delivery_);
      }
      note([&] { ++answered_; });
      if (case_.backend_end == HttpCase::BackendEnd::Closes) return;
      if (case_.backend_end == HttpCase::BackendEnd::Resets) return socket.reset();
    }
  }

  int next_connection() {
    const std::lock_guard lock(mutex_);
    return connections_++;
  }

  /// Returns the number of whole requests.
  template <class F>
  std::size_t note(F change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
    return requests_.size();
  }

  /// Appends the body to its head; false when the connection ends before it does.
  static bool receive_body(Socket& socket, std::string& request) {
    if (const auto length = field_of(request, "Content-Length"); !length.empty()) {
      const auto size = std::strtoul(length.c_str(), nullptr, 10);
      const auto body = socket.receive_exactly(size);
      request += body;
      return body.size() == size;
    }
    if (!same_name(field_of(request, "Transfer-Encoding"), "chunked")) return true;
    for (;;) {
      const auto line = socket.receive_until("\r\n");
      request += line;
      if (!line.ends_with("\r\n")) return false;
      const auto size = std::strtoul(line.c_str(), nullptr, 16);
      if (size == 0) break;
      const auto data = socket.receive_exactly(size + 2);
      request += data;
      if (data.size() != size + 2) return false;
    }
    for (;;) {
      const auto line = socket.receive_until("\r\n");
      request += line;
      if (line == "\r\n") return true;
      if (!line.ends_with("\r\n")) return false;
    }
  }

  const HttpCase& case_;
  const Delivery delivery_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> requests_;
  std::size_t answered_ = 0;
  int connections_ = 0;
  int case_connection_ = -1;
  int probe_connection_ = -1;
  bool cut_ = false;
  test::Backend backend_;  // last: its threads use what is above
};

/// What weir adds about the client, once each. Returns the request without.
std::string without_own_lines(const std::string& request, const std::string& host) {
  const std::pair<std::string, std::string> own[] = {{"X-Forwarded-For", "127.0.0.1"},
                                                     {"X-Real-IP", "127.0.0.1"},
                                                     {"X-Forwarded-Host", host},
                                                     {"X-Forwarded-Port", "80"},
                                                     {"X-Forwarded-Proto", "http"},
                                                     {"X-Forwarded-Scheme", "http"},
                                                     {"X-Scheme", "http"}};
  std::string rest = request;
  EXPECT_NE(take_request_id(rest), "") << "no X-Request-ID: " << request;
  for (const auto& [name, value] : own) {
    const auto line = "\r\n" + name + ": " + value + "\r\n";
    const auto at = rest.find(line);
    EXPECT_NE(at, std::string::npos) << "not forwarded: " << name << ": " << value;
    if (at != std::string::npos) rest.erase(at + 2, line.size() - 2);
  }
  return rest;
}

class RawHttp : public ProxyTest, public testing::WithParamInterface<test::HttpTheme> {
 protected:
  void SetUp() override {
    Options options;
    options.limits.head_bytes = test::kHeadLimit;
    options.limits.uri_bytes = test::kUriLimit;
    options.limits.head_fields = test::kFieldLimit;
    options.limits.response_head_bytes = test::kResponseHeadLimit;
    start(options);
    auto every = std::make_shared<table::Host>(*host("", "app"));
    table::Retries once;  // each request reaches the backend once
    once.tries = 1;
    every->routes.front().retries = once;
    table::RequestPolicy requests;
    requests.body_bytes = test::kBodyLimit;
    every->routes.front().requests = requests;
    table::Route none;
    none.match = {table::PathMatch::Kind::Exact, "/none"};
    every->routes.insert(every->routes.begin(), none);
    Delta delta;
    delta.hosts = {every, host("gone.example", "")};
    adopt(std::move(delta));
  }

  void run(const HttpCase& one, Delivery delivery);
  void expect_received(const HttpCase& one, Socket& client, std::string head_of_it);
  void expect_forwarded(const HttpCase& one, Peer& peer);
  void expect_probe(const HttpCase& one, Socket& client, Peer& peer);
};

void RawHttp::run(const HttpCase& one, Delivery delivery) {
  Peer peer(one, delivery);
  Delta delta;
  delta.backends = {backend("app", {peer.port()})};
  adopt(std::move(delta));

  auto client = connect();
  const timeval deadline{10, 0};  // a failing case need not hold up the others for longer
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  deliver(client, one.request, delivery);
  const auto interim = client.receive_exactly(one.awaits.size());
  deliver(client, one.rest, delivery);
  if (one.hangs_up) client.shutdown_write();

  expect_received(one, client, interim);
  expect_forwarded(one, peer);
  expect_probe(one, client, peer);
}

void RawHttp::expect_received(const HttpCase& one, Socket& client, std::string received) {
  const bool to_the_end = one.ending != HttpCase::Ending::Kept;
  if (to_the_end) {
    received += client.receive_all();
  } else if (one.refused == 0) {
    received += client.receive_exactly(one.received.size() - received.size());
  } else {
    received += client.receive_exactly(one.received.size() - received.size());
    const auto answer = test::receive_response(client);
    received += answer.head + answer.body;
  }
  if (to_the_end) {
    EXPECT_EQ(client.was_reset(), one.ending == HttpCase::Ending::Reset) << "how it ended";
  }
  if (one.refused == 0) {
    EXPECT_EQ(escaped(received), escaped(one.received)) << "what the client received";
    return;
  }
  ASSERT_TRUE(received.starts_with(one.received)) << escaped(received);
  const auto answer = received.substr(one.received.size());
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(one.refused) + " "))
      << "what the client received: " << escaped(answer);
  EXPECT_EQ(field_of(answer, "Connection"), to_the_end ? "close" : "") << escaped(answer);
}

void RawHttp::expect_forwarded(const HttpCase& one, Peer& peer) {
  if (one.cut) {
    EXPECT_TRUE(peer.was_cut()) << "the backend's connection stays";
  }
  std::string forwarded;
  for (const auto& request : peer.answered(one.forwarded ? 1 : 0)) {
    forwarded += without_own_lines(request, one.host);
  }
  EXPECT_EQ(escaped(forwarded), escaped(one.forwarded.value_or(""))) << "what the backend saw";
}

/// What became of both connections shows with one more request.
void RawHttp::expect_probe(const HttpCase& one, Socket& client, Peer& peer) {
  if (one.ending != HttpCase::Ending::Kept) client = connect();
  client.send(kProbe);
  EXPECT_EQ(escaped(client.receive_exactly(kProbeAnswer.size())), escaped(kProbeAnswer))
      << "the next request's answer";
  const auto [before, after] = peer.connections();
  if (one.pool != HttpCase::Pool::Any) {
    EXPECT_EQ(after == before, one.pool == HttpCase::Pool::Reused) << "the backend's connection";
  }
}

TEST_P(RawHttp, IsReadOneWay) {
  for (const auto& one : GetParam().cases) {
    for (const auto delivery : {Delivery::AtOnce, Delivery::ByteByByte}) {
      SCOPED_TRACE("case " + one.name + " (" + one.section + "), " +
                   (delivery == Delivery::AtOnce ? "at once" : "byte by byte"));
      run(one, delivery);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, RawHttp, testing::ValuesIn(test::http_themes()),
                         [](const auto& test) { return test.param.name; });

TEST(RawHttpTable, HasOneNameForEachCase) {
  std::vector<std::string> names;
  for (const auto& theme : test::http_themes()) {
    for (const auto& one : theme.cases) names.push_back(theme.name + "." + one.name);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_GE(names.size(), 200U);
}

}  // namespace
}  // namespace weir::proxy
