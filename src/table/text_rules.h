#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// What may stand in some texts and numbers of the table. The codec refuses everything else; who
/// makes a table asks here first, and so can say it in words of its own.
namespace weir::table {

inline constexpr std::size_t kMaxUpgradeProtocols = 32;
inline constexpr std::size_t kMaxOrigins = 256;
inline constexpr std::size_t kMaxRuleText = 1024;    ///< bytes of one origin, protocol or name
inline constexpr std::size_t kMaxCloseReason = 123;  ///< bytes; RFC 6455 §5.5
inline constexpr std::uint32_t kMaxTries = 16;
inline constexpr std::uint32_t kMaxEndpointRequests = 1'000'000;
inline constexpr std::uint32_t kMaxEndpointQueue = 100'000;
inline constexpr std::uint32_t kMaxChecks = 1'000;  ///< in a row, of an endpoint's health
inline constexpr std::uint32_t kLeastStatus = 100;
inline constexpr std::uint32_t kMostStatus = 599;
inline constexpr std::uint32_t kLeastRedirect = 300;
inline constexpr std::uint32_t kMostRedirect = 308;
inline constexpr std::uint32_t kMaxVerifyDepth = 32;
inline constexpr std::size_t kMaxTextParts = 32;
inline constexpr std::size_t kMaxAuthHeaders = 256;
inline constexpr std::size_t kMaxUsers = 10'000;
inline constexpr std::size_t kMaxUserText = 512;            ///< bytes of a user's name, or hash
inline constexpr std::size_t kMaxCorsText = 4 * 1024;       ///< bytes of one field's value
inline constexpr std::size_t kMaxCiphers = 4 * 1024;        ///< bytes
inline constexpr std::size_t kMaxOcspResponse = 64 * 1024;  ///< bytes
inline constexpr std::uint32_t kLeastHeadBytes = 1024;      ///< that a request's head may take
inline constexpr std::uint32_t kMostHeadBytes = 1024 * 1024;
inline constexpr std::uint64_t kMaxBodyBytes = std::uint64_t{1} << 50;
/// Of times, but for those that a tunnel may need longer.
inline constexpr std::uint32_t kMaxMilliseconds = 24 * 3600 * 1000;
inline constexpr std::uint32_t kMaxTunnelMilliseconds = 40U * 24 * 3600 * 1000;

/// Names end up in logs and metrics: no byte below 0x20, nor 0x7f.
bool has_control_character(std::string_view text);

/// Lower-case labels between dots (RFC 1123 §2.1, and "_", which DNS has in use).
bool is_host_name(std::string_view name);

/// RFC 9110 §5.6.2.
bool is_token(std::string_view text);

/// A path, perhaps with a query, that can stand in a request line: "/healthz?full=1".
bool is_request_path(std::string_view text);

/// What a dialog for a password may show: letters, digits, blanks and any of "-._~/:".
bool is_realm(std::string_view text);

/// Can be the value of a field: no byte below 0x20, nor 0x7f or above.
bool is_visible_text(std::string_view text);

/// scheme://host[:port], the host perhaps with a leading "*.", or "null"; lower case.
bool is_cors_origin(std::string_view text);

/// What can stand in a Host field: letters, digits, "-", "_", ".", and what an address and a port
/// need.
bool is_host_field(std::string_view text);

/// What stands in `Upgrade`, perhaps with a version: "spdy/3.1" (RFC 9110 §7.8).
bool is_upgrade_protocol(std::string_view text);

/// "same-host", "none", or scheme://host[:port], the host perhaps with a leading "*.".
bool is_origin_rule(std::string_view rule);

/// What an endpoint may send (RFC 6455 §7.4, and what IANA has registered since).
bool is_close_code(std::uint64_t code);

/// UTF-8 of at most kMaxCloseReason bytes.
bool is_close_reason(std::string_view reason);

}  // namespace weir::table
