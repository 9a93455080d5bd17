#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "table/cbor.h"
#include "util/result.h"

namespace weir::table::cbor {

/// Where in a document a value stands, for the sentence that refuses it: "routes[3].match". A link
/// of a chain, written out only then. What it was made from outlives it.
class Path {
 public:
  explicit Path(const char* root) : key_(root) {}
  Path(const Path& map, const char* key) : map_(&map), key_(key) {}
  Path(const Path& map, const char* list, std::size_t index)
      : map_(&map), key_(list), index_(index) {}

  std::string text() const;

 private:
  static constexpr auto kNone = std::numeric_limits<std::size_t>::max();

  const Path* map_ = nullptr;
  const char* key_;
  std::size_t index_ = kNone;
};

/// Goes over the items of a document, one after the other; each is taken or skipped. The first
/// thing that is wrong is kept, and ends the reading. `bytes` have passed `check`, and outlive what
/// is taken.
class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  MajorType type() const { return static_cast<MajorType>(bytes_[position_] >> 5); }
  /// How many fields or items, of a map or list, which follow.
  std::size_t take_count() { return static_cast<std::size_t>(take_head()); }

  // Nothing, and then the item stays: it is of another type.
  std::optional<std::uint64_t> take_number();
  std::optional<bool> take_flag();
  std::optional<std::string_view> take_text();
  std::optional<std::span<const std::uint8_t>> take_binary();
  void skip();

  void fail(const Path& path, std::string_view what);
  bool failed() const { return error_.has_value(); }
  const std::optional<util::Error>& error() const { return error_; }

 private:
  std::uint64_t take_head();
  std::span<const std::uint8_t> take_string();

  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  std::optional<util::Error> error_;
};

/// Takes fields of the map that is next. They are asked for in ascending order of their keys, so
/// that each is met on one way through; those that nobody asks for are passed over. A field that is
/// missing leaves its value alone. After a failure no field is found any more.
class MapReader {
 public:
  MapReader(Cursor& cursor, const Path& path);

  /// True: its value is next, to be taken or skipped.
  bool find(std::string_view key);
  /// Behind the map.
  void finish();

  // Nothing for a field that is missing, and for one that fails.
  std::optional<std::string_view> text(const char* key, std::size_t max);
  std::optional<std::span<const std::uint8_t>> binary(const char* key, std::size_t max);
  std::optional<bool> flag(const char* key);
  std::optional<std::uint64_t> number(const char* key, std::uint64_t min, std::uint64_t max);
  /// How many items follow, each to be taken or skipped.
  std::size_t begin_list(const char* key, std::size_t max);

  Cursor& cursor() { return cursor_; }
  const Path& path() const { return path_; }
  void fail(const char* key, std::string_view what) { cursor_.fail(Path(path_, key), what); }
  bool failed() const { return cursor_.failed(); }

 private:
  std::nullopt_t refuse(const char* key, std::string_view what);

  Cursor& cursor_;
  const Path& path_;
  std::size_t left_ = 0;                 ///< fields whose keys are not yet taken
  std::optional<std::string_view> key_;  ///< taken, with its value next
};

}  // namespace weir::table::cbor
