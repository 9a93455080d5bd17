#include "proxy/frame_watcher.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/websocket_frames.h"

namespace weir::proxy {
namespace {

using test::bytes_of;
using test::close_payload;
using test::Frame;
using Event = FrameWatcher::Event;
using Sender = FrameWatcher::Sender;

constexpr Frame::Mask kMask = {0x37, 0xfa, 0x21, 0x3d};

/// As that sender writes it.
std::string frame_of(Sender sender, Frame frame) {
  if (sender == Sender::Client) frame.mask = kMask;
  return bytes_of(frame);
}

/// An event of `next`, and how many bytes of the stream were passed then.
struct Seen {
  Event event;
  std::size_t at;
  std::uint64_t length;
  Opcode opcode;

  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << "{event " << static_cast<int>(seen.event) << " at " << seen.at << ", opcode "
             << static_cast<int>(seen.opcode) << ", length " << seen.length << '}';
}

/// All that `next` says about `bytes`, which begin at `at`, but More.
void follow(FrameWatcher& watcher, std::string_view bytes, std::size_t at,
            std::vector<Seen>& events) {
  for (;;) {
    const auto step = watcher.next(bytes);
    ASSERT_LE(step.used, bytes.size());
    bytes.remove_prefix(step.used);
    at += step.used;
    if (step.event == Event::More) {
      EXPECT_TRUE(bytes.empty());
      return;
    }
    // How much of a header is seen before it turns out wrong depends on the cuts.
    if (step.event == Event::Lost) at = 0;
    events.push_back({step.event, at, watcher.frame().length, watcher.frame().opcode});
    EXPECT_EQ(watcher.at_boundary(), step.event == Event::End);
    EXPECT_EQ(watcher.lost(), step.event == Event::Lost);
    if (step.event == Event::Lost) return;
  }
}

std::vector<std::string_view> cut(std::string_view bytes, std::vector<std::size_t> cuts) {
  std::vector<std::string_view> pieces;
  std::size_t from = 0;
  cuts.push_back(bytes.size());
  for (const auto to : cuts) {
    pieces.push_back(bytes.substr(from, to - from));
    from = to;
  }
  return pieces;
}

std::vector<std::string_view> pieces_of(std::string_view bytes, std::size_t size) {
  std::vector<std::string_view> pieces;
  for (; !bytes.empty(); bytes.remove_prefix(pieces.back().size())) {
    pieces.push_back(bytes.substr(0, size));
  }
  return pieces;
}

std::vector<Seen> events_of(Sender sender, const std::vector<std::string_view>& pieces) {
  FrameWatcher watcher(sender);
  std::vector<Seen> events;
  std::size_t at = 0;
  for (const auto piece : pieces) {
    if (watcher.lost()) break;
    follow(watcher, piece, at, events);
    at += piece.size();
  }
  return events;
}

/// What is known of a stream at its end.
struct Sum {
  std::vector<std::uint64_t> counts;  // data, messages, pings, pongs, closes
  bool closed;
  std::uint16_t code;
  bool boundary;
  bool lost;

