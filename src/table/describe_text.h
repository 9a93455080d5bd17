#pragma once

#include "table/describe_bounds.h"
#include "table/table.h"

/// Texts that are put together from a request (describe.h).
namespace weir::table {

// Indexed by the enum's values.
inline constexpr const char* kSources[] = {"literal", "client_address", "host",     "request_uri",
                                           "header",  "cookie",         "argument", "scheme",
                                           "method",  "escaped_uri"};

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

}  // namespace weir::table
