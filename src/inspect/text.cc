#include "inspect/text.h"

#include <fmt/format.h>

namespace weir::inspect {

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, which some terminals take for control characters, are two bytes.
    const bool is_long =
        c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    const bool is_control = c < 0x20 || c == 0x7f || is_long;
    clean += is_control ? '?' : text[i];
    if (is_long) ++i;
  }
  return clean;
}

std::string toned(std::string_view text, Tone tone, bool colours) {
  // Select Graphic Rendition (ECMA-48 §8.3.117).
  constexpr const char* kCodes[] = {"", "1", "32", "33", "1;31"};
  if (!colours || tone == Tone::Plain) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", kCodes[static_cast<std::size_t>(tone)], text);
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace weir::inspect
