#include "ingress/nginx_time.h"

#include <charconv>
#include <limits>

namespace weir::ingress {

std::optional<std::uint32_t> parse_seconds(std::string_view text) {
  std::uint64_t total = 0;
  bool any = false;
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || count > std::numeric_limits<std::uint32_t>::max()) {
      return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::uint64_t unit = 1;
    if (!text.empty() && text.front() != ' ') {
      switch (text.front()) {
        case 's':
          unit = 1;
          break;
        case 'm':
          unit = 60;
          break;
        case 'h':
          unit = 3600;
          break;
        case 'd':
          unit = 24 * 3600;
          break;
        default:
          return std::nullopt;
      }
      text.remove_prefix(1);
    }
    total += count * unit;
    any = true;
  }
  if (!any || total > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(total);
}

}  // namespace weir::ingress
