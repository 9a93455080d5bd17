#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "util/result.h"

/// CBOR (RFC 8949) for the codecs of this layer, and for nobody else: cbor_writer.h appends it,
/// cbor_reader.h reads it, after `check` has found it good.
namespace weir::table::cbor {

enum class MajorType : std::uint8_t {
  Unsigned = 0,
  Negative = 1,
  ByteString = 2,
  Text = 3,
  Array = 4,
  Map = 5,
  Tag = 6,
  Simple = 7,
};

/// Initial bytes of the simple values that travel; null too is read, as a value of the wrong type.
inline constexpr std::uint8_t kFalse = 0xf4;
inline constexpr std::uint8_t kTrue = 0xf5;
inline constexpr std::uint8_t kNull = 0xf6;

/// Deepest nesting of what this layer writes is 6.
inline constexpr int kMaxDepth = 16;
/// Items (map keys too) of one document: what bounds the memory that a small document of many tiny
/// items can claim, to about 50 MB.
inline constexpr std::size_t kMaxItems = 500'000;

/// Malformed unless `bytes` are one map of the subset of RFC 8949 that we write: definite lengths,
/// text keys in ascending byte order (so none twice), no tags, no floats, UTF-8 in text; nested no
/// deeper than kMaxDepth, at most kMaxItems. Allocates nothing.
std::optional<util::Error> check(std::span<const std::uint8_t> bytes);

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace weir::table::cbor
