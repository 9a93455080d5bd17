#include "table/cbor.h"

#include <limits>

namespace weir::table::cbor {

namespace {

/// Walks one document without keeping anything, before nlohmann's reader, which recurses as deep as
/// the input says.
class Checker {
 public:
  explicit Checker(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// nullptr, or what is wrong.
  const char* check_document() {
    if (bytes_.empty()) return "is empty";
    if (bytes_[0] >> 5 != Map) return "is not a map";
    if (const char* wrong = check_item(0)) return wrong;
    return position_ == bytes_.size() ? nullptr : "has bytes after its end";
  }

 private:
  enum MajorType : std::uint8_t {
    Unsigned = 0,
    Negative = 1,
    ByteString = 2,
    Text = 3,
    Array = 4,
    Map = 5,
    Tag = 6,
    Simple = 7,
  };

  const char* check_item(int depth) {
    if (depth > kMaxDepth) return "is nested too deep";
    if (++items_ > kMaxItems) return "has too many items";
    if (position_ == bytes_.size()) return "ends early";
    const std::uint8_t initial = bytes_[position_++];
    const auto type = static_cast<MajorType>(initial >> 5);
    if (type == Simple) {
      const bool known = initial >= 0xf4 && initial <= 0xf6;  // false, true, null
      return known ? nullptr : "has a float or a simple value";
    }
    if (type == Tag) return "has a tag";
    std::uint64_t argument = 0;
    if (const char* wrong = read_argument(initial & 0x1f, argument)) return wrong;
    switch (type) {
      case ByteString:
        return take(argument, nullptr);
      case Text: {
        std::span<const std::uint8_t> text;
        if (const char* wrong = take(argument, &text)) return wrong;
        const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
        return is_utf8(view) ? nullptr : "has text that is not UTF-8";
      }
      case Array:
        return check_array(argument, depth);
      case Map:
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
      if (bytes_[position_] >> 5 != Text) return "has a key that is not text";
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

util::Result<Document> parse(std::span<const std::uint8_t> bytes) {
  if (const char* wrong = Checker(bytes).check_document()) {
    return util::malformed(std::string("CBOR ") + wrong);
  }
  Document document;
  document.root = Json::from_cbor(bytes.begin(), bytes.end(), /*strict=*/true,
                                  /*allow_exceptions=*/false);
  if (!document.root.is_object()) return util::malformed("CBOR cannot be read");
  return document;
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

std::vector<std::uint8_t> dump(const Json& document) {
  return Json::to_cbor(document);
}

Reader::Reader(const Json& value, std::string path, std::optional<util::Error>& error)
    : value_(value), path_(std::move(path)), error_(error) {
  if (!value_.is_object() && !error_) error_ = util::malformed(path_ + " is not a map");
}

void Reader::text(const char* key, std::string& out, std::size_t max) {
  const Json* field = find(key);
  if (field == nullptr) return;
  if (!field->is_string()) return fail(key, "is not text");
  const auto& value = field->get_ref<const std::string&>();
  if (value.size() > max) return fail(key, "is longer than " + std::to_string(max) + " bytes");
  out = value;
}

void Reader::binary(const char* key, std::string& out, std::size_t max) {
  const Json* field = find(key);
  if (field == nullptr) return;
  if (!field->is_binary()) return fail(key, "is not a byte string");
  const auto& value = field->get_binary();
  if (value.size() > max) return fail(key, "is longer than " + std::to_string(max) + " bytes");
  out.assign(value.begin(), value.end());
}

void Reader::flag(const char* key, bool& out) {
  const Json* field = find(key);
  if (field == nullptr) return;
  if (!field->is_boolean()) return fail(key, "is not true or false");
  out = field->get<bool>();
}

void Reader::number(const char* key, std::uint64_t& out, std::uint64_t min, std::uint64_t max) {
  const Json* field = find(key);
  if (field == nullptr) return;
  if (!field->is_number_unsigned()) return fail(key, "is not an unsigned number");
  const auto value = field->get<std::uint64_t>();
  if (value < min || value > max) {
    return fail(key, "is " + std::to_string(value) + ", outside of " + std::to_string(min) +
                         " to " + std::to_string(max));
  }
  out = value;
}

void Reader::number(const char* key, std::uint32_t& out, std::uint32_t min, std::uint32_t max) {
  std::uint64_t value = out;
  number(key, value, min, max);
  out = static_cast<std::uint32_t>(value);
}

void Reader::port(const char* key, std::uint16_t& out) {
  std::uint64_t value = out;
  number(key, value, 1, std::numeric_limits<std::uint16_t>::max());
  out = static_cast<std::uint16_t>(value);
}

const Json* Reader::find(const char* key) const {
  if (error_ || !value_.is_object()) return nullptr;
  const auto field = value_.find(key);
  return field == value_.end() ? nullptr : &*field;
}

const Json* Reader::find_list(const char* key, std::size_t max) {
  const Json* field = find(key);
  if (field == nullptr) return nullptr;
  if (!field->is_array()) {
    fail(key, "is not a list");
    return nullptr;
  }
  if (field->size() > max) {
    fail(key, "has more than " + std::to_string(max) + " items");
    return nullptr;
  }
  return field;
}

std::string Reader::at(const char* key) const {
  return path_.empty() ? key : path_ + "." + key;
}

void Reader::fail(const char* key, const std::string& what) {
  if (!error_) error_ = util::malformed(at(key) + " " + what);
}

}  // namespace weir::table::cbor