  bool operator==(const Sum&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Sum& sum) {
  return out << testing::PrintToString(sum.counts) << (sum.closed ? " closed " : " open ")
             << sum.code << (sum.boundary ? " boundary" : "") << (sum.lost ? " lost" : "");
}

Sum sum_of(const FrameWatcher& watcher, const FrameCounts& counts) {
  return {{counts.data, counts.messages, counts.pings, counts.pongs, counts.closes},
          watcher.closed(),
          watcher.close_code(),
          watcher.at_boundary(),
          watcher.lost()};
}

Sum pass(Sender sender, const std::vector<std::string_view>& pieces) {
  FrameWatcher watcher(sender);
  FrameCounts counts;
  for (const auto piece : pieces) watcher.pass(piece, counts);
  return sum_of(watcher, counts);
}

/// Every kind of frame once: fragments with a Ping between, each form of length, empty ones, RSV
/// bits and reserved opcodes, two Close frames, and something behind them.
std::string mixed_stream(Sender sender, std::size_t long_size = 300) {
  std::string bytes;
  for (const auto& frame :
       {Frame{Frame::kText, "hello"}, Frame{Frame::kText, "frag", false}, Frame{Frame::kPing, "?"},
        Frame{Frame::kContinuation, "", false}, Frame{Frame::kPong, ""},
        Frame{Frame::kContinuation, "ment"}, Frame{Frame::kBinary, std::string(long_size, '\x88')},
        Frame{Frame::kBinary, "8 bytes", true, {}, 0, 64},
        Frame{Frame::kBinary, "2 bytes", true, {}, 4, 16}, Frame{3, "who knows"}, Frame{0xb, "?"},
        Frame{Frame::kBinary, ""}, Frame{Frame::kClose, close_payload(4001, "go")},
        Frame{Frame::kClose, close_payload(1000)}, Frame{Frame::kPing, "late"}}) {
    bytes += frame_of(sender, frame);
  }
  return bytes;
}

class BySender : public testing::TestWithParam<Sender> {};

INSTANTIATE_TEST_SUITE_P(FrameWatcher, BySender, testing::Values(Sender::Client, Sender::Server),
                         [](const auto& param) {
                           return param.param == Sender::Client ? "Client" : "Server";
                         });

TEST_P(BySender, EveryFormOfHeaderIsRead) {
  struct Form {
    std::size_t size;
    int bits;
  };
  for (const auto& [size, bits] :
       {Form{0, 7}, Form{1, 7}, Form{125, 7}, Form{0, 16}, Form{126, 16}, Form{127, 16},
        Form{65535, 16}, Form{0, 64}, Form{200, 64}, Form{65536, 64}}) {
    for (const bool fin : {false, true}) {
      const auto bytes =
          frame_of(GetParam(), {Frame::kBinary, std::string(size, 'x'), fin, {}, 0, bits});
      FrameWatcher watcher(GetParam());
      EXPECT_TRUE(watcher.at_boundary());
      const auto header = watcher.next(bytes);
      EXPECT_EQ(header.event, Event::Header);
      EXPECT_EQ(header.used, bytes.size() - size);
      EXPECT_FALSE(watcher.at_boundary());
      EXPECT_EQ(watcher.frame().length, size);
      EXPECT_EQ(watcher.frame().opcode, Opcode::Binary);
      EXPECT_EQ(watcher.frame().fin, fin);
      EXPECT_EQ(watcher.frame().masked, GetParam() == Sender::Client);
      EXPECT_EQ(watcher.frame().mask, GetParam() == Sender::Client ? kMask : Frame::Mask{});
      const auto end = watcher.next(std::string_view(bytes).substr(header.used));
      EXPECT_EQ(end.event, Event::End) << size;
      EXPECT_EQ(end.used, size);
      EXPECT_TRUE(watcher.at_boundary());
    }
  }
}

TEST_P(BySender, ALengthCanBeTheLargestThereIs) {
  auto bytes = frame_of(GetParam(), {Frame::kBinary, "", true, {}, 0, 64});
  bytes[2] = '\x7f';
  for (int i = 3; i < 10; ++i) bytes[static_cast<std::size_t>(i)] = '\xff';
  bytes.append(1000, 'x');
  FrameWatcher watcher(GetParam());
  EXPECT_EQ(watcher.next(bytes).event, Event::Header);
  EXPECT_EQ(watcher.frame().length, std::numeric_limits<std::int64_t>::max());
  const auto step = watcher.next(bytes);
  EXPECT_EQ(step.event, Event::More);
  EXPECT_EQ(step.used, bytes.size());
  EXPECT_FALSE(watcher.at_boundary());
  EXPECT_FALSE(watcher.lost());
}

TEST_P(BySender, AnEmptyFrameEndsWithoutAByte) {
  const auto bytes = frame_of(GetParam(), {Frame::kText, ""});
  FrameWatcher watcher(GetParam());
  const auto header = watcher.next(bytes);
  EXPECT_EQ(header.event, Event::Header);
  EXPECT_EQ(header.used, bytes.size());
  const auto end = watcher.next({});
  EXPECT_EQ(end.event, Event::End);
  EXPECT_EQ(end.used, 0U);
  EXPECT_EQ(watcher.next({}).event, Event::More);
  EXPECT_TRUE(pass(GetParam(), {bytes}).boundary);
}

TEST_P(BySender, CutsChangeNothing) {
  const auto bytes = mixed_stream(GetParam());
  const auto events = events_of(GetParam(), {bytes});
  const auto sum = pass(GetParam(), {bytes});
  EXPECT_EQ(events.size(), 30U) << "15 frames";
  EXPECT_EQ(events.back().at, bytes.size());
  EXPECT_EQ(sum, (Sum{{8, 6, 2, 1, 2}, true, 4001, true, false}));

  for (std::size_t size = 1; size < 40; ++size) {
    EXPECT_EQ(events_of(GetParam(), pieces_of(bytes, size)), events) << size;
    EXPECT_EQ(pass(GetParam(), pieces_of(bytes, size)), sum) << size;
  }
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    EXPECT_EQ(events_of(GetParam(), cut(bytes, {i})), events) << i;
    EXPECT_EQ(pass(GetParam(), cut(bytes, {i})), sum) << i;
  }
  const auto shorter = mixed_stream(GetParam(), 1);
  const auto events_of_shorter = events_of(GetParam(), {shorter});
  for (std::size_t i = 0; i <= shorter.size(); ++i) {
    for (std::size_t j = i; j <= shorter.size(); ++j) {
      EXPECT_EQ(events_of(GetParam(), cut(shorter, {i, j})), events_of_shorter) << i << ' ' << j;
      EXPECT_EQ(pass(GetParam(), cut(shorter, {i, j})), sum) << i << ' ' << j;
    }
  }
}

TEST_P(BySender, ABoundaryIsBehindAFramesLastByteOnly) {
  const auto bytes = mixed_stream(GetParam());
  std::vector<std::size_t> boundaries = {0};
  for (const auto& seen : events_of(GetParam(), {bytes})) {
    if (seen.event == Event::End) boundaries.push_back(seen.at);
  }
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    const bool boundary = std::ranges::count(boundaries, i) > 0;
    EXPECT_EQ(pass(GetParam(), {bytes.substr(0, i)}).boundary, boundary) << i;
    EXPECT_EQ(pass(GetParam(), pieces_of(std::string_view(bytes).substr(0, i), 1)).boundary,
              boundary)
        << i;
  }
}

TEST_P(BySender, PassAndNextAgreeInAnyOrder) {
  std::mt19937 random(17);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (std::size_t i = 0, frames = below(30); i < frames; ++i) {
      bytes += frame_of(GetParam(), {static_cast<std::uint8_t>(below(8)),
                                     std::string(below(4) == 0 ? below(70'000) : below(200), 'x'),
                                     below(2) == 0});
      if (below(3) == 0) {
        bytes += frame_of(GetParam(),
                          {static_cast<std::uint8_t>(8 + below(8)), std::string(below(126), 'y')});
      }
    }
    bytes.resize(bytes.size() - std::min(bytes.size(), below(20)));
    FrameWatcher all(GetParam());
    FrameCounts counts;
    all.pass(bytes, counts);

    FrameWatcher mixed(GetParam());
    FrameCounts mixed_counts;
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto piece = rest.substr(0, 1 + below(below(2) == 0 ? 20 : 5000));
      if (below(2) == 0) {
        mixed.pass(piece, mixed_counts);
        rest.remove_prefix(piece.size());
        continue;
      }
      // One step by hand; the counts of what ends in it are added by hand as well.
      const auto step = mixed.next(piece);
      rest.remove_prefix(step.used);
      if (step.event != Event::End) continue;
      const auto opcode = mixed.frame().opcode;
      mixed_counts.data += opcode <= Opcode::Binary ? 1 : 0;
      mixed_counts.messages += opcode <= Opcode::Binary && mixed.frame().fin ? 1 : 0;
      mixed_counts.pings += opcode == Opcode::Ping ? 1 : 0;
      mixed_counts.pongs += opcode == Opcode::Pong ? 1 : 0;
      mixed_counts.closes += opcode == Opcode::Close ? 1 : 0;
    }
    mixed.pass({}, mixed_counts);  // the End of an empty frame may be still to come
    ASSERT_EQ(sum_of(mixed, mixed_counts), sum_of(all, counts)) << round;
  }
}

TEST_P(BySender, FragmentsAreOneMessageAroundControlFrames) {
  std::string bytes;
  for (const auto& frame :
       {Frame{Frame::kText, "a", false}, Frame{Frame::kPing, "1"},
        Frame{Frame::kContinuation, "b", false}, Frame{Frame::kPong, "2"}, Frame{Frame::kPing, "3"},
        Frame{Frame::kContinuation, "c"}, Frame{Frame::kText, "whole"}}) {
    bytes += frame_of(GetParam(), frame);
  }
  EXPECT_EQ(pass(GetParam(), {bytes}), (Sum{{4, 2, 2, 1, 0}, false, 1005, true, false}));
}

TEST_P(BySender, AFrameCountsOnceItHasPassed) {
  const auto bytes = frame_of(GetParam(), {Frame::kText, "hello"});
  EXPECT_EQ(pass(GetParam(), {bytes.substr(0, bytes.size() - 1)}).counts[0], 0U);
  EXPECT_EQ(pass(GetParam(), {bytes}).counts[0], 1U);
}

/// A whole frame, then one that cannot be followed.
class LostFrames : public testing::TestWithParam<std::tuple<Sender, std::string>> {};

std::string wrong_frame(Sender sender, const std::string& way) {
  const auto other = sender == Sender::Client ? Sender::Server : Sender::Client;
  if (way == "MaskedTheWrongWay") return frame_of(other, {Frame::kText, "hello"});
  if (way == "FragmentedControl") return frame_of(sender, {Frame::kPing, "", false});
  if (way == "FragmentedReservedControl") return frame_of(sender, {0xf, "x", false});
  if (way == "LongControl") return frame_of(sender, {Frame::kPong, std::string(126, 'x')});
  if (way == "VeryLongControl") return frame_of(sender, {Frame::kClose, std::string(65536, 'x')});
  if (way == "LongFormControl") return frame_of(sender, {Frame::kPing, "x", true, {}, 0, 16});
  auto bytes = frame_of(sender, {Frame::kBinary, "", true, {}, 0, 64});
  bytes[2] = '\x80';  // LengthOf2To63
  return bytes;
}

TEST_P(LostFrames, AreTheLastThatIsSaid) {
  const auto& [sender, way] = GetParam();
  const auto good = frame_of(sender, {Frame::kText, "hello"});
  const auto bad = wrong_frame(sender, way);
  const auto bytes = good + bad + mixed_stream(sender);
  const auto events = events_of(sender, {bytes});
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].at, good.size());
  EXPECT_EQ(events[2].event, Event::Lost);
  for (std::size_t i = 0; i < good.size() + 20; ++i) {
    EXPECT_EQ(events_of(sender, cut(bytes, {i})), events) << i;
    EXPECT_EQ(pass(sender, cut(bytes, {i})), (Sum{{1, 1, 0, 0, 0}, false, 1005, false, true})) << i;
  }
  EXPECT_EQ(events_of(sender, pieces_of(bytes, 1)), events);

  FrameWatcher watcher(sender);
  FrameCounts counts;
  watcher.pass(bytes, counts);
  const auto step = watcher.next(good);
  EXPECT_EQ(step.event, Event::Lost);
  EXPECT_EQ(step.used, 0U);
}

