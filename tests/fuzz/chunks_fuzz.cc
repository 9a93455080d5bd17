#include "fuzz/check.h"
#include "fuzz/http_oracle.h"
#include "proxy/chunk_decoder.h"

namespace {

using weir::fuzz::check;
using weir::fuzz::NaiveChunks;
using weir::proxy::ChunkDecoder;

/// Feeds `bytes` in pieces whose sizes follow from `pattern`; 0: one piece.
NaiveChunks decode(std::string_view bytes, std::uint8_t pattern, bool strip) {
  NaiveChunks result;
  ChunkDecoder decoder;
  std::uint32_t state = pattern;
  std::size_t decoded = 0;
  while (!bytes.empty()) {
    state = state * 1664525U + 1013904223U;
    const auto size = pattern == 0 ? bytes.size() : 1 + (state >> 16) % pattern % bytes.size();
    std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto step = decoder.feed(piece, strip);
    check(step.used <= size && step.decoded <= step.used, "no more than there is");
    result.used += step.used;
    decoded += step.decoded;
    if (strip) result.content.append(piece.data(), step.decoded);
    if (step.malformed || step.done) {
      result.verdict =
          step.malformed ? NaiveChunks::Verdict::Malformed : NaiveChunks::Verdict::Done;
      break;
    }
    check(step.used == size, "all is used until the end");
    bytes.remove_prefix(size);
  }
  if (strip) check(decoded == result.content.size(), "content is counted");
  return result;
}

}  // namespace

/// The first byte says how the body is cut into pieces; the rest is the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  const auto expected = weir::fuzz::naive_chunks(bytes);
  for (const std::uint8_t pattern : {std::uint8_t{0}, std::uint8_t{1}, data[0]}) {
    for (const bool strip : {false, true}) {
      const auto result = decode(bytes, pattern, strip);
      check(result.verdict == expected.verdict, "the same verdict");
      check(!strip || result.content == expected.content, "the same content");
      check(expected.verdict != NaiveChunks::Verdict::Done || result.used == expected.used,
            "the same end");
    }
  }
  return 0;
}
