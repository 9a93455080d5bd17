#include "support/websocket_peer.h"

#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// The peer itself: what it would not see, no test over it would.

namespace weir::test {
namespace {

using Role = WebSocketPeer::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Pair {
  Pair() {
    int fds[2] = {};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    near = Socket(fds[0]);
    far = Socket(fds[1]);
  }
  Socket near;
  Socket far;
};

/// What a peer of that role says about `bytes`, and then the end.
std::vector<std::string> violations_in(Role role, std::string_view bytes) {
  Pair pair;
  WebSocketPeer peer(pair.near, role);
  pair.far.send(bytes);
  pair.far.close();
  peer.receive_to_end();
  return peer.violations();
}

struct WrongCase {
  std::string name;
  std::vector<Frame> frames;
  std::string violation;
};

class WrongFrames : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongFrames, AreWrittenDown) {
  for (const auto role : {Role::Client, Role::Server}) {
    Pair unused;
    WebSocketPeer other(unused.near, role == Role::Client ? Role::Server : Role::Client);
    std::string bytes;
    for (const auto& frame : GetParam().frames) bytes += other.bytes_to_send(frame);
    EXPECT_THAT(violations_in(role, bytes), ElementsAre(HasSubstr(GetParam().violation)));
  }
}

const Frame kClosing{Frame::kClose, close_payload(1000)};

INSTANTIATE_TEST_SUITE_P(
    WebSocketPeer, WrongFrames,
    testing::Values(
        WrongCase{"ReservedBit", {{Frame::kText, "x", true, {}, 4}}, "reserved bits"},
        WrongCase{"ReservedOpcode", {{3, "x"}}, "reserved opcode 3"},
        WrongCase{"ReservedControl", {{11, "x"}}, "reserved opcode 11"},
        WrongCase{"LongForm16", {{Frame::kText, "x", true, {}, 0, 16}}, "more bytes than it needs"},
        WrongCase{"LongForm64", {{Frame::kText, "x", true, {}, 0, 64}}, "more bytes than it needs"},
        WrongCase{"FragmentedPing", {{Frame::kPing, "x", false}}, "fragmented Ping"},
        WrongCase{"LongPing", {{Frame::kPing, std::string(126, 'x')}}, "more than 125"},
        WrongCase{"ContinuationOfNothing", {{Frame::kContinuation, "x"}}, "of nothing"},
        WrongCase{
            "ContinuationBehindTheLast",
            {{Frame::kText, "x", false}, {Frame::kContinuation, "x"}, {Frame::kContinuation, "x"}},
            "of nothing"},
        WrongCase{"MessageWithinAMessage",
                  {{Frame::kText, "x", false}, {Frame::kPing, ""}, {Frame::kText, "x"}},
                  "within a message"},
        WrongCase{"DataBehindClose", {kClosing, {Frame::kText, "x"}}, "data behind a Close"},
        WrongCase{"TwoCloses", {kClosing, kClosing}, "a Close frame behind"},
        WrongCase{"HalfACode", {{Frame::kClose, "x"}}, "half a status code"},
        WrongCase{"Code0", {{Frame::kClose, close_payload(0)}}, "status code 0"},
        WrongCase{"Code1004", {{Frame::kClose, close_payload(1004)}}, "status code 1004"},
        WrongCase{"Code1005", {{Frame::kClose, close_payload(1005)}}, "status code 1005"},
        WrongCase{"Code1006", {{Frame::kClose, close_payload(1006)}}, "status code 1006"},
        WrongCase{"Code1015", {{Frame::kClose, close_payload(1015)}}, "status code 1015"},
        WrongCase{"Code2999", {{Frame::kClose, close_payload(2999)}}, "status code 2999"},
        WrongCase{"Code5000", {{Frame::kClose, close_payload(5000)}}, "status code 5000"}),
    [](const auto& param) { return param.param.name; });

TEST(WebSocketPeer, TakesMasksByRole) {
  const auto plain = bytes_of({Frame::kText, "x"});
  const auto masked = bytes_of({Frame::kText, "x", true, Frame::Mask{1, 2, 3, 4}});
  EXPECT_THAT(violations_in(Role::Client, plain), IsEmpty());
  EXPECT_THAT(violations_in(Role::Client, masked), ElementsAre(HasSubstr("is masked")));
  EXPECT_THAT(violations_in(Role::Server, masked), IsEmpty());
  EXPECT_THAT(violations_in(Role::Server, plain), ElementsAre(HasSubstr("not masked")));
}

TEST(WebSocketPeer, SeesAFrameThatIsCutOffAnywhere) {
  for (const auto& frame : {Frame{Frame::kText, "hello"}, Frame{Frame::kText, ""},
                            Frame{Frame::kBinary, std::string(300, 'x')},
                            Frame{Frame::kBinary, std::string(65536, 'x')}}) {
    Pair unused;
    const auto bytes = WebSocketPeer(unused.near, Role::Client).bytes_to_send(frame);
    for (std::size_t size = 1; size < std::min<std::size_t>(bytes.size(), 20); ++size) {
      EXPECT_THAT(violations_in(Role::Server, bytes.substr(0, size)),
                  ElementsAre(HasSubstr("ends within a frame")))
          << size;
    }
    EXPECT_THAT(violations_in(Role::Server, bytes), IsEmpty());
  }
}

TEST(WebSocketPeer, BothRolesSpeakWithoutAViolation) {
  const std::string large(70'000, 'x');
  for (const auto role : {Role::Client, Role::Server}) {
    Pair pair;
    WebSocketPeer speaker(pair.near, role);
    WebSocketPeer listener(pair.far, role == Role::Client ? Role::Server : Role::Client);
    std::thread other([&] {
      listener.echo();
      pair.far.close();
    });
    speaker.send_text("hello");
    EXPECT_EQ(speaker.receive_message(), "hello");
    speaker.send_fragments({"a", "", "c"});
    speaker.send_ping("?");
    speaker.send_pong("unasked");
    EXPECT_EQ(speaker.receive_message(), "ac");
    speaker.send_binary(large);
    EXPECT_EQ(speaker.receive_message(), large);
    std::string rest;
    speaker.send_half({Frame::kText, "in halves"}, 3, &rest);
    speaker.send_raw(rest);
    EXPECT_EQ(speaker.receive_message(), "in halves");
    speaker.send_close(4000, "enough");
    EXPECT_THAT(speaker.receive_to_end(), testing::SizeIs(1));
    other.join();
    EXPECT_EQ(speaker.end(), WebSocketPeer::End::Fin);
    EXPECT_EQ(speaker.pongs(), 1);
    EXPECT_EQ(listener.pings(), 1);
    EXPECT_EQ(listener.pongs(), 1);
    for (const auto* peer : {&speaker, &listener}) {
      EXPECT_THAT(peer->violations(), IsEmpty());
      EXPECT_EQ(peer->closes(), 1);
      EXPECT_EQ(peer->close_code(), 4000);
      EXPECT_EQ(peer->close_reason(), "enough");
    }
  }
}

TEST(WebSocketPeer, CodesThatMayBeSentAreNoViolation) {
  for (const int code : {1000, 1001, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999}) {
    const auto bytes = bytes_of({Frame::kClose, close_payload(static_cast<std::uint16_t>(code))});
    EXPECT_THAT(violations_in(Role::Client, bytes), IsEmpty()) << code;
  }
  EXPECT_THAT(violations_in(Role::Client, bytes_of({Frame::kClose, ""})), IsEmpty());
}

TEST(WebSocketPeer, TellsAResetFromAnEnd) {
  for (const bool reset : {false, true}) {
    Backend server([&](Socket& socket) {
      WebSocketPeer peer(socket, Role::Server);
      peer.accept(peer.bytes_to_send({Frame::kText, "first"}));
      EXPECT_EQ(peer.receive_message(), "with the request");
      if (reset) socket.reset();
    });
    auto socket = Socket::connect(server.port());
    WebSocketPeer client(socket, Role::Client);
    ASSERT_TRUE(client.open("a", client.bytes_to_send({Frame::kText, "with the request"})));
    EXPECT_EQ(client.receive_message(), "first");
    EXPECT_EQ(client.end(), WebSocketPeer::End::None);
    EXPECT_THAT(client.receive_to_end(), IsEmpty());
    EXPECT_EQ(client.end(), reset ? WebSocketPeer::End::Reset : WebSocketPeer::End::Fin);
    EXPECT_EQ(client.closes(), 0);
    EXPECT_EQ(client.close_code(), 1005);
    EXPECT_THAT(client.violations(), IsEmpty());
  }
}

}  // namespace
}  // namespace weir::test