TEST_P(LostFrames, AreSeenBeforeTheirPayload) {
  const auto& [sender, way] = GetParam();
  const auto header = way == "LengthOf2To63" && sender == Sender::Client ? 14U
                      : way == "LengthOf2To63"                           ? 10U
                                                                         : 2U;
  const auto bad = wrong_frame(sender, way);
  EXPECT_TRUE(pass(sender, {bad.substr(0, header)}).lost);
}

INSTANTIATE_TEST_SUITE_P(FrameWatcher, LostFrames,
                         testing::Combine(testing::Values(Sender::Client, Sender::Server),
                                          testing::Values("MaskedTheWrongWay", "FragmentedControl",
                                                          "FragmentedReservedControl",
                                                          "LongControl", "VeryLongControl",
                                                          "LongFormControl", "LengthOf2To63")),
                         [](const auto& param) {
                           return (std::get<0>(param.param) == Sender::Client ? "Client"
                                                                              : "Server") +
                                  std::get<1>(param.param);
                         });

TEST_P(BySender, ACloseCodeIsToldAsItIsSent) {
  for (const int code : {0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1015, 2999, 3000, 4999, 5000,
                         0x0100, 0x00ff, 65535}) {
    for (const std::string reason : {"", "r", "going away"}) {
      const auto bytes = frame_of(
          GetParam(), {Frame::kClose, close_payload(static_cast<std::uint16_t>(code), reason)});
      for (std::size_t i = 0; i <= bytes.size(); ++i) {
        const auto sum = pass(GetParam(), cut(bytes, {i}));
        EXPECT_TRUE(sum.closed);
        EXPECT_EQ(sum.code, code) << i;
      }
      EXPECT_EQ(pass(GetParam(), pieces_of(bytes, 1)).code, code);
    }
  }
}

