#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "util/result.h"

/// CBOR for the two codecs of this layer, and for nobody else: nlohmann's reader behind a check of
/// ours, and typed reads of a map's fields.
namespace weir::table::cbor {

using Json = nlohmann::json;

/// Deepest nesting of what this layer writes is 6.
inline constexpr int kMaxDepth = 16;
/// Items (map keys too) of one document: what bounds the memory that a small document of many tiny
/// items can claim, to about 50 MB.
inline constexpr std::size_t kMaxItems = 500'000;

/// Json itself converts to and from everything, a Result too.
struct Document {
  Json root;
};

/// A document that is one map. Malformed unless it is the subset of RFC 8949 that we write:
/// definite lengths, text keys in ascending byte order (so none twice), no tags, no floats, UTF-8
/// in text; nested no deeper than kMaxDepth, at most kMaxItems. Nothing is allocated before all
/// that holds.
util::Result<Document> parse(std::span<const std::uint8_t> bytes);

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

std::vector<std::uint8_t> dump(const Json& document);

/// Reads fields of one map into values. A missing field leaves its value alone; the first wrong one
/// is kept as the error, and names its path ("routes[3].match"). The readers of one document share
/// it.
class Reader {
 public:
  Reader(const Json& value, std::string path, std::optional<util::Error>& error);

  void text(const char* key, std::string& out, std::size_t max);
  void binary(const char* key, std::string& out, std::size_t max);
  void flag(const char* key, bool& out);
  void number(const char* key, std::uint64_t& out, std::uint64_t min, std::uint64_t max);
  void number(const char* key, std::uint32_t& out, std::uint32_t min, std::uint32_t max);
  void port(const char* key, std::uint16_t& out);

  /// Text that is one of `names`; the value is its index there.
  template <class Enum, std::size_t N>
  void choice(const char* key, Enum& out, const char* const (&names)[N]) {
    if (find(key) == nullptr) return;
    std::string name;
    text(key, name, 64);
    for (std::size_t i = 0; i < N; ++i) {
      if (name == names[i]) {
        out = static_cast<Enum>(i);
        return;
      }
    }
    fail(key, "is \"" + name + "\", which this build does not know");
  }

  /// Calls `each(item, path of the item)` for the items of a list, until one has failed.
  template <class Each>
  void list(const char* key, std::size_t max, Each each) {
    const Json* items = find_list(key, max);
    if (items == nullptr) return;
    std::size_t index = 0;
    for (const Json& item : *items) {
      each(item, at(key) + "[" + std::to_string(index++) + "]");
      if (error_) return;
    }
  }

  /// nullptr if there is none.
  const Json* find(const char* key) const;
  std::string at(const char* key) const;
  void fail(const char* key, const std::string& what);
  bool failed() const { return error_.has_value(); }

 private:
  const Json* find_list(const char* key, std::size_t max);

  const Json& value_;
  std::string path_;
  std::optional<util::Error>& error_;
};

}  // namespace weir::table::cbor
