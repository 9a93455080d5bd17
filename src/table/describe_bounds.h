#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "table/describe.h"
#include "table/text_rules.h"
#include "util/ip_address.h"

/// Bounds and rules that several descriptions share. A `wrong_…` says what is wrong with a text,
/// nullptr if nothing.
namespace weir::table {

inline constexpr std::size_t kMaxPem = 1024 * 1024;
inline constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::uint32_t>::max();
inline constexpr NumberRule kMilliseconds = {0, kMaxMilliseconds};
/// Of what must end some time, but perhaps after days, and of what need not.
inline constexpr NumberRule kLongWait = {1, kMaxTunnelMilliseconds};
inline constexpr NumberRule kLongTime = {0, kMaxTunnelMilliseconds};
inline constexpr NumberRule kPort = {1, std::numeric_limits<std::uint16_t>::max()};
inline constexpr NumberRule kPerSecond = {0, 1'000'000};
inline constexpr NumberRule kBurst = {1, 1'000'000};
inline constexpr NumberRule kVerifyDepth = {0, kMaxVerifyDepth};

inline bool is_network(std::string_view text) {
  return util::IpPrefix::parse(text).has_value();
}

inline constexpr ItemRule kNetworks = {4096, is_network, "that is no network"};

inline const char* wrong_name(const std::string& name) {
  return has_control_character(name) ? "has a control character" : nullptr;
}

inline const char* wrong_needed_name(const std::string& name) {
  return name.empty() ? "is empty" : wrong_name(name);
}

inline constexpr TextRule kName = {kMaxRuleText, wrong_name};
inline constexpr TextRule kNeededName = {kMaxRuleText, wrong_needed_name};
inline constexpr TextRule kCiphers = {kMaxCiphers, wrong_name};
inline constexpr TextRule kPem = {kMaxPem};

}  // namespace weir::table
