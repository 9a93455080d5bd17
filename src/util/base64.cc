#include "util/base64.h"

#include <array>
#include <cstdint>

namespace weir::util {

namespace {

constexpr std::uint8_t kInvalid = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kInvalid);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr auto kValues = make_values();

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const auto value = kValues[static_cast<unsigned char>(c)];
    if (value == kInvalid || padding > 0) return std::nullopt;
    group = group << 6 | value;
    if (++digits == 4) {
      bytes.push_back(static_cast<char>(group >> 16 & 0xff));
      bytes.push_back(static_cast<char>(group >> 8 & 0xff));
      bytes.push_back(static_cast<char>(group & 0xff));
      group = 0;
      digits = 0;
    }
  }
  if (digits == 0) return padding == 0 ? std::optional(std::move(bytes)) : std::nullopt;
  if (digits == 1 || digits + padding != 4) return std::nullopt;
  bytes.push_back(static_cast<char>(group >> (digits == 2 ? 4 : 10) & 0xff));
  if (digits == 3) bytes.push_back(static_cast<char>(group >> 2 & 0xff));
  return bytes;
}

}  // namespace weir::util
