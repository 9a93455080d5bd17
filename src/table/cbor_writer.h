#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "table/cbor.h"

namespace weir::table::cbor {

/// Appends items in their shortest form. The bytes outlive it.
class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  void number(std::uint64_t value) { head(MajorType::Unsigned, value); }
  void flag(bool value) { bytes_.push_back(value ? kTrue : kFalse); }
  void text(std::string_view value);
  void binary(std::span<const std::uint8_t> value);
  /// So many items follow.
  void list(std::size_t count) { head(MajorType::Array, count); }
  /// So many fields follow, each its key as `text` and its value, in ascending order of the keys.
  void map(std::size_t fields) { head(MajorType::Map, fields); }

  /// A map whose fields are counted only while they are written. Returns what `end_map` is to be
  /// given.
  std::size_t begin_map();
  void end_map(std::size_t begun, std::size_t fields);

 private:
  void head(MajorType type, std::uint64_t argument);

  std::vector<std::uint8_t>& bytes_;
};

}  // namespace weir::table::cbor
