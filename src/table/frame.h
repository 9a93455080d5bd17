#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "table/codec.h"
#include "table/table.h"
#include "util/result.h"

/// What travels on the control socket, byte by byte in docs/control-socket.md.
///
///   proxy      → Hello (what it holds)                   once per connection, in parts
///   controller → Update (generation, upserts, removes)   in parts; the last makes it live
///   proxy      → Nack (generation, resource, reason)     for each that it cannot take
///   proxy      → Ack (generation)                        when every worker runs it
///
/// The controller sends the next Update only after the Ack of the one before.
namespace weir::table {

enum class FrameKind : std::uint16_t { Hello = 1, Update = 2, Ack = 3, Nack = 4 };

/// Opens every frame. All integers are big-endian.
///   magic:   4 bytes, "WEIR"
///   version: uint16
///   kind:    uint16 (FrameKind)
///   length:  uint32, bytes of CBOR body that follow
struct FrameHeader {
  static constexpr std::size_t kSize = 12;
  static constexpr std::uint16_t kVersion = 1;
  static constexpr std::uint32_t kMaxBody = 16 * 1024 * 1024;
  /// A sender starts a new part when one has reached this size.
  static constexpr std::size_t kPartSize = 1024 * 1024;

  FrameKind kind = FrameKind::Hello;
  std::uint32_t length = 0;
};

util::Result<FrameHeader> parse_frame_header(
    std::span<const std::uint8_t, FrameHeader::kSize> bytes);

struct Hello {
  std::string software;  ///< "weir-proxy 0.1.0", for logs
  bool last = true;      ///< false: another Hello with more of `held` follows
  std::map<ResourceKey, util::ContentHash> held;
};

struct Update {
  std::uint64_t generation = 0;
  bool last = true;  ///< false: another Update of the same generation follows; nothing is live yet
  std::vector<EncodedResource> upserts;
  std::vector<ResourceKey> removes;
};

struct Ack {
  std::uint64_t generation = 0;
};

/// The proxy keeps its former version of that resource, if it has one.
struct Nack {
  std::uint64_t generation = 0;
  ResourceKey key;
  std::string reason;  ///< a sentence for people
};

/// Whole frames, header included.
Bytes encode_frame(const Hello& hello);
Bytes encode_frame(const Update& update);
Bytes encode_frame(const Ack& ack);
Bytes encode_frame(const Nack& nack);

/// False for what a receiver refuses whole frames for, or would not take: more than
/// kMaxResourceBytes, a name over 1024 bytes, not UTF-8, or with control characters.
bool can_travel(const EncodedResource& resource);

/// Cuts what is too long for one frame into parts, of which the last says so. Upserts and removes
/// that cannot travel are left out.
std::vector<Bytes> encode_parts(const Hello& hello);
std::vector<Bytes> encode_parts(const Update& update);

/// `body` is what follows a header of that kind. Hostile input gives Malformed, never an exception.
util::Result<Hello> decode_hello(std::span<const std::uint8_t> body);
/// Every upsert's hash is checked against its bytes. A kind of resource that this build does not
/// know is passed over, here and in Hello.
util::Result<Update> decode_update(std::span<const std::uint8_t> body);
util::Result<Ack> decode_ack(std::span<const std::uint8_t> body);
util::Result<Nack> decode_nack(std::span<const std::uint8_t> body);

}  // namespace weir::table
