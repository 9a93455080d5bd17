#include <cstdlib>

#include "table/frame.h"

/// A header and its body, as they come from the socket.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::table;
  if (size < FrameHeader::kSize) return 0;
  const auto header = parse_frame_header(
      std::span<const std::uint8_t, FrameHeader::kSize>(data, FrameHeader::kSize));
  if (!header) return 0;
  const std::span body(data + FrameHeader::kSize, size - FrameHeader::kSize);
  switch (header->kind) {
    case FrameKind::Hello:
      if (const auto hello = decode_hello(body)) encode_parts(*hello);
      break;
    case FrameKind::Update:
      if (const auto update = decode_update(body)) {
        const auto frame = encode_frame(*update);
        const auto again = decode_update(std::span(frame).subspan(FrameHeader::kSize));
        if (!again || again->upserts.size() != update->upserts.size()) std::abort();
      }
      break;
    case FrameKind::Ack:
      decode_ack(body);
      break;
    case FrameKind::Nack:
      decode_nack(body);
      break;
  }
  return 0;
}