TEST_P(BySender, ACloseWithoutACodeIs1005) {
  for (const std::string payload : {"", "\x03"}) {
    const auto bytes = frame_of(GetParam(), {Frame::kClose, payload});
    EXPECT_EQ(pass(GetParam(), {bytes}), (Sum{{0, 0, 0, 0, 1}, true, 1005, true, false}));
    EXPECT_EQ(pass(GetParam(), pieces_of(bytes, 1)).code, 1005);
  }
}

TEST_P(BySender, AHalfCloseFrameClosesNothing) {
  const auto bytes = frame_of(GetParam(), {Frame::kClose, close_payload(1001, "going")});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto sum = pass(GetParam(), {bytes.substr(0, i)});
    EXPECT_FALSE(sum.closed) << i;
    EXPECT_EQ(sum.code, 1005) << i;
    EXPECT_EQ(sum.counts[4], 0U) << i;
  }
}

TEST_P(BySender, TheFirstCloseFrameCounts) {
  const auto first = frame_of(GetParam(), {Frame::kClose, ""});
  const auto second = frame_of(GetParam(), {Frame::kClose, close_payload(1001)});
  EXPECT_EQ(pass(GetParam(), {first + second}), (Sum{{0, 0, 0, 0, 2}, true, 1005, true, false}));
  EXPECT_EQ(pass(GetParam(), {second + first}).code, 1001);
}

TEST(FrameWatcher, UnmasksTheCodeWithThatFramesKey) {
  std::string bytes = bytes_of({Frame::kText, "x", true, Frame::Mask{9, 9, 9, 9}});
  bytes += bytes_of({Frame::kClose, close_payload(4321), true, Frame::Mask{0xff, 0x01, 2, 3}});
  EXPECT_EQ(pass(Sender::Client, {bytes}).code, 4321);
}

}  // namespace
}  // namespace weir::proxy
