#include "table/cbor_reader.h"

namespace weir::table::cbor {

std::string Path::text() const {
  std::string text = map_ == nullptr ? "" : map_->text();
  if (!text.empty()) text += '.';
  text += key_;
  if (index_ != kNone) text += "[" + std::to_string(index_) + "]";
  return text;
}

std::uint64_t Cursor::take_head() {
  const unsigned info = bytes_[position_++] & 0x1f;
  if (info < 24) return info;
  std::uint64_t argument = 0;
  for (auto left = std::size_t{1} << (info - 24); left > 0; --left) {
    argument = argument << 8 | bytes_[position_++];
  }
  return argument;
}

std::span<const std::uint8_t> Cursor::take_string() {
  const auto size = static_cast<std::size_t>(take_head());
  const auto bytes = bytes_.subspan(position_, size);
  position_ += size;
  return bytes;
}

std::optional<std::uint64_t> Cursor::take_number() {
  if (type() != MajorType::Unsigned) return std::nullopt;
  return take_head();
}

std::optional<bool> Cursor::take_flag() {
  const auto initial = bytes_[position_];
  if (initial != kFalse && initial != kTrue) return std::nullopt;
  ++position_;
  return initial == kTrue;
}

std::optional<std::string_view> Cursor::take_text() {
  if (type() != MajorType::Text) return std::nullopt;
  const auto bytes = take_string();
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::optional<std::span<const std::uint8_t>> Cursor::take_binary() {
  if (type() != MajorType::ByteString) return std::nullopt;
  return take_string();
}

void Cursor::skip() {
  const auto kind = type();
  const auto argument = take_head();
  if (kind == MajorType::Text || kind == MajorType::ByteString) {
    position_ += static_cast<std::size_t>(argument);
  } else if (kind == MajorType::Array || kind == MajorType::Map) {
    const auto items = kind == MajorType::Map ? 2 * argument : argument;
    for (std::uint64_t i = 0; i < items; ++i) skip();  // `check` has bounded the depth
  }
}

void Cursor::fail(const Path& path, std::string_view what) {
  if (!error_) error_ = util::malformed((path.text() + ' ').append(what));
}

MapReader::MapReader(Cursor& cursor, const Path& path) : cursor_(cursor), path_(path) {
  if (failed()) return;
  if (cursor_.type() == MajorType::Map) {
    left_ = cursor_.take_count();
  } else {
    cursor_.fail(path_, "is not a map");
  }
}

bool MapReader::find(std::string_view key) {
  while (!failed()) {
    if (!key_) {
      if (left_ == 0) return false;
      --left_;
      key_ = cursor_.take_text();
    }
    const int order = key_->compare(key);
    if (order > 0) return false;
    key_.reset();
    if (order == 0) return true;
    cursor_.skip();
  }
  return false;
}

void MapReader::finish() {
  if (failed()) return;
  if (key_) cursor_.skip();
  for (; left_ > 0; --left_) {
    cursor_.skip();
    cursor_.skip();
  }
  key_.reset();
}

std::nullopt_t MapReader::refuse(const char* key, std::string_view what) {
  fail(key, what);
  return std::nullopt;
}

std::optional<std::string_view> MapReader::text(const char* key, std::size_t max) {
  if (!find(key)) return std::nullopt;
  const auto value = cursor_.take_text();
  if (!value) return refuse(key, "is not text");
  if (value->size() > max) return refuse(key, "is longer than " + std::to_string(max) + " bytes");
  return value;
}

std::optional<std::span<const std::uint8_t>> MapReader::binary(const char* key, std::size_t max) {
  if (!find(key)) return std::nullopt;
  const auto value = cursor_.take_binary();
  if (!value) return refuse(key, "is not a byte string");
  if (value->size() > max) return refuse(key, "is longer than " + std::to_string(max) + " bytes");
  return value;
}

std::optional<bool> MapReader::flag(const char* key) {
  if (!find(key)) return std::nullopt;
  const auto value = cursor_.take_flag();
  if (!value) return refuse(key, "is not true or false");
  return value;
}

std::optional<std::uint64_t> MapReader::number(const char* key, std::uint64_t min,
                                               std::uint64_t max) {
  if (!find(key)) return std::nullopt;
  const auto value = cursor_.take_number();
  if (!value) return refuse(key, "is not an unsigned number");
  if (*value < min || *value > max) {
    return refuse(key, "is " + std::to_string(*value) + ", outside of " + std::to_string(min) +
                           " to " + std::to_string(max));
  }
  return value;
}

std::size_t MapReader::begin_list(const char* key, std::size_t max) {
  if (!find(key)) return 0;
  if (cursor_.type() != MajorType::Array) {
    fail(key, "is not a list");
    return 0;
  }
  const auto count = cursor_.take_count();
  if (count <= max) return count;
  fail(key, "has more than " + std::to_string(max) + " items");
  return 0;
}

}  // namespace weir::table::cbor
