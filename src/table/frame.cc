#include "table/frame.h"

#include <algorithm>

#include "table/cbor.h"

namespace weir::table {

namespace {

using cbor::Json;
using cbor::Reader;

constexpr std::array<std::uint8_t, 4> kMagic = {'W', 'E', 'I', 'R'};
constexpr std::size_t kMaxName = 1024;
constexpr std::size_t kMaxReason = 4096;

std::uint16_t load_big_u16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

std::uint32_t load_big_u32(const std::uint8_t* bytes) {
  return std::uint32_t{load_big_u16(bytes)} << 16 | load_big_u16(bytes + 2);
}

Bytes frame(FrameKind kind, const Json& body) {
  Bytes bytes(FrameHeader::kSize);
  Json::to_cbor(body, bytes);
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

Json binary(std::span<const std::uint8_t> bytes) {
  return Json::binary({bytes.begin(), bytes.end()});
}

Json number(ResourceKind kind) {
  return static_cast<std::uint8_t>(kind);
}

std::optional<ResourceKind> known_kind(std::uint64_t number) {
  for (const auto kind : kResourceKinds) {
    if (number == static_cast<std::uint64_t>(kind)) return kind;
  }
  return std::nullopt;
}

bool is_name_text(std::string_view text) {
  return text.size() <= kMaxName && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool is_name(const Json& value) {
  return value.is_string() && is_name_text(value.get_ref<const std::string&>());
}

bool can_travel(const ResourceKey& key) {
  return is_name_text(key.name) && cbor::is_utf8(key.name);
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

std::optional<util::ContentHash> as_hash(const Json& value) {
  if (!value.is_binary()) return std::nullopt;
  const auto& bytes = value.get_binary();
  util::ContentHash hash{};
  if (bytes.size() != hash.size()) return std::nullopt;
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

/// [kind, name, …]. Empty, with `error` set, when it is not that; empty alone for an unknown kind.
std::optional<ResourceKey> read_key(const Json& item, const std::string& path, std::size_t size,
                                    std::optional<util::Error>& error) {
  if (!item.is_array() || item.size() < size || !item[0].is_number_unsigned() ||
      !is_name(item[1])) {
    error = util::malformed(path + " is not a resource's kind and name");
    return std::nullopt;
  }
  const auto kind = known_kind(item[0].get<std::uint64_t>());
  if (!kind) return std::nullopt;
  return ResourceKey{*kind, item[1].get<std::string>()};
}

/// The "kind" and "name" of a map.
std::optional<ResourceKey> read_key(Reader& map, std::optional<util::Error>& error) {
  std::uint64_t kind = 0;
  map.number("kind", kind, 0, UINT64_MAX);
  const Json* name = map.find("name");
  if (name != nullptr && !is_name(*name)) map.fail("name", "is not a name");
  if (error) return std::nullopt;
  const auto known = known_kind(kind);
  if (!known) return std::nullopt;
  return ResourceKey{*known, name != nullptr ? name->get<std::string>() : std::string()};
}

/// `path` only serves the error.
std::optional<EncodedResource> read_upsert(const Json& item, std::string path,
                                           std::optional<util::Error>& error) {
  Reader map(item, std::move(path), error);
  auto key = read_key(map, error);
  if (!key) return std::nullopt;
  const auto hash_field = item.find("hash");
  const auto hash = hash_field == item.end() ? std::nullopt : as_hash(*hash_field);
  const auto bytes = item.find("bytes");
  if (!hash) map.fail("hash", "is not 16 bytes");
  if (bytes == item.end() || !bytes->is_binary()) map.fail("bytes", "is not a byte string");
  if (error) return std::nullopt;
  const Bytes& content = bytes->get_binary();
  if (util::hash_content(content) != *hash) {
    map.fail("hash", "does not fit the bytes of " + to_string(*key));
    return std::nullopt;
  }
  // Copied: what stays for long lies together, without room to grow in, and the document around it
  // is freed as a whole.
  return EncodedResource{*std::move(key), *hash, std::make_shared<const Bytes>(content)};
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
  Json held = Json::array();
  for (const auto& [key, hash] : hello.held) {
    held.push_back(Json::array({number(key.kind), key.name, binary(hash)}));
  }
  return frame(FrameKind::Hello, Json::object({{"software", hello.software},
                                               {"last", hello.last},
                                               {"held", std::move(held)}}));
}

Bytes encode_frame(const Update& update) {
  Json upserts = Json::array();
  for (const auto& upsert : update.upserts) {
    upserts.push_back(Json::object({{"kind", number(upsert.key.kind)},
                                    {"name", upsert.key.name},
                                    {"hash", binary(upsert.hash)},
                                    {"bytes", binary(*upsert.bytes)}}));
  }
  Json removes = Json::array();
  for (const auto& key : update.removes) {
    removes.push_back(Json::array({number(key.kind), key.name}));
  }
  return frame(FrameKind::Update, Json::object({{"generation", update.generation},
                                                {"last", update.last},
                                                {"upserts", std::move(upserts)},
                                                {"removes", std::move(removes)}}));
}

Bytes encode_frame(const Ack& ack) {
  return frame(FrameKind::Ack, Json::object({{"generation", ack.generation}}));
}

Bytes encode_frame(const Nack& nack) {
  return frame(FrameKind::Nack, Json::object({{"generation", nack.generation},
                                              {"kind", number(nack.key.kind)},
                                              {"name", nack.key.name},
                                              {"reason", as_reason(nack.reason)}}));
}

bool can_travel(const EncodedResource& resource) {
  return resource.bytes->size() <= kMaxResourceBytes && can_travel(resource.key);
}

std::vector<Bytes> encode_parts(const Hello& hello) {
  // Kind, hash and heads of an item are at most 24 bytes.
  std::vector<Bytes> parts;
  Hello part{hello.software, false, {}};
  std::size_t size = 0;
  for (const auto& [key, hash] : hello.held) {
    if (size >= FrameHeader::kPartSize) {
      parts.push_back(encode_frame(part));
      part.held.clear();
      size = 0;
    }
    part.held.emplace_hint(part.held.end(), key, hash);
    size += key.name.size() + 24;
  }
  part.last = true;
  parts.push_back(encode_frame(part));
  return parts;
}

std::vector<Bytes> encode_parts(const Update& update) {
  // Field names, hash and heads of an upsert are at most 64 bytes.
  std::vector<Bytes> parts;
  Update part{update.generation, false, {}, {}};
  std::size_t size = 0;
  const auto make_room = [&](std::size_t more) {
    if (size > 0 && size + more > FrameHeader::kPartSize) {
      parts.push_back(encode_frame(part));
      part.upserts.clear();
      part.removes.clear();
      size = 0;
    }
    size += more;
  };
  for (const auto& upsert : update.upserts) {
    if (!can_travel(upsert)) continue;
    make_room(upsert.bytes->size() + upsert.key.name.size() + 64);
    part.upserts.push_back(upsert);
  }
  for (const auto& key : update.removes) {
    if (!can_travel(key)) continue;
    make_room(key.name.size() + 8);
    part.removes.push_back(key);
  }
  part.last = true;
  parts.push_back(encode_frame(part));
  return parts;
}

util::Result<Hello> decode_hello(std::span<const std::uint8_t> body) {
  auto document = cbor::parse(body);
  if (!document) return document.error();
  std::optional<util::Error> error;
  Reader map(document->root, "hello", error);
  Hello hello;
  map.text("software", hello.software, kMaxName);
  map.flag("last", hello.last);
  map.list("held", cbor::kMaxItems, [&](const Json& item, const std::string& path) {
    auto key = read_key(item, path, 3, error);
    if (!key) return;
    const auto hash = as_hash(item[2]);
    if (!hash) {
      error = util::malformed(path + " has a hash that is not 16 bytes");
      return;
    }
    hello.held.insert_or_assign(*std::move(key), *hash);
  });
  if (error) return *std::move(error);
  return hello;
}

util::Result<Update> decode_update(std::span<const std::uint8_t> body) {
  auto document = cbor::parse(body);
  if (!document) return document.error();
  std::optional<util::Error> error;
  Reader map(document->root, "update", error);
  Update update;
  map.number("generation", update.generation, 0, UINT64_MAX);
  map.flag("last", update.last);
  map.list("removes", cbor::kMaxItems, [&](const Json& item, const std::string& path) {
    if (auto key = read_key(item, path, 2, error)) update.removes.push_back(*std::move(key));
  });
  map.list("upserts", cbor::kMaxItems, [&](const Json& item, std::string path) {
    auto upsert = read_upsert(item, std::move(path), error);
    if (upsert) update.upserts.push_back(*std::move(upsert));
  });
  if (error) return *std::move(error);
  return update;
}

util::Result<Ack> decode_ack(std::span<const std::uint8_t> body) {
  auto document = cbor::parse(body);
  if (!document) return document.error();
  std::optional<util::Error> error;
  Reader map(document->root, "ack", error);
  Ack ack;
  map.number("generation", ack.generation, 0, UINT64_MAX);
  if (error) return *std::move(error);
  return ack;
}

util::Result<Nack> decode_nack(std::span<const std::uint8_t> body) {
  auto document = cbor::parse(body);
  if (!document) return document.error();
  std::optional<util::Error> error;
  Reader map(document->root, "nack", error);
  Nack nack;
  map.number("generation", nack.generation, 0, UINT64_MAX);
  map.text("reason", nack.reason, kMaxReason);
  auto key = read_key(map, error);
  if (error) return *std::move(error);
  if (!key) return util::malformed("nack.kind is not a kind of resource");
  nack.key = *std::move(key);
  return nack;
}

}  // namespace weir::table
