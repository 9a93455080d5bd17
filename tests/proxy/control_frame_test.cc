#include "proxy/control_frame.h"

#include <set>

#include <gtest/gtest.h>

#include "support/websocket_frames.h"

namespace weir::proxy {
namespace {

using test::bytes_of;
using test::close_payload;
using test::Frame;
using Sender = FrameWatcher::Sender;

/// The mask of a frame of at most 125 bytes.
Frame::Mask mask_of(const std::string& frame) {
  Frame::Mask mask{};
  EXPECT_GE(frame.size(), 6U);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<unsigned char>(frame[2 + i]);
  return mask;
}

TEST(ControlFrame, AServersIsNotMasked) {
  EXPECT_EQ(make_close_frame(Sender::Server, 1001, "bye"),
            "\x88\x05\x03\xe9"
            "bye");
  EXPECT_EQ(make_close_frame(Sender::Server, 1012, ""), "\x88\x02\x03\xf4");
  EXPECT_EQ(make_ping_frame(Sender::Server, "weir"), "\x89\x04weir");
  EXPECT_EQ(make_ping_frame(Sender::Server, ""), std::string("\x89\x00", 2));
}

TEST(ControlFrame, AClientsIsMasked) {
  const auto close = make_close_frame(Sender::Client, 1001, "going away");
  EXPECT_EQ(close,
            bytes_of({Frame::kClose, close_payload(1001, "going away"), true, mask_of(close)}));
  const auto ping = make_ping_frame(Sender::Client, "weir?");
  EXPECT_EQ(ping, bytes_of({Frame::kPing, "weir?", true, mask_of(ping)}));
  const auto empty = make_ping_frame(Sender::Client, "");
  EXPECT_EQ(empty, bytes_of({Frame::kPing, "", true, mask_of(empty)}));
}

TEST(ControlFrame, EveryMaskIsFresh) {
  std::set<Frame::Mask> masks;
  for (int i = 0; i < 16; ++i) {
    masks.insert(mask_of(make_ping_frame(Sender::Client, "")));
    masks.insert(mask_of(make_close_frame(Sender::Client, 1001, "")));
  }
  EXPECT_GT(masks.size(), 28U);
}

TEST(ControlFrame, NoCodeIsAnEmptyClose) {
  EXPECT_EQ(make_close_frame(Sender::Server, 1005, "not said"), std::string("\x88\x00", 2));
  EXPECT_EQ(make_close_frame(Sender::Client, 1005, "not said").size(), 6U);
}

TEST(ControlFrame, ALongReasonIsCutAtACharacter) {
  const auto reason_of = [](const std::string& reason) {
    const auto frame = make_close_frame(Sender::Server, 1000, reason);
    EXPECT_EQ(static_cast<unsigned char>(frame[1]), frame.size() - 2);
    return frame.substr(4);
  };
  const auto repeat = [](std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  EXPECT_EQ(reason_of(repeat("x", 123)), repeat("x", 123));
  EXPECT_EQ(reason_of(repeat("x", 124)), repeat("x", 123));
  EXPECT_EQ(reason_of(repeat("é", 100)), repeat("é", 61));
  EXPECT_EQ(reason_of(repeat("€", 41)), repeat("€", 41));
  EXPECT_EQ(reason_of(repeat("€", 42)), repeat("€", 41));
  EXPECT_EQ(reason_of("x" + repeat("€", 41)), "x" + repeat("€", 40));
  EXPECT_EQ(reason_of(repeat("🦫", 31)), repeat("🦫", 30));
  EXPECT_EQ(reason_of("x" + repeat("🦫", 31)), "x" + repeat("🦫", 30));
}

TEST(ControlFrame, TheLongestPingHas125Bytes) {
  const std::string payload(125, 'p');
  EXPECT_EQ(make_ping_frame(Sender::Server, payload), "\x89\x7d" + payload);
  const auto masked = make_ping_frame(Sender::Client, payload);
  EXPECT_EQ(masked, bytes_of({Frame::kPing, payload, true, mask_of(masked)}));
}

TEST(ControlFrame, AWatcherFollowsThem) {
  for (const auto sender : {Sender::Client, Sender::Server}) {
    FrameWatcher watcher(sender);
    FrameCounts counts;
    watcher.pass(make_ping_frame(sender, "?"), counts);
    watcher.pass(make_close_frame(sender, 1012, "restart"), counts);
    EXPECT_EQ(counts.pings, 1U);
    EXPECT_EQ(counts.closes, 1U);
    EXPECT_EQ(watcher.close_code(), 1012);
    EXPECT_TRUE(watcher.at_boundary());
  }
}

}  // namespace
}  // namespace weir::proxy
