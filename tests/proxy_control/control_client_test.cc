#include "proxy_control/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy_control/support.h"
#include "support/temp_folder.h"

namespace weir::proxy_control {
namespace {

using table::encode;
using table::FrameHeader;
using table::FrameKind;

/// A controller that does as the test says, with calls that block, but not for ever.
class ScriptedController {
 public:
  explicit ScriptedController(const std::string& path) {
    ::unlink(path.c_str());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const std::string away = path + ".new";  // appears when it listens, not before
    sockaddr_un first = address;
    std::strncpy(first.sun_path, away.c_str(), sizeof first.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&first), sizeof first), 0);
    set_patience(listener_);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::rename(away.c_str(), path.c_str()), 0);
  }
  ~ScriptedController() {
    hang_up();
    ::close(listener_);
  }

  /// The next proxy that dials, and what it says first.
  table::Hello accept() {
    hang_up();
    peer_ = ::accept(listener_, nullptr, nullptr);
    EXPECT_GE(peer_, 0);
    set_patience(peer_);
    table::Hello whole;
    for (bool last = false; !last;) {
      const auto part = table::decode_hello(read(FrameKind::Hello));
      if (!part) {
        ADD_FAILURE() << part.error().detail;
        break;
      }
      whole.software = part->software;
      whole.held.insert(part->held.begin(), part->held.end());
      last = part->last;
    }
    return whole;
  }

  void send(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const auto size = ::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return;
      bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
  }

  table::Bytes read(FrameKind kind) {
    std::array<std::uint8_t, FrameHeader::kSize> head{};
    EXPECT_TRUE(fill(head)) << "no frame came";
    const auto header = table::parse_frame_header(head);
    if (!header) {
      ADD_FAILURE() << header.error().detail;
      return {};
    }
    EXPECT_EQ(header->kind, kind);
    table::Bytes body(header->length);
    EXPECT_TRUE(fill(body));
    return body;
  }

  std::uint64_t read_ack() { return table::decode_ack(read(FrameKind::Ack))->generation; }

  bool sees_hang_up() {
    std::uint8_t byte = 0;
    const auto size = ::recv(peer_, &byte, 1, 0);
    return size == 0 || (size < 0 && errno == ECONNRESET);
  }

  void hang_up() {
    if (peer_ >= 0) ::close(peer_);
    peer_ = -1;
  }

 private:
  static void set_patience(int fd) {
    const timeval time{kPatience.count(), 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  }

  bool fill(std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const auto size = ::recv(peer_, bytes.data(), bytes.size(), 0);
      if (size <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
    return true;
  }

  int listener_ = -1;
  int peer_ = -1;
};

/// A proxy whose workers are the test.
class FakeService : public ControlClient::Handler {
 public:
  std::map<table::ResourceKey, util::ContentHash> held() const override { return held_; }

  std::vector<Refusal> apply(table::Update update, std::function<void()> live) override {
    const std::lock_guard lock(mutex_);
    updates_.push_back(std::move(update));
    if (at_once_) {
      live();
    } else {
      live_ = std::move(live);
    }
    changed_.notify_all();
    return refusals_;
  }

  /// The n-th update, counted from 0.
  table::Update update(std::size_t n) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return updates_.size() > n; }));
    return updates_.at(n);
  }

  std::map<table::ResourceKey, util::ContentHash> held_;
  std::vector<Refusal> refusals_;
  bool at_once_ = true;
  std::function<void()> live_;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<table::Update> updates_;
};

class ControlClientTest : public ::testing::Test {
 protected:
  ControlClientTest() {
    options_.path = folder_.path("s");
    options_.software = "weir-proxy test";
    options_.first_wait = options_.max_wait = std::chrono::milliseconds(1);
  }
  ~ControlClientTest() override {
    thread_.stop();
    service_.live_ = nullptr;  // it must not outlive the io_context
  }

  void start() {
    client_ = std::make_unique<ControlClient>(thread_.io, options_, service_, counters_);
    thread_.run([this] { client_->start(); });
  }

  ControlCounters counters() {
    return thread_.run([this] { return counters_; });
  }
  std::uint64_t refused(FrameRefusal why) {
    return counters().frames_refused[static_cast<std::size_t>(why)];
  }

  test::TempFolder folder_;
  ControlClient::Options options_;
  FakeService service_;
  ControlCounters counters_;
  std::unique_ptr<ControlClient> client_;
  IoThread thread_;
};

table::Bytes an_update(std::uint64_t generation) {
  return table::encode_frame(table::Update{generation, true, {encode(make_host("a.example"))}, {}});
}

TEST_F(ControlClientTest, SaysFirstWhatItHolds) {
  service_.held_[{table::ResourceKind::Host, "a.example"}] = encode(make_host("a.example")).hash;
  ScriptedController controller(options_.path);
  start();

  const auto hello = controller.accept();

  EXPECT_EQ(hello.software, "weir-proxy test");
  EXPECT_EQ(hello.held, service_.held_);
}

TEST_F(ControlClientTest, AnUpdateIsAcknowledged) {
  ScriptedController controller(options_.path);
  start();
  controller.accept();

  controller.send(an_update(7));

  EXPECT_EQ(controller.read_ack(), 7U);
  EXPECT_EQ(service_.update(0).upserts.at(0).key.name, "a.example");
  EXPECT_TRUE(counters().connected);
  controller.send(an_update(8));
  EXPECT_EQ(controller.read_ack(), 8U);
}

