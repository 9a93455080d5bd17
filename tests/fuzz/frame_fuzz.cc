#include <cstring>

#include "fuzz/check.h"
#include "fuzz/table_maker.h"

using namespace weir::table;
using weir::fuzz::check;

namespace {

std::optional<FrameHeader> header_of(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < FrameHeader::kSize) return std::nullopt;
  const auto header = parse_frame_header(bytes.first<FrameHeader::kSize>());
  return header ? std::optional(*header) : std::nullopt;
}

std::span<const std::uint8_t> body_of(std::span<const std::uint8_t> frame) {
  return frame.subspan(FrameHeader::kSize);
}

void try_hello(const Hello& hello) {
  Hello again;
  for (const auto& part : encode_parts(hello)) {
    check(header_of(part).has_value(), "a part has a header");
    const auto read = decode_hello(body_of(part));
    check(read.has_value() && read->software == hello.software, "a hello is read again");
    for (const auto& [key, hash] : read->held) again.held[key] = hash;
  }
  check(again.held == hello.held, "a hello names the same resources when it is read again");
}

void try_update(const Update& update) {
  const auto frame = encode_frame(update);
  const auto again = decode_update(body_of(frame));
  check(again.has_value(), "an update is read again");
  check(again->generation == update.generation && again->last == update.last &&
            again->removes == update.removes && again->upserts.size() == update.upserts.size(),
        "an update is the same when it is read again");
  for (std::size_t i = 0; i < update.upserts.size(); ++i) {
    const auto& upsert = update.upserts[i];
    check(again->upserts[i].key == upsert.key && *again->upserts[i].bytes == *upsert.bytes,
          "an upsert is the same when it is read again");
    (void)decode(upsert.key.kind, *upsert.bytes);
  }
}

}  // namespace

/// A header and its body, as they come from the socket.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  const auto header = header_of(bytes);
  if (!header) return 0;
  const auto body = body_of(bytes);
  switch (header->kind) {
    case FrameKind::Hello:
      if (const auto hello = decode_hello(body)) try_hello(*hello);
      break;
    case FrameKind::Update:
      if (const auto update = decode_update(body)) try_update(*update);
      break;
    case FrameKind::Ack:
      if (const auto ack = decode_ack(body)) {
        const auto again = decode_ack(body_of(encode_frame(*ack)));
        check(again && again->generation == ack->generation, "an ack is read again");
      }
      break;
    case FrameKind::Nack:
      if (const auto nack = decode_nack(body)) {
        const auto again = decode_nack(body_of(encode_frame(*nack)));
        check(again && again->key == nack->key, "a nack is read again");
      }
      break;
  }
  return 0;
}

/// Half of the time a valid frame: the one at hand with more in it, else a new one; then damaged in
/// its body, or cut, or left as it is.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  weir::fuzz::TableMaker make(seed);
  if (size > 0 && make.one_in(2)) return LLVMFuzzerMutate(data, size, most);

  const std::span<const std::uint8_t> bytes(data, size);
  const auto header = header_of(bytes);
  Bytes frame;
  if (make.one_in(8)) {
    frame = make.answer_frame();
  } else if (header ? header->kind == FrameKind::Hello : make.one_in(3)) {
    Hello hello;
    if (header) {
      if (const auto read = decode_hello(body_of(bytes))) hello = *read;
    }
    make.grow(hello);
    frame = encode_frame(hello);
  } else {
    Update update;
    if (header && header->kind == FrameKind::Update) {
      if (const auto read = decode_update(body_of(bytes))) update = *read;
    }
    make.grow(update);
    frame = encode_frame(update);
  }
  if (frame.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, frame.data(), frame.size());
  auto length = frame.size();
  if (make.one_in(2)) {
    auto* const body = data + FrameHeader::kSize;
    const auto cut = make.one_in(4) ? make.below(64) : 0;
    length = length - FrameHeader::kSize;
    length = cut < length ? length - cut : length;
    if (cut == 0) length = LLVMFuzzerMutate(body, length, most - FrameHeader::kSize);
    length += FrameHeader::kSize;
  }
  return length;
}
