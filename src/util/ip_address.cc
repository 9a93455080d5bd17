#include "util/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::util {

namespace {

constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  text.copy(terminated, text.size());
  terminated[text.size()] = '\0';
  std::uint8_t bytes[16];
  if (::inet_pton(AF_INET, terminated, bytes) == 1) return from_v4(bytes);
  if (::inet_pton(AF_INET6, terminated, bytes) == 1) return from_v6(bytes);
  return std::nullopt;
}

IpAddress IpAddress::from_v4(const std::uint8_t* four) {
  IpAddress address;
  std::copy_n(kMapped, sizeof kMapped, address.bytes.begin());
  std::copy_n(four, 4, address.bytes.begin() + sizeof kMapped);
  return address;
}

IpAddress IpAddress::from_v6(const std::uint8_t* sixteen) {
  IpAddress address;
  std::copy_n(sixteen, address.bytes.size(), address.bytes.begin());
  return address;
}

bool IpAddress::is_v4() const {
  return std::equal(std::begin(kMapped), std::end(kMapped), bytes.begin());
}

std::string IpAddress::text() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes.data() + sizeof kMapped, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto written = text.substr(0, slash);
  const auto address = IpAddress::parse(written);
  if (!address) return std::nullopt;
  // In "::ffff:10.0.0.0/104" the length is of the whole.
  const bool dotted = written.find(':') == std::string_view::npos;
  const unsigned most = dotted ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const auto length = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc() || end != length.data() + length.size() || bits > most) {
      return std::nullopt;
    }
  }
  if (dotted) bits += 96;
  return IpPrefix{masked(*address, bits), static_cast<std::uint8_t>(bits)};
}

IpAddress masked(const IpAddress& address, unsigned bits) {
  auto result = address;
  for (unsigned i = 0; i < result.bytes.size(); ++i) {
    const unsigned kept = bits > i * 8 ? std::min(bits - i * 8, 8U) : 0;
    result.bytes[i] = static_cast<std::uint8_t>(result.bytes[i] & ~(0xffU >> kept));
  }
  return result;
}

}  // namespace weir::util