TEST_F(ControlClientTest, NacksGoOutBeforeTheAckThatWaitsForTheWorkers) {
  service_.at_once_ = false;
  service_.refusals_ = {{{table::ResourceKind::Certificate, "a/tls"}, "the key does not fit"}};
  ScriptedController controller(options_.path);
  start();
  controller.accept();
  controller.send(an_update(7));

  const auto nack = table::decode_nack(controller.read(FrameKind::Nack));
  ASSERT_TRUE(nack);
  EXPECT_EQ(nack->generation, 7U);
  EXPECT_EQ(nack->key.name, "a/tls");
  EXPECT_EQ(nack->reason, "the key does not fit");

  thread_.run([this] { service_.live_(); });
  EXPECT_EQ(controller.read_ack(), 7U);
}

TEST_F(ControlClientTest, PartsAreOneUpdate) {
  ScriptedController controller(options_.path);
  start();
  controller.accept();

  controller.send(
      table::encode_frame(table::Update{7, false, {encode(make_host("a.example"))}, {}}));
  controller.send(table::encode_frame(
      table::Update{7, false, {}, {{table::ResourceKind::Host, "gone.example"}}}));
  controller.send(
      table::encode_frame(table::Update{7, true, {encode(make_host("b.example"))}, {}}));

  EXPECT_EQ(controller.read_ack(), 7U);
  EXPECT_EQ(service_.update(0).upserts.size(), 2U);
  EXPECT_EQ(service_.update(0).removes.size(), 1U);
}

TEST_F(ControlClientTest, AnUpdateThatIsCutBetweenItsPartsIsForgotten) {
  ScriptedController controller(options_.path);
  start();
  controller.accept();
  controller.send(
      table::encode_frame(table::Update{7, false, {encode(make_host("a.example"))}, {}}));
  controller.hang_up();

  controller.accept();
  controller.send(
      table::encode_frame(table::Update{9, true, {encode(make_host("b.example"))}, {}}));

  EXPECT_EQ(controller.read_ack(), 9U);
  EXPECT_EQ(service_.update(0).upserts.size(), 1U);
}

TEST_F(ControlClientTest, WhatCannotBeReadEndsTheConnectionAndIsCounted) {
  const auto changed = [](std::size_t at, std::uint8_t value) {
    auto frame = an_update(1);
    frame[at] = value;
    return frame;
  };
  auto two = table::encode_frame(table::Update{1, false, {}, {}});
  const auto other = table::encode_frame(table::Update{2, true, {}, {}});
  two.insert(two.end(), other.begin(), other.end());
  const std::vector<std::pair<table::Bytes, FrameRefusal>> cases = {
      {changed(0, 'G'), FrameRefusal::Malformed},
      {changed(5, 9), FrameRefusal::Unsupported},
      {changed(7, 9), FrameRefusal::Unsupported},
      {changed(8, 0xff), FrameRefusal::Malformed},
      {changed(FrameHeader::kSize, 0xff), FrameRefusal::Malformed},
      {table::encode_frame(table::Ack{1}), FrameRefusal::Unexpected},
      {table::encode_frame(table::Hello{}), FrameRefusal::Unexpected},
      {two, FrameRefusal::Malformed},
  };
  ScriptedController controller(options_.path);
  start();
  for (const auto& [bytes, why] : cases) {
    const auto before = refused(why);
    controller.accept();
    controller.send(bytes);
    EXPECT_TRUE(controller.sees_hang_up());
    controller.accept();  // it is back
    EXPECT_EQ(refused(why), before + 1) << refusal_name(why);
    controller.hang_up();
  }
  controller.accept();
  controller.send(an_update(3));
  EXPECT_EQ(controller.read_ack(), 3U);
}

TEST_F(ControlClientTest, AFrameCutAnywhereIsCounted) {
  ScriptedController controller(options_.path);
  start();
  const auto frame = an_update(1);
  const std::vector<std::size_t> cuts = {1, FrameHeader::kSize - 1, FrameHeader::kSize,
                                         FrameHeader::kSize + 1, frame.size() - 1};
  for (const auto cut : cuts) {
    controller.accept();
    controller.send(std::span(frame).first(cut));
    controller.hang_up();
  }
  controller.accept();
  EXPECT_EQ(refused(FrameRefusal::Cut), cuts.size());
  controller.hang_up();  // between two frames: that is no cut
  controller.accept();
  EXPECT_EQ(refused(FrameRefusal::Cut), cuts.size());
}

TEST_F(ControlClientTest, AFrameThatComesToAStopIsGivenUp) {
  options_.frame_timeout = std::chrono::milliseconds(20);
  ScriptedController controller(options_.path);
  start();
  controller.accept();
  const auto frame = an_update(1);
  controller.send(std::span(frame).first(5));

  EXPECT_TRUE(controller.sees_hang_up());
  controller.accept();
  EXPECT_EQ(refused(FrameRefusal::Stalled), 1U);
}

TEST_F(ControlClientTest, AnUpdateOverTheCapIsRefusedBeforeItIsRead) {
  options_.max_update_bytes = 200;
  ScriptedController controller(options_.path);
  start();
  controller.accept();
  for (std::uint64_t i = 0; i < 4; ++i) {
    controller.send(
        table::encode_frame(table::Update{7, false, {encode(make_host("a.example"))}, {}}));
  }

  EXPECT_TRUE(controller.sees_hang_up());
  controller.accept();
  EXPECT_EQ(refused(FrameRefusal::TooLarge), 1U);
}

TEST_F(ControlClientTest, DialsAtOnceWhenTheSocketAppears) {
  options_.first_wait = options_.max_wait = std::chrono::hours(1);
  start();

  ScriptedController controller(options_.path);

  EXPECT_EQ(controller.accept().software, "weir-proxy test");
}

TEST_F(ControlClientTest, ATooLongPathIsNoCrash) {
  options_.path = folder_.path(std::string(200, 'x'));
  start();
  EXPECT_FALSE(counters().connected);
}

}  // namespace
}  // namespace weir::proxy_control
