#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fuzz/table_maker.h"
#include "table/codec.h"
#include "table/frame.h"

namespace weir::table {
namespace {

/// As another writer of CBOR has it: shortest heads, keys in byte order.
Bytes as_others_write(std::span<const std::uint8_t> bytes) {
  return nlohmann::json::to_cbor(nlohmann::json::from_cbor(bytes.begin(), bytes.end()));
}

Bytes body_of(const Bytes& frame) {
  return {frame.begin() + FrameHeader::kSize, frame.end()};
}

// Hashes of these bytes are compared between versions, so there is one way to write a table.
TEST(CodecBytes, AreThoseOfAnyOtherWriter) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    fuzz::TableMaker make(seed);
    for (const auto kind : kResourceKinds) {
      const auto bytes = *encode(make.resource(kind)).bytes;
      ASSERT_EQ(bytes, as_others_write(bytes)) << "seed " << seed << ", " << label_of(kind);
    }
  }
}

TEST(CodecBytes, OfFramesAreThoseOfAnyOtherWriter) {
  Update update;
  Hello hello;
  for (unsigned seed = 0; seed < 100; ++seed) {
    fuzz::TableMaker make(seed);
    make.grow(update);
    make.grow(hello);
    for (const auto& frame : {encode_frame(update), encode_frame(hello), make.answer_frame()}) {
      const auto body = body_of(frame);
      ASSERT_EQ(body, as_others_write(body)) << "seed " << seed;
    }
  }
}

TEST(CodecBytes, AreReadAsTheyWereMeant) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    fuzz::TableMaker make(seed);
    for (const auto kind : kResourceKinds) {
      const auto resource = make.resource(kind);
      const auto read = decode(kind, *encode(resource).bytes);
      ASSERT_TRUE(read) << read.error().detail;
      ASSERT_EQ(*read, resource) << "seed " << seed << ", " << label_of(kind);
    }
  }
}

// A field that is above all that a description asks for, and one that is below, at each depth.
TEST(CodecBytes, MayHaveFieldsThatNobodyKnowsAnywhere) {
  const auto add = [](auto& self, nlohmann::json& item) -> void {
    for (auto& inner : item) {
      if (inner.is_structured()) self(self, inner);
    }
    if (!item.is_object()) return;
    item["A"] = {{"a", {1, 2, {{"b", nullptr}}}}, {"c", -5}};
    item["mm"] = nlohmann::json::binary({1, 2, 3});
    item["zzz"] = {true, "text"};
  };
  for (unsigned seed = 0; seed < 200; ++seed) {
    fuzz::TableMaker make(seed);
    for (const auto kind : kResourceKinds) {
      const auto resource = make.resource(kind);
      auto document = nlohmann::json::from_cbor(*encode(resource).bytes);
      add(add, document);
      const auto read = decode(kind, nlohmann::json::to_cbor(document));
      ASSERT_TRUE(read) << read.error().detail;
      ASSERT_EQ(*read, resource) << "seed " << seed << ", " << label_of(kind);
    }
  }
}

}  // namespace
}  // namespace weir::table
