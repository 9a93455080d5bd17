#include "proxy/chunk_decoder.h"

#include <string>

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

/// Feeds `bytes` in pieces of `piece` and returns the content; "?" when malformed, "…" when not
/// done.
std::string decode(std::string bytes, std::size_t piece, std::size_t* used = nullptr) {
  ChunkDecoder decoder;
  std::string content;
  std::size_t total = 0;
  while (total < bytes.size()) {
    const std::span<char> next(bytes.data() + total, std::min(piece, bytes.size() - total));
    const auto step = decoder.feed(next, /*strip=*/true);
    if (step.malformed) return "?";
    content.append(next.data(), step.decoded);
    total += step.used;
    if (used != nullptr) *used = total;
    if (step.done) return content;
  }
  return content + "…";
}

TEST(ChunkDecoder, GivesTheContentHoweverItIsCut) {
  const std::string bytes = "5\r\nhello\r\nA;x=\"y\"\r\n, world!!!\r\n0\r\nX-Sum: 1\r\n\r\nGET /";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    std::size_t used = 0;
    EXPECT_EQ(decode(bytes, piece, &used), "hello, world!!!") << piece;
    EXPECT_EQ(used, bytes.size() - 5) << "the next request is not touched";
  }
}

TEST(ChunkDecoder, WaitsForTheEnd) {
  EXPECT_EQ(decode("5\r\nhel", 100), "hel…");
  EXPECT_EQ(decode("0\r\n", 100), "…");
}

class MalformedChunks : public testing::TestWithParam<std::string> {};

TEST_P(MalformedChunks, AreRefused) {
  EXPECT_EQ(decode(GetParam(), 1), "?");
  EXPECT_EQ(decode(GetParam(), 1000), "?");
}

INSTANTIATE_TEST_SUITE_P(
    Rfc9112, MalformedChunks,
    testing::Values("+5\r\nhello\r\n", "-1\r\n", "0x5\r\nhello\r\n", " 5\r\nhello\r\n",
                    "5 \r\nhello\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n", "\r\n",
                    "g\r\n", "5;a\x01\r\nhello\r\n", "11111111111111111\r\n",
                    "5;" + std::string(300, 'a') + "\r\nhello\r\n",
                    "0\r\nContent-Length: 5\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "0\r\nHost: b\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\nX : x\r\n\r\n",
                    "0\r\nX: a\rb\r\n\r\n", "0\r\nX: " + std::string(9000, 'a') + "\r\n\r\n",
                    "0\r\n\n", "0" + std::string(40, '0') + "\r\n\r\n"));

}  // namespace
}  // namespace weir::proxy
