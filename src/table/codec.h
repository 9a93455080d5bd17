#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "table/table.h"
#include "util/hash.h"
#include "util/result.h"

/// Resources as bytes: CBOR (RFC 8949) maps with text keys, drawn in docs/control-socket.md. Equal
/// values give equal bytes, so equal hashes. Fields this build does not know are passed over,
/// fields that are missing take their default: either side may be one version older.
namespace weir::table {

using Bytes = std::vector<std::uint8_t>;

/// The longest encoding of one resource that travels, so that a frame always has room for it.
inline constexpr std::size_t kMaxResourceBytes = 8 * 1024 * 1024;

/// A resource ready to travel. Immutable, so it is shared between sessions and the state file.
struct EncodedResource {
  ResourceKey key;
  util::ContentHash hash{};
  std::shared_ptr<const Bytes> bytes;
};

EncodedResource encode(const Resource& resource);
EncodedResource encode(const Backend& backend);
EncodedResource encode(const Host& host);

/// `bytes` come from outside: every wrong type, size and value is a Malformed error that names the
/// field. Checks single values only; a route may name a backend that is not in the table.
util::Result<Resource> decode(ResourceKind kind, std::span<const std::uint8_t> bytes);

}  // namespace weir::table
