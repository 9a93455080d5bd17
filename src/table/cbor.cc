#include "table/cbor.h"

#include <algorithm>
#include <string>

namespace weir::table::cbor {

namespace {

/// Walks one document without keeping anything, so that the reader need not doubt a length.
class Checker {
 public:
  explicit Checker(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// nullptr, or what is wrong.
  const char* check_document() {
    if (bytes_.empty()) return "is empty";
    if (type_at(0) != MajorType::Map) return "is not a map";
    if (const char* wrong = check_item(0)) return wrong;
    return position_ == bytes_.size() ? nullptr : "has bytes after its end";
  }

 private:
  MajorType type_at(std::size_t position) const {
    return static_cast<MajorType>(bytes_[position] >> 5);
  }

  const char* check_item(int depth) {
    if (depth > kMaxDepth) return "is nested too deep";
    if (++items_ > kMaxItems) return "has too many items";
    if (position_ == bytes_.size()) return "ends early";
    const std::uint8_t initial = bytes_[position_++];
    const auto type = static_cast<MajorType>(initial >> 5);
    if (type == MajorType::Simple) {
      const bool known = initial == kFalse || initial == kTrue || initial == kNull;
      return known ? nullptr : "has a float or a simple value";
    }
    if (type == MajorType::Tag) return "has a tag";
    std::uint64_t argument = 0;
    if (const char* wrong = read_argument(initial & 0x1f, argument)) return wrong;
    switch (type) {
      case MajorType::ByteString:
        return take(argument, nullptr);
      case MajorType::Text: {
        std::span<const std::uint8_t> text;
        if (const char* wrong = take(argument, &text)) return wrong;
        const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
        return is_utf8(view) ? nullptr : "has text that is not UTF-8";
      }
      case MajorType::Array:
        return check_array(argument, depth);
      case MajorType::Map:
        return check_map(argument, depth);
      default:
        return nullptr;
    }
  }

  const char* check_array(std::uint64_t count, int depth) {
    if (count > bytes_.size() - position_) return "has a count beyond its end";
    for (std::uint64_t i = 0; i < count; ++i) {
      if (const char* wrong = check_item(depth + 1)) return wrong;
    }
    return nullptr;
  }

  const char* check_map(std::uint64_t count, int depth) {
    if (count > (bytes_.size() - position_) / 2) return "has a count beyond its end";
    std::span<const std::uint8_t> last_key;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (position_ == bytes_.size()) return "ends early";
      if (type_at(position_) != MajorType::Text) return "has a key that is not text";
      const std::size_t start = position_;
      if (const char* wrong = check_item(depth + 1)) return wrong;
      const auto key = text_of(start);
      if (i > 0 && !std::ranges::lexicographical_compare(last_key, key)) {
        return "has keys twice or out of order";
      }
      last_key = key;
      if (const char* wrong = check_item(depth + 1)) return wrong;
    }
    return nullptr;
  }

  /// The text of the item that begins at `start` and ends here.
  std::span<const std::uint8_t> text_of(std::size_t start) const {
    static constexpr std::size_t kHeads[] = {2, 3, 5, 9};
    const std::uint8_t info = bytes_[start] & 0x1f;
    const std::size_t head = info < 24 ? 1 : kHeads[info - 24];
    return bytes_.subspan(start + head, position_ - start - head);
  }

  const char* read_argument(std::uint8_t info, std::uint64_t& out) {
    if (info < 24) {
      out = info;
      return nullptr;
    }
    if (info > 27) return "has an indefinite or reserved length";
    const std::size_t size = std::size_t{1} << (info - 24);
    if (bytes_.size() - position_ < size) return "ends early";
    for (std::size_t i = 0; i < size; ++i) out = out << 8 | bytes_[position_++];
    return nullptr;
  }

  const char* take(std::uint64_t length, std::span<const std::uint8_t>* out) {
    if (length > bytes_.size() - position_) return "has a length beyond its end";
    if (out != nullptr) *out = bytes_.subspan(position_, static_cast<std::size_t>(length));
    position_ += static_cast<std::size_t>(length);
    return nullptr;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  std::size_t items_ = 0;
};

}  // namespace

std::optional<util::Error> check(std::span<const std::uint8_t> bytes) {
  if (const char* wrong = Checker(bytes).check_document()) {
    return util::malformed(std::string("CBOR ") + wrong);
  }
  return std::nullopt;
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    std::size_t length = 1;
    std::uint32_t lowest = 0;
    std::uint32_t code = lead;
    if (lead >= 0x80) {
      if ((lead & 0xe0) == 0xc0) {
        length = 2, lowest = 0x80, code = lead & 0x1f;
      } else if ((lead & 0xf0) == 0xe0) {
        length = 3, lowest = 0x800, code = lead & 0x0f;
      } else if ((lead & 0xf8) == 0xf0) {
        length = 4, lowest = 0x10000, code = lead & 0x07;
      } else {
        return false;
      }
    }
    if (text.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    if (code < lowest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += length;
  }
  return true;
}

}  // namespace weir::table::cbor
