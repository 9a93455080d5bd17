#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ingress/annotations.h"

namespace weir::ingress {

/// As ingress-nginx takes booleans: 1 t T TRUE true True 0 f F FALSE false False.
std::optional<bool> parse_bool(std::string_view text);

/// Digits only.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// "30s", "1h30m", "500ms", "2d"; a plain number is seconds.
std::optional<std::uint32_t> parse_duration_ms(std::string_view text);

/// "1h30m" for 5'400'000; "0" for 0.
std::string format_duration(std::uint32_t ms);

/// Without white space at both ends.
std::string_view trimmed(std::string_view text);

/// Items without the white space around them; empty ones are left out. A blank as separator stands
/// for any white space.
std::vector<std::string> split_list(std::string_view text, char separator);

/// What may be written, for people: "`on` or `off`"; code is between the marks given.
std::string describe(const ValueType& type, std::string_view mark);

/// At most 100 bytes of somebody's text, and whole characters, to be quoted in a problem.
std::string_view shortened(std::string_view text);

struct Complaint {
  bool is_not_yet = false;  ///< the value is fine, but has no effect yet; else it is wrong
  std::string why;          ///< "\"x\" is not on or off"
  std::string instead;      ///< "the default, on, counts"
};

/// What becomes of paths whose protection cannot be had (Annotation::close).
inline constexpr std::string_view kClosed = "paths that it was to protect answer 503";

/// Puts a value, trimmed and not empty, into the policies: that of an annotation or of its twin in
/// the ConfigMap. With a complaint they are as before, or have `if_wrong`, or are closed. The type
/// has a `set`.
std::optional<Complaint> take_value(const Annotation& annotation, std::string_view text,
                                    Policies& policies);

}  // namespace weir::ingress
