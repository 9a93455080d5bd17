#include "table/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::table {
namespace {

using ::testing::HasSubstr;

std::span<const std::uint8_t> body_of(const Bytes& frame) {
  return std::span(frame).subspan(FrameHeader::kSize);
}

util::Result<FrameHeader> header_of(const Bytes& frame) {
  return parse_frame_header(std::span(frame).first<FrameHeader::kSize>());
}

EncodedResource host(std::string name) {
  Host value;
  value.name = std::move(name);
  return encode(value);
}

EncodedResource certificate(std::string name, std::size_t size) {
  return encode(Certificate{std::move(name), std::string(size, 'x'), ""});
}

Update an_update() {
  return {7, false, {host("shop.example"), host("")}, {{ResourceKind::Backend, "default/old:80"}}};
}

Bytes with_text(Bytes frame, std::string_view from, std::string_view to) {
  const auto at = std::search(frame.begin(), frame.end(), from.begin(), from.end(),
                              [](std::uint8_t a, char b) { return a == std::uint8_t(b); });
  EXPECT_NE(at, frame.end()) << from;
  if (at != frame.end()) std::copy(to.begin(), to.end(), at);
  return frame;
}

TEST(Frame, HeaderSaysKindAndLength) {
  const auto frame = encode_frame(Ack{300});

  const Bytes expected = {'W', 'E', 'I', 'R', 0,   1,   0,   3,   0,   0,   0,    15,   0xa1, 0x6a,
                          'g', 'e', 'n', 'e', 'r', 'a', 't', 'i', 'o', 'n', 0x19, 0x01, 0x2c};
  EXPECT_EQ(frame, expected);
  ASSERT_TRUE(header_of(frame));
  EXPECT_EQ(header_of(frame)->kind, FrameKind::Ack);
  EXPECT_EQ(header_of(frame)->length, 15U);
}

TEST(Frame, RefusesForeignHeaders) {
  const auto why = [](std::size_t at, std::uint8_t value) {
    auto frame = encode_frame(Ack{1});
    frame[at] = value;
    const auto header = header_of(frame);
    return header ? "taken" : header.error().detail;
  };
  EXPECT_EQ(why(0, 'G'), "control frame does not start with WEIR");
  EXPECT_EQ(why(5, 2), "control protocol version 2");
  EXPECT_EQ(why(7, 0), "control frame of unknown kind 0");
  EXPECT_EQ(why(7, 5), "control frame of unknown kind 5");
  EXPECT_THAT(why(8, 1), HasSubstr("control frame body of 16777"));
}

TEST(Frame, HelloRoundTrips) {
  Hello hello{"weir-proxy 0.1.0", false, {}};
  hello.held[{ResourceKind::Settings, ""}] = encode(Settings{}).hash;
  hello.held[{ResourceKind::Host, "shop.example"}] = host("shop.example").hash;

  const auto read = decode_hello(body_of(encode_frame(hello)));

  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->software, hello.software);
  EXPECT_FALSE(read->last);
  EXPECT_EQ(read->held, hello.held);
}

TEST(Frame, UpdateRoundTrips) {
  const auto read = decode_update(body_of(encode_frame(an_update())));

  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->generation, 7U);
  EXPECT_FALSE(read->last);
  ASSERT_EQ(read->upserts.size(), 2U);
  EXPECT_EQ(read->upserts[0].key, host("shop.example").key);
  EXPECT_EQ(read->upserts[0].hash, host("shop.example").hash);
  EXPECT_EQ(*read->upserts[0].bytes, *host("shop.example").bytes);
  EXPECT_EQ(read->removes, an_update().removes);
}

TEST(Frame, NackRoundTripsAndItsReasonIsCutBetweenCharacters) {
  const auto read = decode_nack(
      body_of(encode_frame(Nack{9, {ResourceKind::Certificate, "a/b"}, "the key does not fit"})));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->generation, 9U);
  EXPECT_EQ(read->key, (ResourceKey{ResourceKind::Certificate, "a/b"}));
  EXPECT_EQ(read->reason, "the key does not fit");

  std::string reason = "x";
  while (reason.size() < 5000) reason += "\xc3\xb6";
  const auto cut = decode_nack(body_of(encode_frame(Nack{9, {ResourceKind::Host, "x"}, reason})));
  ASSERT_TRUE(cut) << cut.error().detail;
  EXPECT_EQ(cut->reason.size(), 4095U);

  const auto odd =
      decode_nack(body_of(encode_frame(Nack{9, {ResourceKind::Host, "x"}, "a \xff b"})));
  ASSERT_TRUE(odd) << odd.error().detail;
  EXPECT_EQ(odd->reason, "a ? b");
}

TEST(Frame, RefusesEveryCutOfABody) {
  const auto frame = encode_frame(an_update());
  const auto body = body_of(frame);
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(decode_update(body.first(length))) << length;
    EXPECT_FALSE(decode_hello(body.first(length))) << length;
    EXPECT_FALSE(decode_ack(body.first(length))) << length;
    EXPECT_FALSE(decode_nack(body.first(length))) << length;
  }
}

