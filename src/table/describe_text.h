#pragma once

#include "table/describe_bounds.h"
#include "table/table.h"

/// Texts that are put together from a request, and fields of them (describe.h).
namespace weir::table {

inline constexpr std::size_t kMaxFieldName = 256;
inline constexpr std::size_t kMaxHeaderFields = 256;

inline const char* wrong_field_name(const std::string& name) {
  return is_token(name) ? nullptr : "is not a field name";
}

// Indexed by the enum's values.
inline constexpr const char* kSources[] = {"literal", "client_address", "host",     "request_uri",
                                           "header",  "cookie",         "argument", "scheme",
                                           "method",  "escaped_uri",    "user"};

template <class Io>
constexpr void describe(Of<TextPart>, Io& io) {
  io.choice("source", &TextPart::source, kSources);
  io.text("text", &TextPart::text, kName);
  io.check("text", "is empty", [](const TextPart& part) {
    using Source = TextPart::Source;
    const bool named = part.source == Source::Header || part.source == Source::Cookie ||
                       part.source == Source::Argument;
    return !named || !part.text.empty();
  });
}

/// Of a text that is the target of a request; another request's begins so, too.
inline bool begins_with_slash(const std::vector<TextPart>& target) {
  if (target.empty()) return false;
  const auto& first = target.front();
  return first.source == TextPart::Source::RequestUri ||
         (first.source == TextPart::Source::Literal && first.text.starts_with('/'));
}

template <class Io>
constexpr void describe(Of<HeaderField>, Io& io) {
  io.text("name", &HeaderField::name, TextRule{kMaxFieldName, wrong_field_name});
  io.list("value", &HeaderField::value, kMaxTextParts);
}

}  // namespace weir::table
