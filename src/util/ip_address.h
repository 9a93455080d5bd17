#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::util {

/// An IPv4 or IPv6 address. IPv4 is kept mapped (::ffff:a.b.c.d, RFC 4291 §2.5.5.2), and what is
/// written so is the IPv4 address: both are one client.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  /// No port, no brackets, no zone; nullopt for anything else.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress from_v4(const std::uint8_t* four);
  static IpAddress from_v6(const std::uint8_t* sixteen);

  bool is_v4() const;
  /// "192.0.2.1", "2001:db8::1" (RFC 5952).
  std::string text() const;

  auto operator<=>(const IpAddress&) const = default;
};

/// A network, or one address.
struct IpPrefix {
  IpAddress address;      ///< its bits behind the prefix are 0
  std::uint8_t bits = 0;  ///< of the 128: 96 more than written for IPv4

  /// "10.0.0.0/8", "2001:db8::/32", or an address for itself alone. Bits behind the prefix are
  /// cleared. nullopt for anything else.
  static std::optional<IpPrefix> parse(std::string_view text);

  auto operator<=>(const IpPrefix&) const = default;
};

/// `address` with all bits behind the first `bits` cleared.
IpAddress masked(const IpAddress& address, unsigned bits);

}  // namespace weir::util