TEST(Frame, ABodyOfAnotherKindIsNeverAnException) {
  const auto nack = encode_frame(Nack{1, {ResourceKind::Host, "x"}, "y"});
  const auto update = encode_frame(an_update());

  EXPECT_FALSE(decode_nack(body_of(update)));  // no kind
  EXPECT_TRUE(decode_hello(body_of(nack)));    // all fields of Hello missing: it holds nothing
}

TEST(Frame, RefusesAHashThatDoesNotFit) {
  const auto frame = with_text(encode_frame(an_update()), "shop.example", "SHOP.example");

  const auto read = decode_update(body_of(frame));

  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().detail, HasSubstr("hash does not fit"));
}

TEST(Frame, RefusesFieldsOfTheWrongType) {
  const auto why = [](std::string_view from, std::string_view to) {
    const auto read = decode_update(body_of(with_text(encode_frame(an_update()), from, to)));
    return read ? "taken" : read.error().detail;
  };
  EXPECT_THAT(why("generation\x07", "generation\x20"), HasSubstr("generation is not an unsigned"));
  EXPECT_THAT(why("last\xf4", "last\xf6"), HasSubstr("last is not true or false"));
  EXPECT_THAT(why("kind\x04", "kind\xf5"), HasSubstr("kind is not an unsigned"));
  EXPECT_THAT(why("dhash", "dhush"), HasSubstr("hash is not 16 bytes"));
  EXPECT_THAT(why("hash\x50", "hash\x70"), HasSubstr("UTF-8"));
  EXPECT_THAT(why("default/old", "default\nold"), HasSubstr("removes[0] is not a resource's kind"));
}

TEST(Frame, PassesOverKindsOfResourcesItDoesNotKnow) {
  const auto frame = with_text(encode_frame(an_update()), "kind\x04", "kind\x09");

  const auto read = decode_update(body_of(frame));

  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->upserts.size(), 1U);
}

TEST(Frame, UpdatesAreCutIntoPartsAndOnlyTheLastSaysSo) {
  Update update{3, true, {}, {}};
  for (int i = 0; i < 5; ++i) {
    update.upserts.push_back(certificate("a/" + std::to_string(i), 400'000));
  }
  update.removes.push_back({ResourceKind::Host, "gone.example"});

  const auto parts = encode_parts(update);

  ASSERT_EQ(parts.size(), 3U);
  std::size_t upserts = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = decode_update(body_of(parts[i]));
    ASSERT_TRUE(part) << part.error().detail;
    EXPECT_EQ(part->generation, 3U);
    EXPECT_EQ(part->last, i + 1 == parts.size());
    upserts += part->upserts.size();
  }
  EXPECT_EQ(upserts, 5U);
}

TEST(Frame, TheLargestResourceFitsIntoOneFrame) {
  const auto large = certificate("a/b", kMaxResourceBytes - 100);
  ASSERT_TRUE(can_travel(large));

  const auto parts = encode_parts(Update{1, true, {host("x"), large, host("y")}, {}});

  ASSERT_EQ(parts.size(), 3U);
  EXPECT_TRUE(header_of(parts[1]));
}

TEST(Frame, LeavesOutWhatCannotTravel) {
  const auto large = certificate("a/b", kMaxResourceBytes);
  const auto odd = host("sh\xff");
  const auto long_name = host(std::string(1025, 'a'));

  const auto parts = encode_parts(Update{1, true, {large, odd, long_name, host("x")}, {odd.key}});

  ASSERT_EQ(parts.size(), 1U);
  const auto read = decode_update(body_of(parts[0]));
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_EQ(read->upserts.size(), 1U);
  EXPECT_EQ(read->upserts[0].key.name, "x");
  EXPECT_TRUE(read->removes.empty());
}

TEST(Frame, HelloOfALargeTableIsCutIntoPartsThatHoldAll) {
  Hello hello{"weir-proxy", true, {}};
  for (int i = 0; i < 60'000; ++i) {
    hello.held[{ResourceKind::Host, "host-" + std::to_string(i) + ".example"}] = {};
  }

  const auto parts = encode_parts(hello);

  EXPECT_EQ(parts.size(), 3U);
  std::map<ResourceKey, util::ContentHash> held;
  for (const auto& part : parts) {
    ASSERT_TRUE(header_of(part));
    const auto read = decode_hello(body_of(part));
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(read->last, &part == &parts.back());
    held.insert(read->held.begin(), read->held.end());
  }
  EXPECT_EQ(held, hello.held);
}

TEST(Frame, AnEmptyUpdateIsOnePart) {
  EXPECT_EQ(encode_parts(Update{1, true, {}, {}}).size(), 1U);
  EXPECT_EQ(encode_parts(Hello{"x", true, {}}).size(), 1U);
}

}  // namespace
}  // namespace weir::table
