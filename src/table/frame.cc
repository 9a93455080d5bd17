#include "table/frame.h"

#include <algorithm>

#include "table/cbor.h"
#include "table/cbor_reader.h"
#include "table/cbor_writer.h"
#include "table/text_rules.h"

namespace weir::table {

namespace {

using cbor::Cursor;
using cbor::MapReader;
using cbor::Path;

constexpr std::array<std::uint8_t, 4> kMagic = {'W', 'E', 'I', 'R'};
constexpr std::size_t kMaxSoftware = 1024;
constexpr std::size_t kMaxReason = 4096;
/// Bytes of a part besides its items, at most, and of an item besides its name and bytes.
constexpr std::size_t kPartFields = 64;
constexpr std::size_t kHeldFields = 24;
constexpr std::size_t kUpsertFields = 64;
constexpr std::size_t kRemoveFields = 8;

std::uint16_t load_big_u16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

std::uint32_t load_big_u32(const std::uint8_t* bytes) {
  return std::uint32_t{load_big_u16(bytes)} << 16 | load_big_u16(bytes + 2);
}

/// Bytes that have room for so large a body, begin with a header, and end with what `write`
/// appends.
template <class Write>
Bytes frame(FrameKind kind, std::size_t room, Write write) {
  Bytes bytes;
  bytes.reserve(FrameHeader::kSize + room);
  bytes.resize(FrameHeader::kSize);
  cbor::Writer out(bytes);
  write(out);
  const auto put = [&](std::size_t at, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      bytes[at + i] = static_cast<std::uint8_t>(value >> 8 * (size - 1 - i));
    }
  };
  std::ranges::copy(kMagic, bytes.begin());
  put(4, FrameHeader::kVersion, 2);
  put(6, static_cast<std::uint16_t>(kind), 2);
  put(8, bytes.size() - FrameHeader::kSize, 4);
  return bytes;
}

std::uint64_t number_of(ResourceKind kind) {
  return static_cast<std::uint8_t>(kind);
}

/// A list's item: [kind, name] or [kind, name, hash].
void write_key(cbor::Writer& out, const ResourceKey& key, const util::ContentHash* hash = nullptr) {
  out.list(hash == nullptr ? 2 : 3);
  out.number(number_of(key.kind));
  out.text(key.name);
  if (hash != nullptr) out.binary(*hash);
}

void write_upsert(cbor::Writer& out, const EncodedResource& upsert) {
  out.map(4);
  out.text("bytes");
  out.binary(*upsert.bytes);
  out.text("hash");
  out.binary(upsert.hash);
  out.text("kind");
  out.number(number_of(upsert.key.kind));
  out.text("name");
  out.text(upsert.key.name);
}

/// What an Update, or a part of one, is written from.
struct UpdatePart {
  std::vector<const EncodedResource*> upserts;
  std::vector<const ResourceKey*> removes;
  std::size_t size = 0;  ///< bytes, about
};

Bytes encode_part(std::uint64_t generation, bool last, const UpdatePart& part) {
  return frame(FrameKind::Update, part.size + kPartFields, [&](cbor::Writer& out) {
    out.map(4);
    out.text("generation");
    out.number(generation);
    out.text("last");
    out.flag(last);
    out.text("removes");
    out.list(part.removes.size());
    for (const auto* key : part.removes) write_key(out, *key);
    out.text("upserts");
    out.list(part.upserts.size());
    for (const auto* upsert : part.upserts) write_upsert(out, *upsert);
  });
}

using Held = std::map<ResourceKey, util::ContentHash>;

/// `count` of what is held, from `first` on.
Bytes encode_part(const Hello& hello, bool last, Held::const_iterator first, std::size_t count,
                  std::size_t size) {
  const auto room = size + hello.software.size() + kPartFields;
  return frame(FrameKind::Hello, room, [&](cbor::Writer& out) {
    out.map(3);
    out.text("held");
    out.list(count);
    for (auto left = count; left > 0; --left, ++first) write_key(out, first->first, &first->second);
    out.text("last");
    out.flag(last);
    out.text("software");
    out.text(hello.software);
  });
}

std::optional<ResourceKind> known_kind(std::uint64_t number) {
  for (const auto kind : kResourceKinds) {
    if (number == static_cast<std::uint64_t>(kind)) return kind;
  }
  return std::nullopt;
}

bool is_name(std::string_view text) {
  return text.size() <= kMaxRuleText && !has_control_character(text);
}

bool can_travel(const ResourceKey& key) {
  return is_name(key.name) && cbor::is_utf8(key.name);
}

/// A reason quotes what came from outside; it must not make the frame unreadable.
std::string as_reason(std::string text) {
  if (text.size() > kMaxReason) {
    std::size_t end = kMaxReason;
    while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
    text.resize(end);
  }
  if (!cbor::is_utf8(text)) {
    std::ranges::replace_if(
        text, [](char c) { return (c & 0x80) != 0; }, '?');
  }
  return text;
}

std::optional<util::ContentHash> as_hash(std::optional<std::span<const std::uint8_t>> bytes) {
  util::ContentHash hash{};
  if (!bytes || bytes->size() != hash.size()) return std::nullopt;
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

/// The beginning of a list's item, [kind, name, …] of at least `size`.
struct KeyItem {
  std::optional<ResourceKey> key;  ///< none of an unknown kind
  std::size_t left = 0;            ///< of the item, behind these two
};

KeyItem take_key(Cursor& cursor, const Path& path, std::size_t size) {
  static constexpr const char* kWrong = "is not a resource's kind and name";
  const auto count = cursor.type() == cbor::MajorType::Array ? cursor.take_count() : 0;
  if (count < size) {
    cursor.fail(path, kWrong);
    return {};
  }
  const auto number = cursor.take_number();
  const auto name = number ? cursor.take_text() : std::nullopt;
  if (!name || !is_name(*name)) {
    cursor.fail(path, kWrong);
    return {};
  }
  KeyItem item{std::nullopt, count - 2};
  if (const auto kind = known_kind(*number)) item.key = ResourceKey{*kind, std::string(*name)};
  return item;
}

/// The "kind" and "name" of a map. Nothing when they are wrong, or the kind is not known.
std::optional<ResourceKey> take_key(MapReader& map) {
  const auto kind = known_kind(map.number("kind", 0, UINT64_MAX).value_or(0));
  std::string_view name;
  if (map.find("name")) {
    const auto text = map.cursor().take_text();
    if (!text || !is_name(*text)) {
      map.fail("name", "is not a name");
      return std::nullopt;
    }
    name = *text;
  }
  if (map.failed() || !kind) return std::nullopt;
  return ResourceKey{*kind, std::string(name)};
}

/// Nothing if there is no such byte string; the caller knows whether that matters.
std::optional<std::span<const std::uint8_t>> take_binary(MapReader& map, std::string_view key) {
  if (!map.find(key)) return std::nullopt;
  const auto bytes = map.cursor().take_binary();
  if (!bytes) map.cursor().skip();
  return bytes;
}

std::optional<EncodedResource> take_upsert(Cursor& cursor, const Path& path) {
  MapReader map(cursor, path);
  const auto content = take_binary(map, "bytes");
  const auto hash = as_hash(take_binary(map, "hash"));
  auto key = take_key(map);
  map.finish();
  if (!key) return std::nullopt;
  if (!hash) map.fail("hash", "is not 16 bytes");
  if (!content) map.fail("bytes", "is not a byte string");
  if (map.failed()) return std::nullopt;
  if (util::hash_content(*content) != *hash) {
    map.fail("hash", "does not fit the bytes of " + to_string(*key));
    return std::nullopt;
  }
  return EncodedResource{*std::move(key), *hash,
                         std::make_shared<const Bytes>(content->begin(), content->end())};
}

/// A message by the fields of its body, which `take` takes from a map.
template <class Message, class Take>
util::Result<Message> decode_body(std::span<const std::uint8_t> body, const char* name, Take take) {
  if (auto error = cbor::check(body)) return *std::move(error);
  Cursor cursor(body);
  const Path path(name);
  MapReader map(cursor, path);
  Message message;
  take(map, message);
  if (const auto& error = cursor.error()) return *error;
  return message;
}

}  // namespace

util::Result<FrameHeader> parse_frame_header(
    std::span<const std::uint8_t, FrameHeader::kSize> bytes) {
  if (!std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    return util::malformed("control frame does not start with WEIR");
  }
  if (const auto version = load_big_u16(&bytes[4]); version != FrameHeader::kVersion) {
    return util::unsupported("control protocol version " + std::to_string(version));
  }
  const auto kind = load_big_u16(&bytes[6]);
  if (kind < static_cast<std::uint16_t>(FrameKind::Hello) ||
      kind > static_cast<std::uint16_t>(FrameKind::Nack)) {
    return util::unsupported("control frame of unknown kind " + std::to_string(kind));
  }
  const auto length = load_big_u32(&bytes[8]);
  if (length > FrameHeader::kMaxBody) {
    return util::malformed("control frame body of " + std::to_string(length) + " bytes");
  }
  return FrameHeader{static_cast<FrameKind>(kind), length};
}

Bytes encode_frame(const Hello& hello) {
  return encode_part(hello, hello.last, hello.held.begin(), hello.held.size(), 0);
}

Bytes encode_frame(const Update& update) {
  UpdatePart part;
  for (const auto& upsert : update.upserts) part.upserts.push_back(&upsert);
  for (const auto& key : update.removes) part.removes.push_back(&key);
  return encode_part(update.generation, update.last, part);
}

Bytes encode_frame(const Ack& ack) {
  return frame(FrameKind::Ack, kPartFields, [&](cbor::Writer& out) {
    out.map(1);
    out.text("generation");
    out.number(ack.generation);
  });
}

Bytes encode_frame(const Nack& nack) {
  return frame(FrameKind::Nack, kPartFields, [&](cbor::Writer& out) {
    out.map(4);
    out.text("generation");
    out.number(nack.generation);
    out.text("kind");
    out.number(number_of(nack.key.kind));
    out.text("name");
    out.text(nack.key.name);
    out.text("reason");
    out.text(as_reason(nack.reason));
  });
}

bool can_travel(const EncodedResource& resource) {
  return resource.bytes->size() <= kMaxResourceBytes && can_travel(resource.key);
}

std::vector<Bytes> encode_parts(const Hello& hello) {
  std::vector<Bytes> parts;
  auto first = hello.held.begin();
  std::size_t count = 0;
  std::size_t size = 0;
  for (auto next = first; next != hello.held.end(); ++next, ++count) {
    if (size >= FrameHeader::kPartSize) {
      parts.push_back(encode_part(hello, false, first, count, size));
      first = next;
      count = 0;
      size = 0;
    }
    size += next->first.name.size() + kHeldFields;
  }
  parts.push_back(encode_part(hello, true, first, count, size));
  return parts;
}

std::vector<Bytes> encode_parts(const Update& update) {
  std::vector<Bytes> parts;
  UpdatePart part;
  const auto make_room = [&](std::size_t more) {
    if (part.size > 0 && part.size + more > FrameHeader::kPartSize) {
      parts.push_back(encode_part(update.generation, false, part));
      part = {};
    }
    part.size += more;
  };
  for (const auto& upsert : update.upserts) {
    if (!can_travel(upsert)) continue;
    make_room(upsert.bytes->size() + upsert.key.name.size() + kUpsertFields);
    part.upserts.push_back(&upsert);
  }
  for (const auto& key : update.removes) {
    if (!can_travel(key)) continue;
    make_room(key.name.size() + kRemoveFields);
    part.removes.push_back(&key);
  }
  parts.push_back(encode_part(update.generation, true, part));
  return parts;
}

util::Result<Hello> decode_hello(std::span<const std::uint8_t> body) {
  return decode_body<Hello>(body, "hello", [](MapReader& map, Hello& hello) {
    auto& cursor = map.cursor();
    const auto count = map.begin_list("held", cbor::kMaxItems);
    for (std::size_t i = 0; i < count && !map.failed(); ++i) {
      const Path path(map.path(), "held", i);
      auto item = take_key(cursor, path, 3);
      if (item.key) {
        const auto hash = as_hash(cursor.take_binary());
        if (!hash) return cursor.fail(path, "has a hash that is not 16 bytes");
        --item.left;
        hello.held.insert_or_assign(*std::move(item.key), *hash);
      }
      for (; item.left > 0; --item.left) cursor.skip();
    }
    hello.last = map.flag("last").value_or(true);
    hello.software = map.text("software", kMaxSoftware).value_or("");
  });
}

util::Result<Update> decode_update(std::span<const std::uint8_t> body) {
  return decode_body<Update>(body, "update", [](MapReader& map, Update& update) {
    auto& cursor = map.cursor();
    update.generation = map.number("generation", 0, UINT64_MAX).value_or(0);
    update.last = map.flag("last").value_or(true);
    auto count = map.begin_list("removes", cbor::kMaxItems);
    for (std::size_t i = 0; i < count && !map.failed(); ++i) {
      auto item = take_key(cursor, Path(map.path(), "removes", i), 2);
      if (item.key) update.removes.push_back(*std::move(item.key));
      for (; item.left > 0; --item.left) cursor.skip();
    }
    count = map.begin_list("upserts", cbor::kMaxItems);
    for (std::size_t i = 0; i < count && !map.failed(); ++i) {
      auto upsert = take_upsert(cursor, Path(map.path(), "upserts", i));
      if (upsert) update.upserts.push_back(*std::move(upsert));
    }
  });
}

util::Result<Ack> decode_ack(std::span<const std::uint8_t> body) {
  return decode_body<Ack>(body, "ack", [](MapReader& map, Ack& ack) {
    ack.generation = map.number("generation", 0, UINT64_MAX).value_or(0);
  });
}

util::Result<Nack> decode_nack(std::span<const std::uint8_t> body) {
  return decode_body<Nack>(body, "nack", [](MapReader& map, Nack& nack) {
    nack.generation = map.number("generation", 0, UINT64_MAX).value_or(0);
    auto key = take_key(map);
    if (!key) return map.fail("kind", "is not a kind of resource");
    nack.key = *std::move(key);
    nack.reason = map.text("reason", kMaxReason).value_or("");
  });
}

}  // namespace weir::table
